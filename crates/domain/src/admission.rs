//! Admission rules: the operator's decision about the people of one provider.
//!
//! A rule has a criterion and the values that it accepts. All rules of a provider must hold; each holds with
//! one of its values. The rule about single accounts stands apart: it admits its accounts whatever the other
//! rules say, and where it is the only rule it admits no others. Without any rule, every person of the
//! provider is admitted.
//!
//! An unknown claim counts as absent. A rule without values is not representable, so an accidentally empty
//! setting never means "everyone".

use std::collections::HashSet;

use crate::identity::ExternalIdentity;
use crate::people::{EmailAddress, Role};
use crate::text::named;

named! {
    /// The claim that a rule reads, under the rule's name in the configuration.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Criterion {
        /// The whole domain of the person's trusted e-mail address: neither sub-domains nor look-alikes.
        EmailDomain = "email_domains",
        /// The tenant in the ID token (`tid`).
        Tenant = "tenants",
        /// The hosted domain in the ID token (`hd`).
        HostedDomain = "hosted_domains",
        /// A group, exactly as the provider names it.
        Group = "groups",
        /// An organisation, in any case.
        Organization = "organizations",
        /// A person: the trusted e-mail address, or the provider's subject.
        Account = "accounts",
    }
}

/// One rule: a criterion and the values that it accepts, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    criterion: Criterion,
    values: Vec<String>,
}

/// The reason that a rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitRule {
    /// There is no value: the rule would reject everyone.
    #[error("has no values: leave it out, or name whom it lets in")]
    Empty,
    /// A value is blank.
    #[error("has a blank value")]
    Blank,
    /// Two values are parts of one distinguished name (RFC 4514), which was split at its commas.
    #[error(
        "has {0:?} and {1:?}, parts of one distinguished name: write it as one text in a list, such as \
         [\"cn=lab,ou=groups,dc=example,dc=org\"]"
    )]
    SplitName(String, String),
    /// A value is not a domain.
    #[error("{0:?} is not a domain, such as example.org; sub-domains are named one by one")]
    NotADomain(String),
}

impl Rule {
    /// Builds a rule from the configuration.
    ///
    /// # Errors
    /// See [`UnfitRule`].
    pub fn new(
        criterion: Criterion,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, UnfitRule> {
        let values = values.into_iter().map(|value| canonical(criterion, &value.into()));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if criterion == Criterion::Group
            && let Some((first, second)) = parts_of_a_name(&values)
        {
            return Err(UnfitRule::SplitName(first.clone(), second.clone()));
        }
        if values.is_empty() { Err(UnfitRule::Empty) } else { Ok(Self { criterion, values }) }
    }

    /// Returns the values that the rule accepts.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Returns the criterion.
    #[must_use]
    pub fn criterion(&self) -> Criterion {
        self.criterion
    }

    /// Returns whether the rule holds for a person.
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
            // A subject that reads like an address is not a verified address.
            Criterion::Account => self.values.iter().any(|value| match EmailAddress::parse(value) {
                Ok(address) => email == Some(&address),
                Err(_) => value == identity.subject.as_str(),
            }),
        }
    }
}

/// Returns neighbours that look like parts of one distinguished name: `ATTRIBUTE=value` both, and the second
/// with an attribute that stands above others in a directory.
fn parts_of_a_name(values: &[String]) -> Option<(&String, &String)> {
    let attribute = |value: &str| {
        let (attribute, _) = value.split_once('=').filter(|_| !value.contains(','))?;
        Some(attribute.trim().to_ascii_lowercase())
    };
    let is_above = |name: String| matches!(name.as_str(), "ou" | "dc" | "o" | "c" | "l" | "st" | "cn");
    let mut neighbours = values.iter().zip(values.iter().skip(1));
    neighbours.find(|(first, second)| attribute(first).is_some() && attribute(second).is_some_and(is_above))
}

/// Returns a value in the form for comparison.
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
        // An address may be written in any case; any other text is a subject, byte for byte.
        Criterion::Account => {
            Ok(EmailAddress::parse(value).map_or_else(|_| value.to_owned(), |address| address.to_string()))
        }
        _ => Ok(value.to_owned()),
    }
}

