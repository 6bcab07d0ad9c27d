use serde::{Deserialize, Serialize};

use super::EmailAddress;
use crate::protocol::{Malformed, read_by_parsing};
use crate::text::readable_text;

/// The name for signing in: a local name, or the e-mail address of a person from an external provider. The
/// two cannot be confused: a local name has no `@`.
///
/// Its canonical form is lower case, so `Ada` and `ada` are one name. Local names are ASCII, so letters of
/// other scripts cannot imitate one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Username(String);

impl Username {
    /// The longest local name, in characters.
    pub const MAX_LOCAL_LEN: usize = 64;

    /// Parses a local name that a person chose.
    ///
    /// # Errors
    /// When it is not 1 to [`Self::MAX_LOCAL_LEN`] of letters `a` to `z`, digits, `.`, `_` and `-`, beginning
    /// with a letter or a digit. An e-mail address is not a local name.
    pub fn local(value: &str) -> Result<Self, Malformed> {
        let name = value.to_ascii_lowercase();
        let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let well_formed = first && name.len() <= Self::MAX_LOCAL_LEN && name.bytes().all(allowed);
        well_formed.then_some(Self(name)).ok_or(Malformed("username"))
    }

    /// Parses a name as a person types it to sign in: a local name or an e-mail address, in any case.
    ///
    /// # Errors
    /// When it is neither.
    pub fn typed(value: &str) -> Result<Self, Malformed> {
        let value = value.trim();
        Self::local(value).or_else(|_| EmailAddress::parse(value).map(|address| Self::from(&address)))
    }

    /// Parses a username from the store or a token.
    ///
    /// # Errors
    /// When it is neither a local name nor an e-mail address, in canonical form.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        Self::typed(value).ok().filter(|name| name.0 == value).ok_or(Malformed("username"))
    }
}

readable_text!(Username);
read_by_parsing!(Username);

impl From<&EmailAddress> for Username {
    fn from(address: &EmailAddress) -> Self {
        Self(address.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c106_case_does_not_matter() {
        assert_eq!(Username::local("Ada.L").unwrap().as_str(), "ada.l");
        assert_eq!(Username::typed(" ADA@Example.com ").unwrap().as_str(), "ada@example.com");
    }

    #[test]
    fn a_local_name_is_never_an_address_and_never_imitates_another() {
        for bad in [
            "",
            "ada@example.com",
            "a b",
            ".ada",
            "-ada",
            "\u{430}da",
            "ad\u{131}",
            "a\u{200b}da",
            "ada\n",
            &"a".repeat(65),
        ] {
            assert!(Username::local(bad).is_err(), "{bad:?}");
        }
        assert!(Username::local(&"a".repeat(64)).is_ok());
    }

    #[test]
    fn only_canonical_names_are_read_from_the_store() {
        for good in ["ada", "ada@example.com"] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        for bad in ["Ada", " ada", "ADA@example.com", "a@b@c"] {
            assert!(Username::parse(bad).is_err(), "{bad}");
        }
    }
}
