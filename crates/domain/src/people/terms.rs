use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

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

/// The SHA-256 of the text that is shown as the terms of service, or of the link to them, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TermsDigest(String);

impl TermsDigest {
    /// Computes the digest of a text or link.
    #[must_use]
    pub fn of(shown: &str) -> Self {
        let digits = Sha256::digest(shown).iter().fold(String::with_capacity(64), |mut digits, byte| {
            // Writing to a string does not fail.
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        Self(digits)
    }

    /// Parses a digest from the store.
    ///
    /// # Errors
    /// When it is not 64 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_digest = text.len() == 64 && text.bytes().all(is_digit);
        is_digest.then(|| Self(text.to_owned())).ok_or(Malformed("digest of the terms of service"))
    }
}

readable_text!(TermsDigest);

/// The terms of service that every user must accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredTerms {
    /// The version. It alone decides who is asked.
    pub version: TermsVersion,
    /// The digest of what is shown.
    pub digest: TermsDigest,
}

/// The acceptance of a version of the terms of service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AcceptedTerms {
    /// The version.
    pub version: TermsVersion,
    /// The digest of what was shown; `None` if it is not known.
    pub digest: Option<TermsDigest>,
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

    #[test]
    fn a_digest_is_the_sha_256_of_what_is_shown() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TermsDigest::of("abc").as_str(), abc);
        assert_eq!(TermsDigest::parse(abc), Ok(TermsDigest::of("abc")));
        for bad in ["", "-", &abc[1..], &abc.to_uppercase(), &abc.replace('b', "g"), &format!("{abc}0")] {
            assert!(TermsDigest::parse(bad).is_err(), "{bad}");
        }
    }
}
