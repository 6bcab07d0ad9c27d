//! The person, from verified claims (OpenID Connect Core section 5.1).

use std::collections::HashSet;

use labgate_domain::identity::{EmailClaim, Memberships};
use labgate_domain::people::{DisplayName, EmailAddress};
use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::{ClientId, Issuer, Subject};
use serde_json::{Map, Value};

use crate::graph;
use crate::kinds::entra::tenants;
use crate::quirks::{Evidence, GroupList, Name, PersonClaims};
use crate::settings::ProviderSettings;

/// As many as Entra puts into a token.
const MAX_GROUPS: usize = 200;
/// As many as are asked for elsewhere.
const MAX_FETCHED_GROUPS: usize = graph::MAX_GROUPS;
const MAX_GROUP_BYTES: usize = 256;
const MAX_METHODS: usize = 16;
const MAX_METHOD_BYTES: usize = 64;

/// The claims of the ID token and, if it was asked, of the userinfo endpoint. References to claims elsewhere
/// (`_claim_sources`, section 5.6.2) are not followed.
pub(crate) struct Person<'a> {
    id_token: &'a Map<String, Value>,
    userinfo: Option<&'a Map<String, Value>>,
    claims: PersonClaims,
    us: Us<'a>,
    /// The ID token is of a member of the one tenant that its issuer is.
    is_member: bool,
    /// The groups that the token had no room for, if they were asked for elsewhere.
    fetched_groups: Option<Vec<String>>,
}

/// By what a provider knows us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Us<'a> {
    client_id: &'a ClientId,
    /// The namespace of claims that were made for this lab.
    namespace: Option<&'a str>,
}

impl<'a> Us<'a> {
    pub(crate) fn of(settings: &'a ProviderSettings) -> Self {
        Self { client_id: &settings.client_id, namespace: settings.claim_namespace.as_deref() }
    }
}

impl<'a> Person<'a> {
    pub(crate) fn new(
        id_token: &'a Map<String, Value>,
        userinfo: Option<&'a Map<String, Value>>,
        claims: PersonClaims,
        published_issuer: &Issuer,
        us: Us<'a>,
    ) -> Self {
        let is_member = tenants::is_of_a_member(published_issuer, id_token);
        Self { id_token, userinfo, claims, us, is_member, fetched_groups: None }
    }

    /// The same with the groups that the token only says are elsewhere.
    pub(crate) fn with_groups(self, fetched: Option<Vec<String>>) -> Self {
        Self { fetched_groups: fetched, ..self }
    }

    /// Names the person for good within the issuer.
    pub(crate) fn subject(&self) -> Result<Subject, IdTokenFault> {
        let stated = self.id_token.get(self.claims.subject).and_then(Value::as_str);
        stated.and_then(|text| Subject::parse(text).ok()).ok_or(IdTokenFault::Subject)
    }

    /// The tenant, hosted domain and completeness of groups.
    pub(crate) fn memberships(&self) -> Memberships {
        let text = |claim: Option<&str>| {
            let value = self.id_token.get(claim?)?.as_str()?;
            (!value.is_empty() && value.len() <= MAX_GROUP_BYTES).then(|| value.to_owned())
        };
        Memberships {
            tenant: text(self.claims.tenant),
            hosted_domain: text(self.claims.hosted_domain),
            organizations: Vec::new(),
            groups_are_complete: (self.fetched_groups.is_some() || !self.has_groups_elsewhere())
                && self.all_groups().len() <= self.max_groups(),
        }
    }

    /// Returns whether the groups did not fit into the token, which only says where they are (OpenID Connect
    /// Core section 5.6.2).
    pub(crate) fn has_groups_elsewhere(&self) -> bool {
        let elsewhere = |document: &Map<String, Value>| {
            let names = document.get("_claim_names").and_then(Value::as_object);
            names.is_some_and(|names| self.claims.groups.iter().any(|list| list.is_among(names)))
                || document.get("hasgroups").is_some_and(|value| *value != Value::Bool(false))
        };
        self.documents().any(elsewhere)
    }

