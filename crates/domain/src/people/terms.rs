use serde::Serialize;

use crate::protocol::Malformed;
use crate::text::{is_invisible, readable_text};
use crate::time::Timestamp;

/// A version of the terms of service, as the operator names it: one line of visible text, typically a date. Two
/// versions are the same if their texts are; there is no order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TermsVersion(String);

impl TermsVersion {
    /// The longest version, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Parses a version from the configuration or the store.
    ///
    /// # Errors
    /// When it is empty, too long, begins or ends with a blank, or has a character that shows nothing.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let is_shown = |c: char| !c.is_control() && !is_invisible(c) && (c == ' ' || !c.is_whitespace());
        let is_fit = !text.is_empty()
            && text.trim() == text
            && text.chars().count() <= Self::MAX_CHARS
            && text.chars().all(is_shown);
        if is_fit { Ok(Self(text.to_owned())) } else { Err(Malformed("version of the terms of service")) }
    }
}

readable_text!(TermsVersion);

/// The terms of service that a person has accepted last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AcceptedTerms {
    /// The version.
    pub version: TermsVersion,
    /// The time of it.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_short_line_of_visible_text() {
        let longest = "ü".repeat(TermsVersion::MAX_CHARS);
        for good in ["2026-11-01", "1", "Version 2 (draft)", &longest] {
            assert_eq!(TermsVersion::parse(good).unwrap().as_str(), good);
        }
        let too_long = format!("{longest}x");
        for bad in ["", " ", " 1", "1 ", "1\n2", "1\t2", "1\u{0}", "1\u{202e}", "1\u{a0}2", &too_long] {
            assert!(TermsVersion::parse(bad).is_err(), "{bad:?}");
        }
    }
}
