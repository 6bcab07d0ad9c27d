use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;

use crate::protocol::Malformed;

/// A password in the one form in which it is set and checked: Unicode NFC, other spaces made the ASCII one,
/// nothing trimmed and nothing cut (the profile `OpaqueString` of RFC 8265 section 4.2). Never printed.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// The longest password, in bytes: longer ones are refused before any work (`SP 800-63B-4` section
    /// 3.1.1.2 requires at least 64 characters to be possible).
    pub const MAX_LEN: usize = 1024;

    /// Normalises a password as a person typed it.
    ///
    /// # Errors
    /// When it is empty or longer than [`Self::MAX_LEN`] bytes, before or after normalisation.
    pub fn typed(text: &str) -> Result<Self, Malformed> {
        let refused = Malformed("password");
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(refused);
        }
        let one_space = |c: char| if c.is_whitespace() && !c.is_control() { ' ' } else { c };
        let normal: String = text.chars().map(one_space).nfc().collect();
        if normal.len() > Self::MAX_LEN { Err(refused) } else { Ok(Self(normal.into())) }
    }

    /// Returns the password, for hashing or judging and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A hashed password, as text in the PHC form. Never printed.
#[derive(Clone, Debug)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// The longest accepted hash, in bytes.
    pub const MAX_LEN: usize = 512;

    /// Parses a hash from a hasher or the store. The hasher judges its parameters.
    ///
    /// # Errors
    /// When it does not begin with `$`, is too long, or has other than visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let well_formed = text.starts_with('$')
            && text.len() <= Self::MAX_LEN
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if well_formed { Ok(Self(text.to_owned().into())) } else { Err(Malformed("password hash")) }
    }

    /// Returns the hash, for comparison or storage and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for PasswordHash {}

/// The password of a local account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The person's password, hashed.
    pub hash: PasswordHash,
    /// Whether another person chose it, so that it serves only to choose a new one.
    pub must_change: bool,
}

/// The limits on the length of a new password. There are no other composition rules (`SP 800-63B-4` section
/// 3.1.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordLength {
    min: usize,
    max: usize,
}

impl PasswordLength {
    /// The shortest minimum that an operator can choose, in characters.
    pub const LEAST_MIN: usize = 8;
    /// The smallest maximum that an operator can choose, in characters.
    pub const LEAST_MAX: usize = 64;
    /// The largest maximum that an operator can choose, in characters.
    pub const MOST_MAX: usize = 256;

    /// Builds the limits from the configuration, in characters.
    ///
    /// # Errors
    /// When the minimum is below [`Self::LEAST_MIN`] or above the maximum, or the maximum is not between
    /// [`Self::LEAST_MAX`] and [`Self::MOST_MAX`].
    pub fn new(min: usize, max: usize) -> Result<Self, Malformed> {
        let fits =
            (Self::LEAST_MIN..=max).contains(&min) && (Self::LEAST_MAX..=Self::MOST_MAX).contains(&max);
        if fits { Ok(Self { min, max }) } else { Err(Malformed("password length")) }
    }

    /// Returns the least number of characters.
    #[must_use]
    pub fn min(self) -> usize {
        self.min
    }

    /// Returns the greatest number of characters.
    #[must_use]
    pub fn max(self) -> usize {
        self.max
    }

    /// Returns whether a new password has an allowed length.
    #[must_use]
    pub fn allows(self, password: &Password) -> bool {
        (self.min..=self.max).contains(&password.expose().chars().count())
    }
}

impl Default for PasswordLength {
    /// Returns 12 to 128 characters.
    fn default() -> Self {
        Self { min: 12, max: 128 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c170_one_normalisation_and_nothing_trimmed_or_cut() {
        let typed = |text: &str| Password::typed(text).unwrap().expose().to_owned();
        assert_eq!(typed("e\u{301}"), typed("\u{e9}"));
        assert_eq!(typed(" a\u{a0}b "), " a b ");
        assert_eq!(typed("a\0b🦀"), "a\0b🦀");
        assert_ne!(typed("Ａ"), typed("A"), "compatibility forms stay what they are");
    }

    #[test]
    fn c169_long_texts_are_refused_before_any_work() {
        assert!(Password::typed(&"a".repeat(1024)).is_ok());
        assert!(Password::typed(&"a".repeat(1025)).is_err());
        assert!(Password::typed("").is_err());
    }

    #[test]
    fn c169_length_counts_characters() {
        let length = PasswordLength::default();
        let allows = |text: &str| length.allows(&Password::typed(text).unwrap());
        assert!(!allows(&"🦀".repeat(11)));
        assert!(allows(&"🦀".repeat(12)));
        assert!(allows(&"a".repeat(128)));
        assert!(!allows(&"a".repeat(129)));
        assert!(PasswordLength::new(7, 64).is_err() && PasswordLength::new(8, 63).is_err());
        assert!(PasswordLength::new(65, 64).is_err() && PasswordLength::new(8, 257).is_err());
    }

    #[test]
    fn c190_debug_shows_neither_password_nor_hash() {
        let credential = Credential { hash: PasswordHash::parse("$planted").unwrap(), must_change: false };
        assert!(!format!("{credential:?} {:?}", Password::typed("planted").unwrap()).contains("planted"));
    }
}