/// The rules of a provider, and the groups that make a person an administrator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdmissionRules {
    rules: Vec<Rule>,
    administrators: Option<Vec<String>>,
}

/// The result of the rules for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// The new role; `None` keeps the role.
    pub role: Option<Role>,
}

/// The admission of a person, with the deciding rule.
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
        /// The rule.
        by: Criterion,
    },
    /// A rule needs all of the person's groups, and the provider did not name them all.
    GroupsUnknown,
}

impl Decision {
    /// Returns whether the person may come in.
    #[must_use]
    pub fn admits(&self) -> bool {
        matches!(self, Self::NoRules | Self::Admitted { .. })
    }
}

impl AdmissionRules {
    /// Builds the rules, at most one for each criterion, and the groups that make a person an administrator,
    /// if groups decide that.
    #[must_use]
    pub fn new(rules: Vec<Rule>, administrators: Option<Vec<String>>) -> Self {
        Self { rules, administrators }
    }

    /// Returns the rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns whether the result depends on the person's groups.
    #[must_use]
    pub fn depend_on_groups(&self) -> bool {
        self.administrators.is_some() || self.rules.iter().any(|rule| rule.criterion == Criterion::Group)
    }

    /// Returns the groups that make a person an administrator; `None` when groups do not decide that.
    #[must_use]
    pub fn administrators(&self) -> Option<&[String]> {
        self.administrators.as_deref()
    }

    /// Puts the groups first that a rule or the role names, so that they stay where there is no room for all.
    pub fn put_named_first(&self, groups: &mut [String]) {
        let of_rules = self.rules.iter().filter(|rule| rule.criterion == Criterion::Group);
        let named: HashSet<&String> =
            of_rules.flat_map(|rule| &rule.values).chain(self.administrators.iter().flatten()).collect();
        groups.sort_by_key(|group| !named.contains(group));
    }

    /// Returns the one hosted domain, if that is the only rule.
    #[must_use]
    pub fn only_hosted_domain(&self) -> Option<&str> {
        let [Rule { criterion: Criterion::HostedDomain, values }] = &*self.rules else { return None };
        let [domain] = &**values else { return None };
        Some(domain)
    }

    /// Judges a person. `email` is the person's address, if it is trusted.
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

    /// The groups decide. With an incomplete list the named groups decide: the role of an administrator never
    /// rests on an earlier sign-in.
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
            username: None,
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
    fn every_rule_must_hold_with_one_of_its_values() {
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
    fn single_accounts_are_admitted_whatever_the_other_rules_say() {
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
    fn incomplete_groups_admit_no_one_and_take_nothing_away() {
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
    fn c110_an_address_in_a_rule_does_not_admit_an_equal_subject() {
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
    fn groups_decide_the_role_only_where_the_operator_says_so() {
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
    fn f15_groups_that_a_rule_names_come_first() {
        let rules = AdmissionRules::new(
            vec![rule(Criterion::Group, "lab"), rule(Criterion::Organization, "acme")],
            Some(vec!["root".to_owned()]),
        );
        let mut groups = ["acme", "a", "root", "b", "lab"].map(str::to_owned);
        rules.put_named_first(&mut groups);
        assert_eq!(groups, ["root", "lab", "acme", "a", "b"]);
    }

    #[test]
    fn f16_a_distinguished_name_that_was_split_is_no_rule() {
        let split = ["cn=lab", "ou=groups", "dc=example", "dc=org"];
        let refused = Rule::new(Criterion::Group, split);
        assert_eq!(refused, Err(UnfitRule::SplitName("cn=lab".to_owned(), "ou=groups".to_owned())));
        for split in [["CN = lab", " DC=org"], ["uid=a", "o=lab"], ["x", "cn=a,dc=b"]] {
            let is_split = Rule::new(Criterion::Group, split).is_err();
            assert_eq!(is_split, split[0] != "x", "{split:?}");
        }
        for whole in [["cn=lab,dc=org", "cn=staff,dc=org"], ["team=a", "team=b"], ["lab", "cn=x"]] {
            assert!(Rule::new(Criterion::Group, whole).is_ok(), "{whole:?}");
        }
    }

    #[test]
    fn one_hosted_domain_alone_is_the_only_hosted_domain() {
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
    fn a_rule_without_values_is_not_representable() {
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
