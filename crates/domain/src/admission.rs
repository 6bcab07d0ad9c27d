//! Who of a provider's people may come in: the operator's rules, each for one provider.
//!
//! A rule names what it looks at and which values it takes. All rules of a provider must hold; of each, one value is enough.
//! The rule about single accounts stands apart: whoever it names comes in whatever the others say, and where it stands alone
//! nobody else does. Without any rule, whoever the provider signs in comes in.
//!
//! What cannot be known counts as not there. A rule without values cannot be written down, so nothing that is empty by
//! mistake ever means "everyone".

use crate::identity::ExternalIdentity;
use crate::people::{EmailAddress, Role};

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// The domain of the person's trusted e-mail address, the whole of it: neither sub-domains nor look-alikes.
    EmailDomain,
    /// The tenant that the identity token names (`tid`).
    Tenant,
    /// The hosted domain that the identity token names (`hd`).
    HostedDomain,
    /// A group, exactly as the provider names it.
    Group,
    /// An organisation, whatever the case.
    Organization,
    /// A person: their trusted e-mail address, or the subject that the provider knows them by.
    Account,
}

impl Criterion {
    /// Every criterion.
    pub const ALL: &[Self] = &[
        Self::EmailDomain,
        Self::Tenant,
        Self::HostedDomain,
        Self::Group,
        Self::Organization,
        Self::Account,
    ];

    /// The rule's name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmailDomain => "email_domains",
            Self::Tenant => "tenants",
            Self::HostedDomain => "hosted_domains",
            Self::Group => "groups",
            Self::Organization => "organizations",
            Self::Account => "accounts",
        }
    }
}

/// One rule: a criterion and the values that it takes, of which there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    criterion: Criterion,
    values: Vec<String>,
}

/// Why something is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitRule {
    /// No value: it would keep everybody out, which nobody means.
    #[error("has no values: leave it out, or name whom it lets in")]
    Empty,
    /// A blank value.
    #[error("has a blank value")]
    Blank,
    /// Not a domain.
    #[error("{0:?} is not a domain, such as example.org; sub-domains are named one by one")]
    NotADomain(String),
}

impl Rule {
    /// Takes a rule from the configuration.
    ///
    /// # Errors
    /// See [`UnfitRule`].
    pub fn new(
        criterion: Criterion,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, UnfitRule> {
        let values = values.into_iter().map(|value| canonical(criterion, &value.into()));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if values.is_empty() { Err(UnfitRule::Empty) } else { Ok(Self { criterion, values }) }
    }

    /// What it looks at.
    #[must_use]
    pub fn criterion(&self) -> Criterion {
        self.criterion
    }

    /// Whether somebody of whom this is true fulfils it.
    fn holds_for(&self, identity: &ExternalIdentity, email: Option<&EmailAddress>) -> bool {
        let takes = |value: &str| self.values.iter().any(|known| known == value);
        let takes_any_case = |value: &str| self.values.iter().any(|known| known.eq_ignore_ascii_case(value));
        let memberships = &identity.memberships;
        match self.criterion {
            Criterion::EmailDomain => email.is_some_and(|email| takes(email.domain())),
            Criterion::Tenant => memberships.tenant.as_deref().is_some_and(takes_any_case),
            Criterion::HostedDomain => memberships.hosted_domain.as_deref().is_some_and(takes_any_case),
            Criterion::Group => identity.groups.iter().any(|group| takes(group)),
            Criterion::Organization => memberships.organizations.iter().any(|name| takes_any_case(name)),
            // A subject that reads like an address is none that anybody has vouched for.
            Criterion::Account => self.values.iter().any(|value| match EmailAddress::parse(value) {
                Ok(address) => email == Some(&address),
                Err(_) => value == identity.subject.as_str(),
            }),
        }
    }
}

/// A value in the form that it is compared in.
fn canonical(criterion: Criterion, value: &str) -> Result<String, UnfitRule> {
    let value = value.trim();
    if value.is_empty() {
        return Err(UnfitRule::Blank);
    }
    match criterion {
        Criterion::EmailDomain => {
            let address = EmailAddress::parse(&format!("x@{value}"));
            let domain = address.map(|address| address.domain().to_owned());
            domain.map_err(|_| UnfitRule::NotADomain(value.to_owned()))
        }
        // An address may be written in any case; what is none is a subject, byte for byte.
        Criterion::Account => Ok(EmailAddress::parse(value).map_or_else(|_| value.to_owned(), String::from)),
        _ => Ok(value.to_owned()),
    }
}

/// A provider's rules, and which of its groups administer the lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionRules {
    rules: Vec<Rule>,
    administrators: Option<Vec<String>>,
}

