use super::Malformed;
use crate::text::{is_invisible, readable_text};

/// A hint about the person who will sign in: 1 to [`Hint::MAX_LEN`] bytes without control or invisible
/// characters. It is a value without a parameter name. Anyone can put one into a link, so it changes only the
/// provider's first page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint(String);

impl Hint {
    /// The greatest length in bytes: room for every e-mail address, and short enough for the redirect to a
    /// provider to fit where proxies allow 8 KiB of headers.
    pub const MAX_LEN: usize = 256;

    /// Parses a hint.
    ///
    /// # Errors
    /// When it is empty or too long, or has a forbidden character.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |c: char| !c.is_control() && !is_invisible(c);
        let well_formed = (1..=Self::MAX_LEN).contains(&value.len()) && value.chars().all(allowed);
        well_formed.then(|| Self(value.to_owned())).ok_or(Malformed("hint"))
    }
}

readable_text!(Hint);

/// The hints that a link brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The person (OpenID Connect Core section 3.1.2.1, `login_hint`).
    pub login: Option<Hint>,
    /// The person's organisation, or a provider behind the provider.
    pub domain: Option<Hint>,
}

/// The parameters of an authorization request that carry hints at a provider; a hint without a parameter is
/// not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HintParameters {
    /// The parameter for [`Hints::login`].
    pub login: Option<&'static str>,
    /// The parameter for [`Hints::domain`].
    pub domain: Option<&'static str>,
}

impl HintParameters {
    /// The parameters that every OpenID provider accepts.
    pub const OPENID: Self = Self { login: Some("login_hint"), domain: None };

    /// Returns the parameters that carry these hints.
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
    fn a_hint_is_short_and_has_no_invisible_character() {
        for fine in ["a", "ada@example.test", "Ada & Söhne=1", &"x".repeat(Hint::MAX_LEN)] {
            assert_eq!(Hint::parse(fine).unwrap().as_str(), fine);
        }
        let long = "x".repeat(Hint::MAX_LEN + 1);
        for bad in ["", "a\r\nLocation: x", "a\0", "a\u{7f}", "a\u{85}", "a\u{202e}b", "a\u{200b}", &long] {
            assert!(Hint::parse(bad).is_err(), "{bad:?}");
        }
    }
}
