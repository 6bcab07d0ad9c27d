use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::protocol::{Malformed, read_by_parsing};
use crate::text::{is_invisible, readable_text};

/// An e-mail address in its canonical form: lower case, NFKC, the domain as ASCII (A-labels).
///
/// Two spellings of one address are one value: `ADA@Example.COM` and `ada@example.com`, `ada@bücher.example`
/// and `ada@xn--bcher-kva.example`. Tags and dots (`ada+lab@`) are part of the address and stay. RFC 5321
/// lets a domain tell `Ada` from `ada`; no provider that people sign in with does.
///
/// It names an account for people; it proves nothing about its sender.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The longest address, in bytes (RFC 5321 section 4.5.3.1.3, less the angle brackets).
    pub const MAX_LEN: usize = 254;

    /// Parses and canonicalises an address.
    ///
    /// # Errors
    /// When it does not have exactly one `@`; when the part before it is empty, over 64 bytes, quoted, or has
    /// other characters than letters, digits, dots between them and RFC 5322's `atext`; when the domain is
    /// malformed (RFC 5891, or it is an address literal); when it is too long. Characters that are invisible,
    /// or that Unicode folds into others, are refused rather than folded.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("e-mail address");
        let (local, domain) = value.split_once('@').ok_or(refused)?;
        if value.len() > Self::MAX_LEN || local.len() > 64 || value.contains(is_invisible) {
            return Err(refused);
        }
        // Judges the original text: lower-casing alone would already turn the Kelvin sign into a plain k.
        let folded_is_itself = local.nfkc().eq(local.chars());
        let local: String = local.to_lowercase();
        let folded_is_itself = folded_is_itself && local.nfkc().eq(local.chars());
        let atoms = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char));
        if !folded_is_itself || !atoms {
            return Err(refused);
        }

        let written_plainly =
            domain.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.' || is_mark(c));
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| refused)?;
        let labels = domain.split('.').all(|label| !label.is_empty());
        let is_number =
            domain.rsplit('.').next().is_none_or(|label| label.bytes().all(|b| b.is_ascii_digit()));
        if !written_plainly || !labels || is_number {
            return Err(refused);
        }

        let address = format!("{local}@{domain}");
        if address.len() > Self::MAX_LEN { Err(refused) } else { Ok(Self(address)) }
    }

    /// Returns the domain, as ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

readable_text!(EmailAddress);
read_by_parsing!(EmailAddress);

fn is_atom_char(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// Returns whether the character is a combining mark; scripts such as Devanagari need them in a domain name.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(value: &str) -> String {
        EmailAddress::parse(value).unwrap().to_string()
    }

    #[test]
    fn c106_case_does_not_matter() {
        assert_eq!(canonical("Ada@Example.COM"), "ada@example.com");
    }

    #[test]
    fn c108_both_spellings_of_a_domain_are_one() {
        assert_eq!(canonical("ada@bücher.example"), "ada@xn--bcher-kva.example");
        assert_eq!(canonical("ada@xn--bcher-kva.example"), "ada@xn--bcher-kva.example");
    }

    #[test]
    fn c107_characters_that_fold_or_vanish_are_refused() {
        for bad in [
            "\u{ff41}da@example.com",
            "\u{212a}ate@example.com",
            "\u{212b}da@example.com",
            "a\u{200b}da@example.com",
            "a\u{202e}da@example.com",
            "e\u{301}@example.com",
            "ada@exam\u{200b}ple.com",
            "ada@\u{ff45}xample.com\u{3002}",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn f10_fillers_and_other_characters_that_show_nothing_are_refused() {
        let invisible = (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_invisible(*c));
        let hangul = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];
        let letters = hangul.into_iter().filter(|c| c.is_alphanumeric());
        assert_eq!(letters.count(), 4, "letters, as far as Unicode's classes go");
        for c in invisible.chain(hangul) {
            for bad in
                [format!("a{c}da@example.com"), format!("ada{c}@example.com"), format!("ada@exam{c}ple.com")]
            {
                assert!(EmailAddress::parse(&bad).is_err(), "{bad:?}");
            }
        }
        // The letters around them are those of real names.
        for good in ["\u{1100}\u{1161}", "\u{ac00}\u{b098}", "\u{4e2d}\u{6587}", "\u{927}\u{930}"] {
            let parsed = EmailAddress::parse(&format!("{good}@example.com"));
            assert_eq!(parsed.is_ok(), good.nfkc().eq(good.chars()), "{good}");
        }
    }

    #[test]
    fn c109_other_text_than_one_plain_address_is_refused() {
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a@b@example.com",
            "\"a b\"@example.com",
            "a(x)@example.com",
            "ada@example.com\r\nBcc: x",
            "ada@example.com.",
            "ada@.example.com",
            "ada@exa mple.com",
            ".a@example.com",
            "a..b@example.com",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada@example_x.com",
            "a b@example.com",
            &format!("{}@example.com", "a".repeat(65)),
            &format!("a@{}.com", "b.".repeat(130)),
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn c111_tags_and_dots_are_not_merged() {
        assert_ne!(canonical("a.da+lab@example.com"), canonical("ada@example.com"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(value in "\\PC{0,80}@\\PC{0,80}") {
            if let Ok(address) = EmailAddress::parse(&value) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address));
            }
        }
    }
}
