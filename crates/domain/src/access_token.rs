//! Access tokens: how scripts and API clients come in, which cannot sign in with a browser.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::access::ServiceId;
use crate::people::{AccountId, DisplayName};
use crate::protocol::{Issuer, Malformed, Subject};
use crate::session::SessionId;
use crate::time::Timestamp;
use crate::world::{Entropy, random_base64url};

/// The id of an access token. It names the token and proves nothing. It is drawn as ids of sessions are: among
/// the checks that are remembered, and in the feed of changes, it stands where theirs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccessTokenId(SessionId);

impl AccessTokenId {
    /// Returns a fresh id.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(SessionId::fresh(entropy))
    }

    /// Parses an id from the store or a request.
    ///
    /// # Errors
    /// When it is not 16 bytes in base64url.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        SessionId::parse(value).map(Self).map_err(|_| Malformed("access token id"))
    }

    /// Returns the id that stands for a session's where a check is remembered.
    #[must_use]
    pub fn in_checks(self) -> SessionId {
        self.0
    }
}

impl fmt::Display for AccessTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text of an access token, a bearer secret: `lgt_` and 256 random bits in base64url. Never printed.
#[derive(Clone, Debug)]
pub struct AccessTokenText(SecretString);

impl AccessTokenText {
    /// The beginning of each, by which scanners for leaked secrets know it.
    pub const PREFIX: &str = "lgt_";
    const RANDOM: usize = 32;
    /// The length of the random part in base64url.
    const ENCODED: usize = 43;

    /// Returns a fresh text.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(format!("{}{}", Self::PREFIX, random_base64url::<{ Self::RANDOM }>(entropy)).into())
    }

    /// Parses the text of a request.
    ///
    /// # Errors
    /// When no access token has this form.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = value
            .strip_prefix(Self::PREFIX)
            .is_some_and(|random| random.len() == Self::ENCODED && random.bytes().all(allowed));
        fits.then(|| Self(value.into())).ok_or(Malformed("access token"))
    }

    /// Returns the text, for its owner and nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the hash that the store knows it by.
    #[must_use]
    pub fn hash(&self) -> AccessTokenHash {
        AccessTokenHash(Sha256::digest(self.expose()).into())
    }
}

/// The SHA-256 of an access token's text: all that is kept of it. 256 random bits need no slower hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccessTokenHash([u8; 32]);

impl AccessTokenHash {
    /// Returns the bytes, for the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AccessTokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokenHash([redacted])")
    }
}

/// What an access token opens: services, the administration API, or both; never nothing. Its text is that of
/// RFC 6749 section 3.3, words with blanks between: ids of services, and `api:admin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenScope {
    services: BTreeSet<ServiceId>,
    admin: bool,
}

impl TokenScope {
    /// The word for the administration API. No id of a service has a colon.
    pub const ADMIN: &str = "api:admin";

    /// Parses a scope.
    ///
    /// # Errors
    /// When it is empty, or a word is neither the id of a service nor [`Self::ADMIN`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (admin, services): (Vec<_>, Vec<_>) =
            text.split_ascii_whitespace().partition(|word| *word == Self::ADMIN);
        let services: Result<BTreeSet<_>, _> = services.into_iter().map(ServiceId::parse).collect();
        let scope = Self { services: services.map_err(|_| Malformed("scope"))?, admin: !admin.is_empty() };
        let is_empty = scope.services.is_empty() && !scope.admin;
        if is_empty { Err(Malformed("scope")) } else { Ok(scope) }
    }

    /// Returns the services.
    #[must_use]
    pub fn services(&self) -> &BTreeSet<ServiceId> {
        &self.services
    }

    /// Returns the scope without a service; `None` if nothing is left.
    #[must_use]
    pub fn without(&self, service: &str) -> Option<Self> {
        let services = self.services.iter().filter(|id| id.as_str() != service).cloned().collect();
        let rest = Self { services, admin: self.admin };
        (rest.admin || !rest.services.is_empty()).then_some(rest)
    }

    /// Returns whether it has the administration API.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        self.admin
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.services.iter().map(ServiceId::as_str);
        f.write_str(&services.chain(self.admin.then_some(Self::ADMIN)).collect::<Vec<_>>().join(" "))
    }
}

