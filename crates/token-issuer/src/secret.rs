//! The rules for secrets, against guessing.

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::KeyError;

/// The fewest bytes of a secret (RFC 7518 section 3.2).
const MIN_LEN: usize = 32;

/// The fewest different characters of a secret. Of 32 random hexadecimal digits fewer differ once in ten
/// million times.
const MIN_VARIETY: usize = 8;

/// The fewest characters of a secret beside the words of [`WORDS`].
const MIN_BESIDE_WORDS: usize = 16;

/// Secrets from specifications and published examples.
const PUBLISHED: &[&str] = &[
    // RFC 7515 appendix A.1
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "abcdefghijklmnopqrstuvwxyz1234567890",
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "abcdefghijklmnopqrstuvwxyz012345",
    "abcdefghijklmnopqrstuvwxyz123456",
    "qwertyuiopasdfghjklzxcvbnm123456",
];

/// The words of which published defaults are made: "please-change-this-secret",
/// "a-string-secret-at-least-256-bits-long", "your-super-secret-jwt-token-with-at-least-32-characters-long".
/// The longest come first, for they may contain others.
const WORDS: &str = include_str!("../words.txt");

/// Refuses a secret that others can guess.
pub(crate) fn check(secret: &str) -> Result<(), KeyError> {
    if secret.len() < MIN_LEN {
        return Err(KeyError::SecretTooShort(secret.len()));
    }
    let variety = secret.bytes().collect::<BTreeSet<u8>>().len();
    if variety < MIN_VARIETY || repeats_itself(secret.as_bytes()) {
        return Err(KeyError::SecretTooSimple);
    }
    let plain = letters_and_digits(secret);
    let published = PUBLISHED.iter().any(|published| letters_and_digits(published) == plain);
    if published || beside_words(plain) < MIN_BESIDE_WORDS {
        return Err(KeyError::SecretPublished);
    }
    Ok(())
}

/// Returns a name for the secret that does not help to guess it more than any token signed with it does.
pub(crate) fn key_id(secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"labgate key id"))
}

/// Tells whether the secret is a shorter text written twice or more, the last time perhaps in part.
fn repeats_itself(secret: &[u8]) -> bool {
    (1..=secret.len() / 2).any(|period| secret.iter().zip(secret.iter().skip(period)).all(|(a, b)| a == b))
}

/// Returns the secret without the usual variations: case, hyphens, underscores, padding.
fn letters_and_digits(secret: &str) -> String {
    secret.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Counts the characters that are left without the words.
fn beside_words(plain: String) -> usize {
    let rest = WORDS.split_whitespace().fold(plain, |rest, word| rest.replace(word, " "));
    rest.chars().filter(|c| *c != ' ').count()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn c142_short_secrets_are_refused() {
        let secret = "kJ8-vQ2_xTz7LmW4rPb9cYd3NfHs6GaE";
        assert_eq!(secret.len(), 32);
        assert_eq!(check(secret), Ok(()));
        for len in [0, 1, 16, 31] {
            assert_eq!(check(&secret[..len]), Err(KeyError::SecretTooShort(len)));
        }
    }

    #[test]
    fn c142_secrets_that_stand_in_documentation_are_refused() {
        for published in [
            "please-change-this-secret-please-change",
            "please-change-this-secret-1234567",
            "PLEASE_CHANGE_THIS_SECRET__PLEASE_CHANGE_THIS",
            "a-string-secret-at-least-256-bits-long",
            "your-256-bit-secret-your-384-bit-secret",
            "your-super-secret-jwt-token-with-at-least-32-characters-long",
            "this-is-my-very-long-and-secure-secret-key!!",
            "my_super_secret_jwt_signing_key_for_development",
            "django-insecure-change-me-in-production",
            "changeme-changeit-secret-password-key",
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "qwertyuiopasdfghjklzxcvbnm123456",
        ] {
            assert_eq!(check(published), Err(KeyError::SecretPublished), "{published}");
        }
    }

    #[test]
    fn no_word_hides_a_longer_one_that_contains_it() {
        assert!(WORDS.split_whitespace().is_sorted_by(|a, b| a.len() >= b.len()));
    }

    #[test]
    fn c142_secrets_of_little_variety_are_refused() {
        for simple in [
            "a".repeat(64),
            "ab".repeat(20),
            "changeme".repeat(4),
            "please-change-this-secret".repeat(2),
            "secretsecretsecretsecretsecretsecre".to_owned(),
            "0123456789abcdef0123456789abcdef".to_owned(),
            "1112223334445556661112221113334441".to_owned(),
            format!("{}b", "a".repeat(63)),
            " ".repeat(32),
        ] {
            assert_eq!(check(&simple), Err(KeyError::SecretTooSimple), "{simple}");
        }
    }

    #[test]
    fn random_secrets_are_taken_however_they_are_written() {
        for counter in 0_u32..2000 {
            let random = digest::digest(&digest::SHA256, &counter.to_be_bytes());
            let hex = format!("{random:?}").rsplit(':').next().unwrap().to_owned();
            assert_eq!(hex.len(), 64);
            let base64 = [BASE64_URL_SAFE_NO_PAD.encode(random), BASE64_STANDARD.encode(random)];
            for secret in [hex[..32].to_owned(), hex].into_iter().chain(base64) {
                assert_eq!(check(&secret), Ok(()), "{secret}");
            }
        }
    }
}
