//! Sessions: what the store keeps of one, and what the browser's token says.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::people::{AccountId, DisplayName, EmailAddress, Role, Username};
use crate::protocol::{IdTokenHint, Issuer, Malformed, ProviderSessionId, Subject};
use crate::provider::ProviderId;
use crate::sealed::{SealId, Sealed};
use crate::time::Timestamp;
use crate::world::Entropy;

/// Names a session: 128 random bits, 22 characters of base64url. It names, it does not prove: only a signed token
/// opens a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// A fresh id.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Takes an id from a token or the store.
    ///
    /// # Errors
    /// When it is not 16 bytes in base64url.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("session id");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).map_err(|_| refused)?;
        bytes.try_into().map(Self).map_err(|_| refused)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId([redacted])")
    }
}

impl TryFrom<String> for SessionId {
    type Error = Malformed;

    fn try_from(value: String) -> Result<Self, Malformed> {
        Self::parse(&value)
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

impl SealId {
    /// Returns the id under which something of a session is sealed, so that it opens for no other session.
    #[must_use]
    pub(crate) fn of_session(session: SessionId) -> Self {
        Self::derived(&["session\0", &session.to_string()])
    }
}

/// A session as the store keeps it: the authority on whether somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names it.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// Where the person signed in; `None` is here, with a password.
    pub external: Option<ExternalSession>,
    /// The browser, so that the person can tell sessions apart.
    pub user_agent: Option<UserAgent>,
    /// Where the sign-in came from, if that is known; for the person's eyes, it decides nothing.
    pub address: Option<IpAddr>,
    /// The person's groups at that moment.
    pub groups: Vec<String>,
    /// How the person proved who they are.
    pub authentication_methods: Vec<String>,
    /// When the person did.
    pub authenticated_at: Timestamp,
    /// When the session began.
    pub created_at: Timestamp,
    /// When it was last renewed; idle time counts from here.
    pub last_seen_at: Timestamp,
    /// When it ends whatever happens; renewal never moves it.
    pub expires_at: Timestamp,
    /// When somebody ended it.
    pub ended_at: Option<Timestamp>,
}

impl Session {
    /// Whether the session still holds: not ended, within its absolute limit and within its idle limit.
    #[must_use]
    pub fn is_live(&self, now: Timestamp, idle_limit: Duration) -> bool {
        self.ended_at.is_none() && now < self.expires_at && now < self.last_seen_at.plus(idle_limit)
    }
}

/// The session at a provider that a session here began with, so that both can be ended together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSession {
    /// Which provider, by its name here.
    pub provider: ProviderId,
    /// Whose word it was.
    pub issuer: Issuer,
    /// About whom.
    pub subject: Subject,
    /// The provider's own session, if it names it (`sid`).
    pub id: Option<ProviderSessionId>,
    /// Tells the provider whom to sign out.
    pub id_token_hint: Option<IdTokenHint>,
    /// When and with what the provider is asked again, if it is.
    pub recheck: Option<Recheck>,
}

/// What a provider is asked with whether a person whose session goes on may still come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recheck {
    /// The [`RefreshToken`](crate::protocol::RefreshToken), sealed: whoever has the database alone can do nothing with it.
    pub refresh_token: Sealed,
    /// When.
    pub due_at: Timestamp,
}

/// What a browser says it is (`User-Agent`, RFC 9110 section 10.1.5): printable ASCII, at most [`Self::MAX_LEN`] bytes.
/// Anybody can write anything there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// What is kept of it, in bytes.
    pub const MAX_LEN: usize = 256;

    /// Takes what can be kept of the header; `None` when nothing can.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let printable = |letter: &char| matches!(letter, ' '..='~');
        let kept: String = text.chars().filter(printable).take(Self::MAX_LEN).collect();
        let kept = kept.trim();
        (!kept.is_empty()).then(|| Self(kept.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a session token says (RFC 7519): enough for a service to know who is asking without asking us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionClaims {
    /// Who issued the token: the public URL of this lab.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// Whose session it is.
    pub sub: AccountId,
    /// Which session it is.
    pub sid: SessionId,
    /// When the token, not the session, expires.
    pub exp: Timestamp,
    /// When it was issued.
    pub iat: Timestamp,
    /// Names this token.
    pub jti: String,
    /// What the person is called when signing in.
    pub username: Username,
    /// The person's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// What the person wants to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// What the person may do.
    pub role: Role,
    /// The person's groups, as many as fit: see [`SessionClaims::MAX_GROUPS_LEN`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// How the person proved who they are, in as many words as fit: see [`SessionClaims::MAX_METHODS_LEN`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When the person did.
    pub auth_time: Timestamp,
}

impl SessionClaims {
    /// How many bytes of JSON the group names of a token have at most, so that it stays one small cookie.
    pub const MAX_GROUPS_LEN: usize = 256;
    /// How many bytes of JSON its authentication methods have at most.
    pub const MAX_METHODS_LEN: usize = 64;
}

/// A signed session token: whoever holds it is signed in. Never printed.
#[derive(Clone)]
pub struct SessionToken(SecretString);

impl SessionToken {
    /// Wraps a token just signed.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(token.into())
    }

    /// The token, to be put into the cookie and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_user_agent_is_kept_as_it_is() {
        let long = format!("{}  end", "x".repeat(UserAgent::MAX_LEN - 1));
        for odd in [" Firefox\u{1b}[2J ", "\u{1} x \u{1}", &long] {
            let kept = UserAgent::new(odd).unwrap();
            assert_eq!(UserAgent::new(kept.as_str()).as_ref(), Some(&kept), "{odd:?}");
        }
        assert!(UserAgent::new("\u{1} \u{1}").is_none() && UserAgent::new("é").is_none());
    }

    #[test]
    fn c151_idle_and_absolute_limits_both_hold() {
        let at = Timestamp::from_unix_seconds;
        let session = Session {
            id: SessionId([1; 16]),
            account: AccountId::parse("00000000-0000-7000-8000-000000000000").unwrap(),
            external: None,
            user_agent: None,
            address: None,
            groups: Vec::new(),
            authentication_methods: Vec::new(),
            authenticated_at: at(0),
            created_at: at(0),
            last_seen_at: at(50),
            expires_at: at(100),
            ended_at: None,
        };
        let idle = Duration::from_secs(30);
        assert!(session.is_live(at(79), idle));
        assert!(!session.is_live(at(80), idle));
        assert!(session.is_live(at(99), Duration::from_secs(1000)));
        assert!(!session.is_live(at(100), Duration::from_secs(1000)));
        assert!(!Session { ended_at: Some(at(60)), ..session }.is_live(at(61), idle));
    }
}
