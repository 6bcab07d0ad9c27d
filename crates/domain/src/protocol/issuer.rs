use serde::{Deserialize, Serialize};
use url::Url;

use super::{Malformed, read_by_parsing};
use crate::text::readable_text;

/// An issuer identifier (OpenID Connect Core section 2): the exact string that the provider publishes.
///
/// Two issuers are equal when every byte is: slash, case and port are not normalised (Discovery section 4.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Issuer(String);

impl Issuer {
    /// The longest accepted issuer, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// The placeholder for the tenant in the issuer of a provider with many tenants.
    pub const TENANT_TEMPLATE: &str = "{tenantid}";

    /// Parses an issuer as configured or published. Plain http is possible here; the adapter's transport
    /// decides about it.
    ///
    /// # Errors
    /// When it is not an http(s) URL, or carries a query, fragment, user info or control characters.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("issuer");
        if value.len() > Self::MAX_LEN || value.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refused);
        }
        let url = Url::parse(value).map_err(|_| refused)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(Self(value.to_owned())) } else { Err(refused) }
    }

    /// Returns whether `other` is this issuer or, for a template, that of one tenant (a GUID in its place).
    /// This never authenticates a token: a token names its issuer in full.
    #[must_use]
    pub fn stands_for(&self, other: &Self) -> bool {
        let Some((before, after)) = self.0.split_once(Self::TENANT_TEMPLATE) else { return self == other };
        let tenant = other.0.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        tenant.is_some_and(|tenant| {
            tenant.len() == 36 && tenant.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        })
    }
}

readable_text!(Issuer);
read_by_parsing!(Issuer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c001_a_trailing_slash_makes_another_issuer() {
        assert_ne!(
            Issuer::parse("https://op.example").unwrap(),
            Issuer::parse("https://op.example/").unwrap()
        );
        assert_eq!(Issuer::parse("https://OP.example").unwrap().as_str(), "https://OP.example");
    }

    #[test]
    fn c105_a_template_stands_for_one_tenant_and_for_nothing_else() {
        const TENANT: &str = "11111111-2222-3333-4444-555555555555";
        let issuer = |text: &str| Issuer::parse(text).unwrap();
        let template = issuer("https://login.example/{tenantid}/v2.0");
        let of = |tenant: &str| issuer(&format!("https://login.example/{tenant}/v2.0"));
        assert!(template.stands_for(&of(TENANT)));
        for other in [
            template.clone(),
            of("common"),
            of(""),
            of(&format!("{TENANT}/x")),
            of(&format!("../{TENANT}")),
            issuer(&format!("https://evil.example/{TENANT}/v2.0")),
            issuer(&format!("https://login.example/{TENANT}/v2.0/")),
            issuer(&format!("https://login.example/{TENANT}")),
        ] {
            assert!(!template.stands_for(&other), "{other}");
        }
        assert!(of(TENANT).stands_for(&of(TENANT)));
        assert!(!of(TENANT).stands_for(&template) && !of(TENANT).stands_for(&of("common")));
    }

    #[test]
    fn a_malformed_issuer_is_refused() {
        for bad in [
            "",
            "op.example",
            "ftp://op.example",
            "https://op.example?x",
            "https://op.example#x",
            "https://u@op.example",
            "https://op.example/\n",
            "javascript:alert(1)",
        ] {
            assert!(Issuer::parse(bad).is_err(), "{bad:?}");
        }
    }
}
