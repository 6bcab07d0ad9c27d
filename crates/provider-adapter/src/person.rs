//! The person, from verified claims (OpenID Connect Core section 5.1).

use std::collections::HashSet;

use labgate_domain::admission::Criterion;
use labgate_domain::identity::{EmailClaim, ExternalIdentity, Memberships};
use labgate_domain::people::{DisplayName, EmailAddress, Username};
use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::{Issuer, Subject};
use serde_json::{Map, Value};

use crate::claim_path::ClaimPath;
use crate::kinds::entra::tenants;
use crate::quirks::{Evidence, GroupList, Name, PersonClaims};
use crate::settings::{ClaimNames, ProviderSettings};
use crate::stated_groups::{StatedGroups, shape};

/// The longest tenant and hosted domain, in bytes.
const MAX_MEMBERSHIP_BYTES: usize = 256;
/// The room for the names of a person's groups, in bytes.
const MAX_GROUPS_BYTES: usize = 64 * 1024;
const MAX_METHODS: usize = 16;
const MAX_METHOD_BYTES: usize = 64;

/// The claims of the ID token and, if it was asked, of the userinfo endpoint. References to claims elsewhere
/// (`_claim_sources`, section 5.6.2) are not followed.
pub(crate) struct Person<'a> {
    id_token: &'a Map<String, Value>,
    userinfo: Option<&'a Map<String, Value>>,
    claims: PersonClaims,
    settings: &'a ProviderSettings,
    /// The ID token is of a member of the one tenant that its issuer is.
    is_member: bool,
    /// The groups that the token had no room for, if they were asked for elsewhere.
    fetched_groups: Option<Vec<String>>,
}

impl<'a> Person<'a> {
    pub(crate) fn new(
        id_token: &'a Map<String, Value>,
        userinfo: Option<&'a Map<String, Value>>,
        claims: PersonClaims,
        published_issuer: &Issuer,
        settings: &'a ProviderSettings,
    ) -> Self {
        let is_member = tenants::is_of_a_member(published_issuer, id_token);
        Self { id_token, userinfo, claims, settings, is_member, fetched_groups: None }
    }

    /// The same with the groups that the token only says are elsewhere.
    pub(crate) fn with_groups(self, fetched: Option<Vec<String>>) -> Self {
        Self { fetched_groups: fetched, ..self }
    }

    /// The person at this issuer, without what only a sign-in knows.
    pub(crate) fn identity(&self, issuer: Issuer) -> Result<ExternalIdentity, IdTokenFault> {
        let subject = self.subject()?;
        let (groups, all_are_known) = self.groups();
        Ok(ExternalIdentity {
            issuer,
            subject,
            email: self.email(),
            username: self.username(),
            name: self.name(),
            groups,
            memberships: self.memberships(all_are_known),
            authentication_methods: self.authentication_methods(),
            authenticated_at: None,
            session: None,
            id_token_hint: None,
            refresh_token: None,
        })
    }

    /// Names the person for good within the issuer.
    pub(crate) fn subject(&self) -> Result<Subject, IdTokenFault> {
        let stated = self.id_token.get(self.claims.subject).and_then(Value::as_str);
        stated.and_then(|text| Subject::parse(text).ok()).ok_or(IdTokenFault::Subject)
    }

    /// Returns whether a document says anything of groups, be it that there are none.
    pub(crate) fn states_groups(&self) -> bool {
        let states = |document| match &self.settings.claim_names.groups {
            Some(path) => !path.find(document).is_empty(),
            None => self.claims.groups.iter().any(|it| it.value(document, self.settings).is_some()),
        };
        self.documents().any(states) || self.has_groups_elsewhere()
    }

    /// Returns whether the claim is there that a rule reads.
    pub(crate) fn states(&self, criterion: Criterion) -> bool {
        let has = |claim: Option<&str>| claim.is_some_and(|claim| self.id_token.contains_key(claim));
        match criterion {
            Criterion::EmailDomain | Criterion::Account => {
                self.documents().any(|it| has_email(it, &self.settings.claim_names))
            }
            Criterion::Tenant => has(self.claims.tenant),
            Criterion::HostedDomain => has(self.claims.hosted_domain),
            Criterion::Group => self.states_groups(),
            Criterion::Organization => false,
        }
    }