    /// The e-mail address. Each document's `email_verified` speaks of its own address only; where two
    /// documents contradict each other, the address is unverified.
    pub(crate) fn email(&self) -> EmailClaim {
        let first = self.email_in(self.id_token);
        let Some(userinfo) = self.userinfo else { return first };
        let denied = self.denies_email(self.id_token) || self.denies_email(userinfo);
        let (address, verified) = match (first, self.email_in(userinfo)) {
            (EmailClaim::Malformed, _) | (EmailClaim::Missing, EmailClaim::Malformed) => {
                return EmailClaim::Malformed;
            }
            (EmailClaim::Missing, EmailClaim::Missing) => return EmailClaim::Missing,
            (EmailClaim::Stated { address, verified }, EmailClaim::Missing)
            | (EmailClaim::Missing, EmailClaim::Stated { address, verified }) => (address, verified),
            (EmailClaim::Stated { address, .. }, EmailClaim::Malformed) => (address, false),
            (
                EmailClaim::Stated { address, verified },
                EmailClaim::Stated { address: other, verified: other_verified },
            ) => {
                let agree = address == other;
                (address, agree && (verified || other_verified))
            }
        };
        EmailClaim::Stated { address, verified: verified && !denied }
    }

    /// The address in one document, verified if the provider vouches for it in one of its ways.
    fn email_in(&self, document: &Map<String, Value>) -> EmailClaim {
        let address = match email(document) {
            EmailClaim::Stated { address, .. } => address,
            none => return none,
        };
        let vouched = || self.claims.evidence.iter().any(|evidence| self.has(*evidence, document, &address));
        let verified = !self.denies_email(document) && vouched();
        EmailClaim::Stated { address, verified }
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

    /// `name`, or else `preferred_username`.
    pub(crate) fn name(&self) -> Option<DisplayName> {
        ["name", "preferred_username"].into_iter().find_map(|claim| {
            let mut texts = self.documents().filter_map(|document| document.get(claim)?.as_str());
            texts.find_map(DisplayName::new)
        })
    }

    /// The groups: several, or one as text. Further ones are left out, which takes rights away and never
    /// gives any.
    pub(crate) fn groups(&self) -> Vec<String> {
        let groups = self.all_groups();
        let kept = self.max_groups();
        if groups.len() > kept {
            tracing::warn!(stated = groups.len(), kept, "a person is in too many groups");
        }
        groups.into_iter().take(kept).collect()
    }

    fn max_groups(&self) -> usize {
        if self.fetched_groups.is_some() { MAX_FETCHED_GROUPS } else { MAX_GROUPS }
    }

    fn all_groups(&self) -> Vec<String> {
        let mut groups = Vec::new();
        for list in self.claims.groups {
            let stated = self.documents().find_map(|document| list.value(document, self.us));
            groups.extend(stated.into_iter().flat_map(|value| texts(value, MAX_GROUP_BYTES)));
        }
        let fetched = self.fetched_groups.iter().flatten().map(|group| Value::from(group.as_str()));
        groups.extend(texts(&fetched.collect(), MAX_GROUP_BYTES));
        // Two lists may name the same one.
        let mut known = HashSet::new();
        groups.retain(|group| known.insert(group.clone()));
        groups
    }

    /// `amr` of the ID token (RFC 8176).
    pub(crate) fn authentication_methods(&self) -> Vec<String> {
        let methods = self.id_token.get("amr").map_or(Vec::new(), |value| texts(value, MAX_METHOD_BYTES));
        methods.into_iter().take(MAX_METHODS).collect()
    }

    fn documents(&self) -> impl Iterator<Item = &'a Map<String, Value>> {
        std::iter::once(self.id_token).chain(self.userinfo)
    }
}

impl GroupList {
    /// The value in a document.
    fn value<'v>(self, document: &'v Map<String, Value>, us: Us<'_>) -> Option<&'v Value> {
        match self {
            Self::Named(name) => document.get(name),
            Self::At(names) => {
                let mut names = names.iter().map(|name| match name {
                    Name::Fixed(name) => *name,
                    Name::ClientId => us.client_id.as_str(),
                });
                let first = document.get(names.next()?)?;
                names.try_fold(first, |value, name| value.get(name))
            }
            Self::Namespaced(segment) => document.get(&format!("{}/{segment}", us.namespace?)),
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
pub(crate) fn has_email(document: &Map<String, Value>) -> bool {
    email(document) != EmailClaim::Missing
}

fn email(document: &Map<String, Value>) -> EmailClaim {
    let text = match document.get("email") {
        None | Some(Value::Null) => return EmailClaim::Missing,
        Some(Value::String(text)) if text.is_empty() => return EmailClaim::Missing,
        Some(Value::String(text)) => text,
        Some(_) => return EmailClaim::Malformed,
    };
    match EmailAddress::parse(text) {
        Ok(address) => EmailClaim::Stated { address, verified: says_verified(document) },
        Err(_) => EmailClaim::Malformed,
    }
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
