use serde::{Deserialize, Serialize};

use super::{Malformed, read_by_parsing};
use crate::text::readable_text;

/// The `sub` claim (OpenID Connect Core section 2): the id of a person within one issuer, never reassigned.
/// Compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Subject(String);

impl Subject {
    /// The longest accepted subject, in bytes (OpenID Connect Core section 2).
    pub const MAX_LEN: usize = 255;

    /// Parses a subject from a verified token.
    ///
    /// # Errors
    /// When it is empty, longer than [`Self::MAX_LEN`] bytes, or has a control character.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let well_formed =
            !value.is_empty() && value.len() <= Self::MAX_LEN && !value.chars().any(char::is_control);
        if well_formed { Ok(Self(value.to_owned())) } else { Err(Malformed("sub")) }
    }
}

readable_text!(Subject);
read_by_parsing!(Subject);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c078_empty_long_and_control_characters_are_refused() {
        for bad in ["", "a\0", "a\n", &"x".repeat(256)] {
            assert!(Subject::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Subject::parse(&"x".repeat(255)).is_ok());
        assert_ne!(Subject::parse("ada").unwrap(), Subject::parse("Ada").unwrap());
    }
}