    /// The tenant, hosted domain and completeness of groups.
    fn memberships(&self, all_groups_are_known: bool) -> Memberships {
        let text = |claim: Option<&str>| {
            let value = self.id_token.get(claim?)?.as_str()?;
            (!value.is_empty() && value.len() <= MAX_MEMBERSHIP_BYTES).then(|| value.to_owned())
        };
        Memberships {
            tenant: text(self.claims.tenant),
            hosted_domain: text(self.claims.hosted_domain),
            organizations: Vec::new(),
            groups_are_complete: all_groups_are_known
                && (self.fetched_groups.is_some() || !self.has_groups_elsewhere()),
        }
    }

    /// Returns whether the groups did not fit into the token, which only says where they are (OpenID Connect
    /// Core section 5.6.2).
    pub(crate) fn has_groups_elsewhere(&self) -> bool {
        let elsewhere = |document: &Map<String, Value>| {
            let names = document.get("_claim_names").and_then(Value::as_object);
            names.is_some_and(|names| match &self.settings.claim_names.groups {
                Some(path) => path.begins_among(names),
                None => self.claims.groups.iter().any(|list| list.is_among(names)),
            }) || document.get("hasgroups").is_some_and(|value| *value != Value::Bool(false))
        };
        self.documents().any(elsewhere)
    }

    /// The e-mail address. Each document's `email_verified` speaks of its own address only; where two
    /// documents contradict each other, the address is unverified.
    fn email(&self) -> EmailClaim {
        use EmailClaim::{Malformed, Missing, Stated};
        if let Some(odd) = self.documents().find_map(|document| self.odd_email(document)) {
            tracing::warn!(
                claim = self.settings.claim_names.email(),
                shape = odd,
                "the claim is no e-mail address"
            );
        }
        let first = self.email_in(self.id_token);
        let Some(userinfo) = self.userinfo else { return first };
        let denied = self.denies_email(self.id_token) || self.denies_email(userinfo);
        let (address, verified) = match (first, self.email_in(userinfo)) {
            (Malformed, _) | (Missing, Malformed) => return Malformed,
            (Missing, Missing) => return Missing,
            (Stated { address, verified }, Missing) | (Missing, Stated { address, verified }) => {
                (address, verified)
            }
            (Stated { address, .. }, Malformed) => (address, false),
            (Stated { address, verified }, Stated { address: other, verified: other_verified }) => {
                let agree = address == other;
                (address, agree && (verified || other_verified))
            }
        };
        Stated { address, verified: verified && !denied }
    }

    /// The address in one document, verified if the provider vouches for it in one of its ways.
    fn email_in(&self, document: &Map<String, Value>) -> EmailClaim {
        let Some(stated) = stated_email(document, &self.settings.claim_names) else {
            return EmailClaim::Missing;
        };
        let Some(address) = address(stated) else { return EmailClaim::Malformed };
        // Whatever vouches for an address speaks of the one in `email`.
        let is_meant = document.get("email").and_then(self::address).as_ref() == Some(&address);
        let vouched = || self.claims.evidence.iter().any(|evidence| self.has(*evidence, document, &address));
        let verified = is_meant && !self.denies_email(document) && vouched();
        EmailClaim::Stated { address, verified }
    }

    /// The shape of a claim that should be an address and is none.
    fn odd_email(&self, document: &Map<String, Value>) -> Option<String> {
        let stated = stated_email(document, &self.settings.claim_names)?;
        address(stated).is_none().then(|| shape(stated))
    }

