use super::Malformed;
use crate::text::is_invisible;

/// Something that is known beforehand of whoever will sign in: 1 to [`Hint::MAX_LEN`] bytes without control or invisible
/// characters. It is a value and nothing else: by which parameter it travels is never for it to say. Anybody can put one into a
/// link, so nothing follows from it but what the provider shows first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint(String);

impl Hint {
    /// The greatest length in bytes: room for every e-mail address, and little enough for the redirect to a provider to fit where
    /// proxies allow 8 KiB of headers.
    pub const MAX_LEN: usize = 256;

    /// Takes a hint.
    ///
    /// # Errors
    /// When it is empty or too long, or has a character that it must not have.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |c: char| !c.is_control() && !is_invisible(c);
        if (1..=Self::MAX_LEN).contains(&value.len()) && value.chars().all(allowed) {
            Ok(Self(value.to_owned()))
        } else {
            Err(Malformed("hint"))
        }
    }

    /// The hint.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a link says beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Who will sign in (OpenID Connect Core section 3.1.2.1, `login_hint`).
    pub login: Option<Hint>,
    /// Where they belong: an organisation, or a provider behind the provider.
    pub domain: Option<Hint>,
}

/// By which parameters of an authorization request a provider takes hints; those it has no parameter for are not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HintParameters {
    /// For [`Hints::login`].
    pub login: Option<&'static str>,
    /// For [`Hints::domain`].
    pub domain: Option<&'static str>,
}

impl HintParameters {
    /// What every OpenID provider takes.
    pub const OPENID: Self = Self { login: Some("login_hint"), domain: None };

    /// The parameters that bring these hints.
    pub(crate) fn of(self, hints: Hints) -> impl Iterator<Item = (&'static str, Hint)> {
        [(self.login, hints.login), (self.domain, hints.domain)]
            .into_iter()
            .filter_map(|(parameter, hint)| Some((parameter?, hint?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_short_and_has_no_character_that_cannot_be_seen() {
        for fine in ["a", "ada@example.test", "Ada & Söhne=1", &"x".repeat(Hint::MAX_LEN)] {
            assert_eq!(Hint::parse(fine).unwrap().as_str(), fine);
        }
        let long = "x".repeat(Hint::MAX_LEN + 1);
        for bad in ["", "a\r\nLocation: x", "a\0", "a\u{7f}", "a\u{85}", "a\u{202e}b", "a\u{200b}", &long] {
            assert!(Hint::parse(bad).is_err(), "{bad:?}");
        }
    }
}
