//! What a provider says of the person, from claims that were verified already (OpenID Connect Core section 5.1).

use labgate_domain::identity::EmailClaim;
use labgate_domain::people::{DisplayName, EmailAddress};
use serde_json::{Map, Value};

const MAX_GROUPS: usize = 100;
const MAX_GROUP_BYTES: usize = 256;
const MAX_METHODS: usize = 16;
const MAX_METHOD_BYTES: usize = 64;

/// The claims of the identity token and, if it was asked, of the userinfo endpoint. References to claims elsewhere
/// (`_claim_sources`, section 5.6.2) are not followed.
pub(crate) struct Person<'a> {
    id_token: &'a Map<String, Value>,
    userinfo: Option<&'a Map<String, Value>>,
}

impl<'a> Person<'a> {
    pub(crate) fn new(id_token: &'a Map<String, Value>, userinfo: Option<&'a Map<String, Value>>) -> Self {
        Self { id_token, userinfo }
    }

    /// The e-mail address. Each document's `email_verified` speaks of its own address only; where two documents
    /// contradict each other, the address is unverified.
    pub(crate) fn email(&self) -> EmailClaim {
        let first = email(self.id_token);
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

    /// `name`, or else `preferred_username`.
    pub(crate) fn name(&self) -> Option<DisplayName> {
        ["name", "preferred_username"].into_iter().find_map(|claim| {
            let mut texts = self.documents().filter_map(|document| document.get(claim)?.as_str());
            texts.find_map(DisplayName::new)
        })
    }

    /// `groups`: several, or one as text. What does not fit is left out, which takes rights away and never gives any.
    pub(crate) fn groups(&self) -> Vec<String> {
        let stated = self.documents().find_map(|document| document.get("groups"));
        let groups = stated.map_or(Vec::new(), |value| texts(value, MAX_GROUP_BYTES));
        if groups.len() > MAX_GROUPS {
            tracing::warn!(stated = groups.len(), kept = MAX_GROUPS, "a person is in too many groups");
        }
        groups.into_iter().take(MAX_GROUPS).collect()
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