/// What the rules say of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether they come in.
    pub decision: Decision,
    /// What they may do from now on; `None` leaves it as it is.
    pub role: Option<Role>,
}

/// Whether somebody comes in, and which rule decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is no rule.
    NoRules,
    /// All rules hold, or the one about single accounts.
    Admitted {
        /// The rules that hold.
        by: Vec<Criterion>,
    },
    /// A rule does not hold.
    Refused {
        /// Which.
        by: Criterion,
    },
    /// A rule needs all of the person's groups, and the provider did not name them all.
    GroupsUnknown,
}

impl AdmissionRules {
    /// Rules, of which each criterion has at most one; and the groups whose members administer the lab, if the provider's
    /// groups say so at all.
    #[must_use]
    pub fn new(rules: Vec<Rule>, administrators: Option<Vec<String>>) -> Self {
        Self { rules, administrators }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether anything depends on which groups somebody is in.
    #[must_use]
    pub fn depend_on_groups(&self) -> bool {
        self.administrators.is_some() || self.rules.iter().any(|rule| rule.criterion == Criterion::Group)
    }

    /// The groups whose members administer the lab; `None` when groups say nothing about that.
    #[must_use]
    pub fn administrators(&self) -> Option<&[String]> {
        self.administrators.as_deref()
    }

    /// The hosted domain outside which nobody comes in, if that is the one rule.
    #[must_use]
    pub fn only_hosted_domain(&self) -> Option<&str> {
        let [Rule { criterion: Criterion::HostedDomain, values }] = &*self.rules else { return None };
        let [domain] = &**values else { return None };
        Some(domain)
    }

    /// What the rules say of whoever has this identity. `email` is their address, if it can be trusted.
    #[must_use]
    pub fn judge(&self, identity: &ExternalIdentity, email: Option<&EmailAddress>) -> Verdict {
        Verdict { decision: self.decide(identity, email), role: self.role(identity) }
    }

    fn decide(&self, identity: &ExternalIdentity, email: Option<&EmailAddress>) -> Decision {
        if self.rules.is_empty() {
            return Decision::NoRules;
        }
        let (accounts, others): (Vec<&Rule>, Vec<&Rule>) =
            self.rules.iter().partition(|rule| rule.criterion == Criterion::Account);
        if accounts.iter().any(|rule| rule.holds_for(identity, email)) {
            return Decision::Admitted { by: vec![Criterion::Account] };
        }
        if others.is_empty() {
            return Decision::Refused { by: Criterion::Account };
        }
        match others.iter().find(|rule| !rule.holds_for(identity, email)) {
            None => Decision::Admitted { by: others.iter().map(|rule| rule.criterion).collect() },
            Some(rule) if rule.criterion == Criterion::Group && !identity.memberships.groups_are_complete => {
                Decision::GroupsUnknown
            }
            Some(rule) => Decision::Refused { by: rule.criterion },
        }
    }

    /// The groups decide. Where they are not all known, those that are do: who may administer the lab is never taken on
    /// trust from an earlier day.
    fn role(&self, identity: &ExternalIdentity) -> Option<Role> {
        let administrators = self.administrators.as_ref()?;
        let administers = identity.groups.iter().any(|group| administrators.contains(group));
        Some(if administers { Role::Admin } else { Role::User })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{EmailClaim, Memberships};
    use crate::protocol::{Issuer, Subject};

    fn identity(groups: &[&str], memberships: Memberships) -> ExternalIdentity {
        ExternalIdentity {
            issuer: Issuer::parse("https://op.example").unwrap(),
            subject: Subject::parse("583231").unwrap(),
            email: EmailClaim::Missing,
            name: None,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            memberships,
            authentication_methods: Vec::new(),
            authenticated_at: None,
            session: None,
            id_token_hint: None,
            refresh_token: None,
        }
    }

    fn rule(criterion: Criterion, value: &str) -> Rule {
        Rule::new(criterion, [value]).unwrap()
    }

    fn email(address: &str) -> Option<EmailAddress> {
        EmailAddress::parse(address).ok()
    }

    fn decision(rules: Vec<Rule>, identity: &ExternalIdentity, email: Option<&EmailAddress>) -> Decision {
        AdmissionRules::new(rules, None).judge(identity, email).decision
    }

    #[test]
    fn c110_a_domain_is_the_whole_domain_of_a_trusted_address() {
        let nobody = identity(&[], Memberships::default());
        let rules = || vec![rule(Criterion::EmailDomain, "Example.com")];
        let by = Criterion::EmailDomain;
        assert_eq!(
            decision(rules(), &nobody, email("ada@EXAMPLE.com").as_ref()),
            Decision::Admitted { by: vec![by] }
        );
        for other in [
            "a@evilexample.com",
            "a@example.com.evil",
            "a@sub.example.com",
            "a@example.org",
            "example.com@evil",
        ] {
            assert_eq!(
                decision(rules(), &nobody, email(other).as_ref()),
                Decision::Refused { by },
                "{other}"
            );
        }
        assert_eq!(
            decision(rules(), &nobody, None),
            Decision::Refused { by },
            "an address that nobody vouches for"
        );
        let idn = vec![rule(Criterion::EmailDomain, "b\u{fc}cher.example")];
        assert!(matches!(
            decision(idn, &nobody, email("ada@xn--bcher-kva.example").as_ref()),
            Decision::Admitted { .. }
        ));
    }

    #[test]
    fn all_rules_must_hold_and_of_each_one_value() {
        let memberships = Memberships {
            tenant: Some("AAAA".to_owned()),
            hosted_domain: Some("example.org".to_owned()),
            organizations: vec!["Acme".to_owned()],
            groups_are_complete: true,
        };
        let ada = identity(&["lab"], memberships);
        let all = vec![
            rule(Criterion::Tenant, "aaaa"),
            rule(Criterion::HostedDomain, "example.org"),
            rule(Criterion::Organization, "acme"),
            Rule::new(Criterion::Group, ["staff", "lab"]).unwrap(),
        ];
        assert!(matches!(decision(all.clone(), &ada, None), Decision::Admitted { by } if by.len() == 4));
        for position in 0..all.len() {
            let mut rules = all.clone();
            let criterion = rules[position].criterion;
            rules[position] = rule(criterion, "LAB");
            assert_eq!(decision(rules, &ada, None), Decision::Refused { by: criterion });
        }
    }

    #[test]
    fn single_accounts_come_in_whatever_the_other_rules_say() {
        let nobody = identity(&[], Memberships::default());
        let by = vec![Criterion::Account];
        for (value, address) in [("583231", None), ("ADA@example.com", email("ada@example.com"))] {
            let rules = vec![rule(Criterion::Group, "lab"), rule(Criterion::Account, value)];
            assert_eq!(decision(rules, &nobody, address.as_ref()), Decision::Admitted { by: by.clone() });
        }
        let alone = vec![rule(Criterion::Account, "somebody else")];
        assert_eq!(decision(alone, &nobody, None), Decision::Refused { by: Criterion::Account });
        let untrusted = vec![rule(Criterion::Account, "ada@example.com")];
        assert_eq!(decision(untrusted, &nobody, None), Decision::Refused { by: Criterion::Account });
    }

    #[test]
    fn groups_that_are_not_all_known_let_nobody_in_and_take_nothing_away() {
        let unknown = Memberships { groups_are_complete: false, ..Memberships::default() };
        let some = identity(&["one"], unknown);
        assert_eq!(decision(vec![rule(Criterion::Group, "lab")], &some, None), Decision::GroupsUnknown);
        assert!(matches!(
            decision(vec![rule(Criterion::Group, "one")], &some, None),
            Decision::Admitted { .. }
        ));
        let role = |group: &str| {
            AdmissionRules::new(Vec::new(), Some(vec![group.to_owned()])).judge(&some, None).role
        };
        assert_eq!((role("one"), role("lab-admins")), (Some(Role::Admin), Some(Role::User)));
    }

    #[test]
    fn c110_an_account_named_by_its_address_is_not_whoever_has_that_as_a_subject() {
        let rules = || vec![rule(Criterion::Account, "ada@example.com")];
        let planted = ExternalIdentity {
            subject: Subject::parse("ada@example.com").unwrap(),
            ..identity(&[], Memberships::default())
        };
        let by = Criterion::Account;
        assert_eq!(decision(rules(), &planted, None), Decision::Refused { by });
        let mallory = email("mallory@example.com");
        assert_eq!(decision(rules(), &planted, mallory.as_ref()), Decision::Refused { by });
        let ada = email("Ada@Example.com");
        assert!(matches!(decision(rules(), &planted, ada.as_ref()), Decision::Admitted { .. }));
    }

    #[test]
    fn groups_decide_about_the_role_only_where_the_operator_says_so() {
        let ada = identity(&["lab-admins"], Memberships::default());
        assert_eq!(
            AdmissionRules::default().judge(&ada, None),
            Verdict { decision: Decision::NoRules, role: None }
        );
        let mapped = |group: &str| AdmissionRules::new(Vec::new(), Some(vec![group.to_owned()]));
        assert_eq!(mapped("lab-admins").judge(&ada, None).role, Some(Role::Admin));
        assert_eq!(mapped("LAB-ADMINS").judge(&ada, None).role, Some(Role::User));
    }

    #[test]
    fn one_hosted_domain_says_where_people_belong_and_nothing_else_does() {
        let hosted = || rule(Criterion::HostedDomain, "example.org");
        let only = |rules| AdmissionRules::new(rules, None).only_hosted_domain().map(str::to_owned);
        assert_eq!(only(vec![hosted()]).as_deref(), Some("example.org"));
        let two = Rule::new(Criterion::HostedDomain, ["example.org", "example.com"]).unwrap();
        for rules in [
            vec![],
            vec![two],
            vec![rule(Criterion::EmailDomain, "example.org")],
            // A single person may belong elsewhere.
            vec![hosted(), rule(Criterion::Account, "ada@example.com")],
        ] {
            assert_eq!(only(rules.clone()), None, "{rules:?}");
        }
    }

    #[test]
    fn a_rule_that_lets_nobody_in_by_mistake_cannot_be_written_down() {
        assert_eq!(Rule::new(Criterion::Group, Vec::<String>::new()), Err(UnfitRule::Empty));
        assert_eq!(Rule::new(Criterion::Group, [" "]), Err(UnfitRule::Blank));
        for bad in ["@example.com", "*.example.com", "a@b.example", "example..com", "https://example.com"] {
            assert!(
                matches!(Rule::new(Criterion::EmailDomain, [bad]), Err(UnfitRule::NotADomain(_))),
                "{bad}"
            );
        }
    }
}