    fn has(&self, evidence: Evidence, document: &Map<String, Value>, address: &EmailAddress) -> bool {
        match evidence {
            Evidence::EmailVerified => says_verified(document),
            Evidence::EmailVerifiedInWords => self.says_verified_in_words(document),
            Evidence::EmailVerifiedAndRun(domains) => {
                let hosted = self.claims.hosted_domain.and_then(|claim| document.get(claim)?.as_str());
                let is_hosted = hosted.is_some_and(|domain| !domain.is_empty());
                says_verified(document) && (is_hosted || domains.contains(&address.domain()))
            }
            Evidence::Listed(claim) => {
                let listed = self.id_token.get(claim).and_then(Value::as_array);
                listed.is_some_and(|listed| {
                    let mut texts = listed.iter().filter_map(Value::as_str);
                    texts.any(|text| EmailAddress::parse(text).as_ref() == Ok(address))
                })
            }
            Evidence::DomainOwner(claim) => owner_is_verified(document, claim),
            Evidence::MemberOfTheTenant => self.is_member,
        }
    }

    /// Returns whether the document says of its address that it is not verified, rather than nothing.
    fn denies_email(&self, document: &Map<String, Value>) -> bool {
        let denies_owner = self.claims.evidence.iter().any(|evidence| match evidence {
            Evidence::DomainOwner(claim) => {
                let is_stated = !matches!(document.get(*claim), None | Some(Value::Null));
                is_stated && !owner_is_verified(document, claim)
            }
            _ => false,
        });
        let denies = !matches!(document.get("email_verified"), None | Some(Value::Null | Value::Bool(true)));
        denies_owner || (denies && !self.says_verified_in_words(document))
    }

    /// Returns whether it is the userinfo of a provider that says so in words there, and not in its ID
    /// tokens.
    fn says_verified_in_words(&self, document: &Map<String, Value>) -> bool {
        self.claims.evidence.contains(&Evidence::EmailVerifiedInWords)
            && self.userinfo.is_some_and(|userinfo| std::ptr::eq(userinfo, document))
            && document.get("email_verified").and_then(Value::as_str) == Some("true")
    }

    /// The claim that the operator names, `name`, or else `preferred_username`.
    fn name(&self) -> Option<DisplayName> {
        let configured = self.settings.claim_names.name.as_ref();
        let configured = configured
            .and_then(|path| self.documents().filter_map(|it| path.text(it)).find_map(DisplayName::new));
        configured.or_else(|| {
            ["name", "preferred_username"].into_iter().find_map(|claim| {
                let mut texts = self.documents().filter_map(|document| document.get(claim)?.as_str());
                texts.find_map(DisplayName::new)
            })
        })
    }

    /// The local name in the claim that the operator names.
    fn username(&self) -> Option<Username> {
        let path = self.settings.claim_names.username.as_ref()?;
        let stated = self.documents().find_map(|document| path.text(document));
        let name = stated.and_then(|text| Username::local(text).ok());
        if name.is_none() {
            let shape = self.documents().find_map(|it| path.find(it).first().map(|value| shape(value)));
            tracing::warn!(
                claim = path.as_str(),
                shape,
                "the claim is no username: the address takes its place"
            );
        }
        name
    }

    /// The groups, those that a rule names first, and whether all that the provider states are among them.
    /// Leaving some out takes rights away and never gives any.
    fn groups(&self) -> (Vec<String>, bool) {
        let StatedGroups { names, unknown } = self.stated_groups();
        if let Some(shape) = &unknown {
            let claim = self.settings.claim_names.groups.as_ref().map_or("groups", ClaimPath::as_str);
            let remedy = "set groups_claim to the claim, or the way to it, that names the groups";
            tracing::warn!(claim, shape, remedy, "not all of a person's groups are understood");
        }
        // Two lists may name the same one.
        let mut known = HashSet::new();
        let mut names: Vec<String> = names.into_iter().filter(|name| known.insert(name.clone())).collect();
        self.settings.description.admission.put_named_first(&mut names);
        let mut room = MAX_GROUPS_BYTES;
        let fits = |name: &&String| {
            room = room.saturating_sub(name.len() + 1);
            room > 0
        };
        let (stated, kept) = (names.len(), names.iter().take_while(fits).count());
        if kept < stated {
            tracing::warn!(stated, kept, "a person is in too many groups");
        }
        names.truncate(kept);
        (names, unknown.is_none() && kept == stated)
    }

