use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Malformed;

/// An issuer identifier (OpenID Connect Core section 2): the exact string that the provider publishes.
///
/// Two issuers are equal when every byte is: no slash, case or port is normalised away (Discovery section 4.3).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

impl Issuer {
    /// The longest accepted issuer, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Takes an issuer as configured or published. Plain http is possible here: where it is allowed is the
    /// adapter's transport rule.
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

    /// The issuer, byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({:?})", self.0)
    }
}

impl TryFrom<String> for Issuer {
    type Error = Malformed;

    fn try_from(value: String) -> Result<Self, Malformed> {
        Self::parse(&value)
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

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
    fn what_is_not_an_issuer_is_refused() {
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
