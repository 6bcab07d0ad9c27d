//! What a provider says of the person, from claims that were verified already (OpenID Connect Core section 5.1).

use labgate_domain::identity::{EmailClaim, Memberships};
use labgate_domain::people::{DisplayName, EmailAddress};
use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::{Issuer, Subject};
use serde_json::{Map, Value};

use crate::quirks::{Evidence, PersonClaims};
use crate::tenants;

/// As many as Entra puts into a token.
const MAX_GROUPS: usize = 200;
const MAX_GROUP_BYTES: usize = 256;
const MAX_METHODS: usize = 16;
const MAX_METHOD_BYTES: usize = 64;

/// The claims of the identity token and, if it was asked, of the userinfo endpoint. References to claims elsewhere
/// (`_claim_sources`, section 5.6.2) are not followed.
pub(crate) struct Person<'a> {
    id_token: &'a Map<String, Value>,
    userinfo: Option<&'a Map<String, Value>>,
    claims: PersonClaims,
    /// Whether the identity token is of a member of the one tenant that its issuer is.
    is_member: bool,
}

impl<'a> Person<'a> {
    pub(crate) fn new(
        id_token: &'a Map<String, Value>,
        userinfo: Option<&'a Map<String, Value>>,
        claims: PersonClaims,
        published_issuer: &Issuer,
    ) -> Self {
        let is_member = tenants::is_of_a_member(published_issuer, id_token);
        Self { id_token, userinfo, claims, is_member }
    }

    /// Names the person for good within the issuer.
    pub(crate) fn subject(&self) -> Result<Subject, IdTokenFault> {
        let stated = self.id_token.get(self.claims.subject).and_then(Value::as_str);
        stated.and_then(|text| Subject::parse(text).ok()).ok_or(IdTokenFault::Subject)
    }

    /// What else the person belongs to.
    pub(crate) fn memberships(&self) -> Memberships {
        let text = |claim: Option<&str>| {
            let value = self.id_token.get(claim?)?.as_str()?;
            (!value.is_empty() && value.len() <= MAX_GROUP_BYTES).then(|| value.to_owned())
        };
        Memberships {
            tenant: text(self.claims.tenant),
            hosted_domain: text(self.claims.hosted_domain),
            organizations: Vec::new(),
            groups_are_complete: !self.has_groups_elsewhere() && self.all_groups().len() <= MAX_GROUPS,
        }
    }

    /// Whether the groups did not fit into the token, and it only says where they are (OpenID Connect Core section 5.6.2).
    fn has_groups_elsewhere(&self) -> bool {
        let elsewhere = |document: &Map<String, Value>| {
            let names = document.get("_claim_names").and_then(Value::as_object);
            names.is_some_and(|names| self.claims.groups.iter().any(|claim| names.contains_key(*claim)))
                || document.get("hasgroups").is_some_and(|value| *value != Value::Bool(false))
        };
        self.documents().any(elsewhere)
    }

    /// The e-mail address. Each document's `email_verified` speaks of its own address only; where two documents
    /// contradict each other, the address is unverified.
    pub(crate) fn email(&self) -> EmailClaim {
        let first = self.with_evidence(email(self.id_token));
        let Some(userinfo) = self.userinfo else { return first };
        let denied = denies_email(self.id_token) || denies_email(userinfo);
        let (address, verified) = match (first, email(userinfo)) {
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

    /// The address of the identity token, verified if the provider vouches for it in its own way.
    fn with_evidence(&self, claim: EmailClaim) -> EmailClaim {
        let EmailClaim::Stated { address, verified } = claim else { return claim };
        let denied = denies_email(self.id_token);
        let vouched = || self.claims.evidence.iter().any(|evidence| self.has(*evidence, &address));
        let verified = verified || (!denied && vouched());
        EmailClaim::Stated { address, verified }
    }

    fn has(&self, evidence: Evidence, address: &EmailAddress) -> bool {
        match evidence {
            Evidence::ListedAsVerified => {
                let listed = self.id_token.get("verified_primary_email").and_then(Value::as_array);
                listed.is_some_and(|listed| {
                    let mut texts = listed.iter().filter_map(Value::as_str);
                    texts.any(|text| EmailAddress::parse(text).as_ref() == Ok(address))
                })
            }
            Evidence::DomainOwnerVerified => match self.id_token.get("xms_edov") {
                Some(Value::Bool(verified)) => *verified,
                Some(Value::Number(number)) => number.as_u64() == Some(1),
                Some(Value::String(text)) => matches!(text.as_str(), "1" | "true" | "True"),
                _ => false,
            },
            Evidence::MemberOfTheTenant => self.is_member,
        }
    }

    /// `name`, or else `preferred_username`.
    pub(crate) fn name(&self) -> Option<DisplayName> {
        ["name", "preferred_username"].into_iter().find_map(|claim| {
            let mut texts = self.documents().filter_map(|document| document.get(claim)?.as_str());
            texts.find_map(DisplayName::new)
        })
    }

    /// The groups: several, or one as text. What does not fit is left out, which takes rights away and never gives any.
    pub(crate) fn groups(&self) -> Vec<String> {
        let groups = self.all_groups();
        if groups.len() > MAX_GROUPS {
            tracing::warn!(stated = groups.len(), kept = MAX_GROUPS, "a person is in too many groups");
        }
        groups.into_iter().take(MAX_GROUPS).collect()
    }

    fn all_groups(&self) -> Vec<String> {
        let mut groups = Vec::new();
        for claim in self.claims.groups {
            let stated = self.documents().find_map(|document| document.get(*claim));
            groups.extend(stated.map_or(Vec::new(), |value| texts(value, MAX_GROUP_BYTES)));
        }
        groups
    }

    /// `amr` of the identity token (RFC 8176).
    pub(crate) fn authentication_methods(&self) -> Vec<String> {
        let methods = self.id_token.get("amr").map_or(Vec::new(), |value| texts(value, MAX_METHOD_BYTES));
        methods.into_iter().take(MAX_METHODS).collect()
    }

    fn documents(&self) -> impl Iterator<Item = &'a Map<String, Value>> {
        std::iter::once(self.id_token).chain(self.userinfo)
    }
}

/// Whether the document says where the e-mail address is, or would be.
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
        Ok(address) => EmailClaim::Stated {
            address,
            verified: document.get("email_verified") == Some(&Value::Bool(true)),
        },
        Err(_) => EmailClaim::Malformed,
    }
}

/// Whether the document says anything but `true` of its address, rather than nothing.
fn denies_email(document: &Map<String, Value>) -> bool {
    !matches!(document.get("email_verified"), None | Some(Value::Null | Value::Bool(true)))
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