/// An access token as the store keeps it, beside the hash of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The id.
    pub id: AccessTokenId,
    /// The account that it acts for.
    pub account: AccountId,
    /// The name that its owner gave it.
    pub name: DisplayName,
    /// What it opens.
    pub scope: TokenScope,
    /// The identity in whose session it was made: it goes with that identity. `None` after a sign-in with a
    /// password.
    pub identity: Option<(Issuer, Subject)>,
    /// The groups that the provider states of that identity, as it stated them last.
    pub groups: Vec<String>,
    /// Whether the admission rules let the identity in when they were applied last; `true` without one.
    pub is_admitted: bool,
    /// The time of the provider's last word on the identity: of its groups and its admission.
    pub told_at: Timestamp,
    /// The time at which it was made.
    pub made_at: Timestamp,
    /// The time from which on it opens nothing.
    pub expires_at: Timestamp,
    /// The last use, to the hour.
    pub last_used_at: Option<Timestamp>,
}

impl AccessToken {
    /// The least time between two notes of its use.
    pub const USE_NOTED: Duration = Duration::from_hours(1);
    /// The most tokens of an account that have not expired.
    pub const MOST: u32 = 50;
    /// The longest life that any has, in days.
    pub const MAX_DAYS: u32 = 365;
    /// The life of one whose owner names none, in days.
    pub const DEFAULT_DAYS: u32 = 90;

    /// Returns the time from which on it opens nothing unless the provider speaks of its identity again, as it
    /// has to within the `absolute_limit` of a session.
    #[must_use]
    pub fn opens_until(&self, absolute_limit: Duration) -> Timestamp {
        match self.identity {
            Some(_) => self.expires_at.min(self.told_at.plus(absolute_limit)),
            None => self.expires_at,
        }
    }

    /// Returns the token as it counts at a time: without a word of the provider for too long it is as good as not
    /// admitted.
    #[must_use]
    pub fn as_of(self, now: Timestamp, absolute_limit: Duration) -> Self {
        let is_admitted =
            self.is_admitted && (now < self.opens_until(absolute_limit) || self.expires_at <= now);
        Self { is_admitted, ..self }
    }

    /// Returns whether it opens something, as far as itself is concerned; its account must be active, too.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp, absolute_limit: Duration) -> bool {
        self.is_admitted && now < self.opens_until(absolute_limit)
    }
}

/// An access token that a person asks for, in the words of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAccessToken {
    /// Its name.
    pub name: String,
    /// Its scope: ids of services, and `api:admin`, with blanks between.
    pub scope: String,
    /// Its life in days; empty is the default.
    pub days: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::MockEntropy;

    fn entropy() -> MockEntropy {
        let mut entropy = MockEntropy::new();
        entropy.expect_fill().returning(|bytes| bytes.fill(7));
        entropy
    }

    #[test]
    fn a_fresh_token_has_256_bits_and_parses_to_itself() {
        let text = AccessTokenText::fresh(&entropy());
        assert_eq!(text.expose().len(), 47);
        assert_eq!(AccessTokenText::parse(text.expose()).unwrap().hash(), text.hash());
        assert!(!format!("{text:?}{:?}", text.hash()).contains("BwcH"), "it is never printed");
    }

    #[test]
    fn no_other_form_is_a_token() {
        let text = AccessTokenText::fresh(&entropy()).expose().to_owned();
        let eyj = format!("eyJ.{text}");
        for odd in ["", "lgt_", &text[1..], &text[..46], &format!("{text}A"), &eyj, &text.replace('w', "+")] {
            assert!(AccessTokenText::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_scope_names_services_and_is_never_empty() {
        let scope = TokenScope::parse(" mlflow  api:admin git ").unwrap();
        assert_eq!(scope.to_string(), "git mlflow api:admin");
        assert!(scope.has_admin() && scope.services().len() == 2);
        assert_eq!(TokenScope::parse(&scope.to_string()), Ok(scope.clone()));
        let rest = |without: &str| scope.without(without).map(|it| it.to_string());
        assert_eq!(rest("git").as_deref(), Some("mlflow api:admin"));
        assert_eq!(rest("mlf").as_deref(), Some("git mlflow api:admin"));
        assert_eq!(TokenScope::parse("git").unwrap().without("git"), None);
        for odd in ["", "  ", "*", "api:all", "ML", "mlflow,git", "API:ADMIN"] {
            assert!(TokenScope::parse(odd).is_err(), "{odd}");
        }
    }
}