    fn stated_groups(&self) -> StatedGroups {
        let mut groups = StatedGroups::default();
        if let Some(path) = &self.settings.claim_names.groups {
            let found = self.documents().map(|document| path.find(document)).find(|found| !found.is_empty());
            for value in found.into_iter().flatten() {
                groups.extend(StatedGroups::of(value));
            }
        } else {
            for list in self.claims.groups {
                let stated = self.documents().find_map(|document| list.value(document, self.settings));
                groups.extend(stated.map(StatedGroups::of).unwrap_or_default());
            }
        }
        let fetched = self.fetched_groups.iter().flatten().map(|group| Value::from(group.as_str()));
        groups.extend(StatedGroups::of(&fetched.collect()));
        groups
    }

    /// `amr` of the ID token (RFC 8176).
    fn authentication_methods(&self) -> Vec<String> {
        let methods = self.id_token.get("amr").map_or(Vec::new(), |value| texts(value, MAX_METHOD_BYTES));
        methods.into_iter().take(MAX_METHODS).collect()
    }

    fn documents(&self) -> impl Iterator<Item = &'a Map<String, Value>> {
        std::iter::once(self.id_token).chain(self.userinfo)
    }
}

impl GroupList {
    /// The value in a document.
    fn value<'v>(self, document: &'v Map<String, Value>, settings: &ProviderSettings) -> Option<&'v Value> {
        match self {
            Self::Named(name) => document.get(name),
            Self::At(names) => {
                let mut names = names.iter().map(|name| match name {
                    Name::Fixed(name) => *name,
                    Name::ClientId => settings.client_id.as_str(),
                });
                let first = document.get(names.next()?)?;
                names.try_fold(first, |value, name| value.get(name))
            }
            Self::Namespaced(segment) => {
                document.get(&format!("{}/{segment}", settings.claim_namespace.as_ref()?))
            }
        }
    }

    /// Returns whether it is one of the claims that stand elsewhere.
    fn is_among(self, claim_names: &Map<String, Value>) -> bool {
        match self {
            Self::Named(name) => claim_names.contains_key(name),
            Self::At([Name::Fixed(name), ..]) => claim_names.contains_key(*name),
            Self::At(_) | Self::Namespaced(_) => false,
        }
    }
}

/// Returns whether the document says where the e-mail address is, or would be.
pub(crate) fn has_email(document: &Map<String, Value>, names: &ClaimNames) -> bool {
    stated_email(document, names).is_some()
}

/// The claim of the e-mail address, unless it is null or empty.
fn stated_email<'v>(document: &'v Map<String, Value>, names: &ClaimNames) -> Option<&'v Value> {
    let stated = match &names.email {
        None => document.get("email"),
        Some(path) => path.find(document).first().copied(),
    };
    stated.filter(|email| !email.is_null() && *email != "")
}

fn address(stated: &Value) -> Option<EmailAddress> {
    EmailAddress::parse(stated.as_str()?).ok()
}

/// Returns whether `email_verified` is the JSON value `true`.
fn says_verified(document: &Map<String, Value>) -> bool {
    document.get("email_verified") == Some(&Value::Bool(true))
}

/// Returns whether the claim says that the owner of the address's domain is verified. Its type has varied.
fn owner_is_verified(document: &Map<String, Value>, claim: &str) -> bool {
    match document.get(claim) {
        Some(Value::Bool(verified)) => *verified,
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::String(text)) => matches!(text.as_str(), "1" | "true"),
        _ => false,
    }
}

/// The clean, not too long texts of an array, or the one that stands in its place.
fn texts(value: &Value, max_bytes: usize) -> Vec<String> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let fits =
        |text: &&str| !text.is_empty() && text.len() <= max_bytes && !text.chars().any(char::is_control);
    values.iter().filter_map(Value::as_str).filter(fits).map(str::to_owned).collect()
}
