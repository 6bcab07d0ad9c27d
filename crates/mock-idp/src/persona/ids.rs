//! Identifiers in the forms that providers use, always the same ones for the same words.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

fn hash(words: &[&str]) -> Vec<u8> {
    digest(&SHA256, words.join("\n").as_bytes()).as_ref().to_vec()
}

/// A GUID, which is a UUID too.
pub(super) fn guid(words: &[&str]) -> String {
    let mut text = String::with_capacity(36);
    for (position, byte) in hash(words).iter().take(16).enumerate() {
        let byte = match position {
            6 => (byte & 0x0f) | 0x40,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A person's GUID: the subject itself where it is one.
pub(super) fn guid_of(subject: &str, words: &[&str]) -> String {
    if is_guid(subject) { subject.to_owned() } else { guid(&[words, &[subject]].concat()) }
}

/// Returns true for a GUID, in any case.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Of this many lower-case hexadecimal digits, 64 at most.
pub(super) fn hex(words: &[&str], length: usize) -> String {
    let mut text = String::new();
    for byte in hash(words) {
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(length);
    text
}

/// A number as of a database, with seven or eight digits.
pub(super) fn number(words: &[&str]) -> u64 {
    let start = hash(words).into_iter().take(4).fold(0, |number, byte| (number << 8) | u64::from(byte));
    1_000_000 + start % 90_000_000
}

/// 43 characters of base64url.
pub(super) fn opaque(words: &[&str]) -> String {
    base64url(&hash(words))
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_give_the_same_well_formed_ids() {
        let (one, other) = (guid(&["ada"]), guid(&["bob"]));
        assert!(is_guid(&one) && one != other && one == guid(&["ada"]));
        assert_ne!(guid(&["a", "b"]), guid(&["ab"]));
        assert_eq!(&one[14..15], "4");
        assert!(!is_guid("common") && !is_guid(&one.replace('-', "0")));
        assert_eq!(hex(&["ada"], 24).len(), 24);
        assert_eq!(opaque(&["ada"]).len(), 43);
        assert!((1_000_000..91_000_000).contains(&number(&["ada"])));
    }
}
