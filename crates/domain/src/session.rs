//! Sessions: the store's record of one, and the claims of the browser's token.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::people::{
    AcceptedTerms, Account, AccountId, DisplayName, EmailAddress, LocalGroups, Role, Username,
};
use crate::protocol::{IdTokenHint, Issuer, Malformed, ProviderSessionId, Subject, read_by_parsing};
use crate::provider::ProviderId;
use crate::sealed::{SealId, Sealed};
use crate::text::readable_text;
use crate::time::Timestamp;
use crate::world::{Entropy, random_bytes};

/// The id of a session: 128 random bits, 22 characters of base64url. It names a session and proves nothing:
/// only a signed token opens one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// Returns a fresh id.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_bytes(entropy))
    }

    /// Parses an id from a token or the store.
    ///
    /// # Errors
    /// When it is not 16 bytes in base64url.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("session id");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).map_err(|_| refused)?;
        bytes.try_into().map(Self).map_err(|_| refused)
    }
}

impl SessionId {
    /// Returns the name of the session in documents: it tells sessions of an account apart, and the id cannot be
    /// found from it. What is derived from the id, such as the token of a form, stays unknown to whoever reads it.
    #[must_use]
    pub fn handle(self) -> String {
        SealId::derived(&["session handle\0", &self.to_string()]).to_string()
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

read_by_parsing!(SessionId);

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

impl SealId {
    /// Returns the id under which a session's secrets are sealed, so that they open for no other session.
    #[must_use]
    pub(crate) fn of_session(session: SessionId) -> Self {
        Self::derived(&["session\0", &session.to_string()])
    }
}

/// A session as the store keeps it: the authority on a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// The account that is signed in.
    pub account: AccountId,
    /// The provider's part in it; `None` after a sign-in with a password.
    pub external: Option<ExternalSession>,
    /// The browser, so that the person can tell sessions apart.
    pub user_agent: Option<UserAgent>,
    /// The client's address at sign-in, if known. It is for the person's information and decides nothing.
    pub address: Option<IpAddr>,
    /// The groups that the provider states: at the sign-in, or at the last revalidation.
    pub groups: Vec<String>,
    /// The authentication methods.
    pub authentication_methods: Vec<String>,
    /// The time of authentication.
    pub authenticated_at: Timestamp,
    /// The start of the session.
    pub created_at: Timestamp,
    /// The time of the last renewal, from which the idle limit counts.
    pub last_seen_at: Timestamp,
    /// The absolute limit, which renewal never moves.
    pub expires_at: Timestamp,
    /// The end of the session, once it was ended.
    pub ended_at: Option<Timestamp>,
}

impl Session {
    /// Returns whether the session holds: not ended, within its absolute limit and within its idle limit.
    #[must_use]
    pub fn is_live(&self, now: Timestamp, idle_limit: Duration) -> bool {
        self.ended_at.is_none() && now < self.expires_at && now < self.last_seen_at.plus(idle_limit)
    }
}

/// The session at a provider in which a session here began, so that both can end together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalSession {
    /// The provider.
    pub provider: ProviderId,
    /// The issuer of the sign-in.
    pub issuer: Issuer,
    /// The person's id there.
    pub subject: Subject,
    /// The id of the provider's own session, if known (`sid`).
    pub id: Option<ProviderSessionId>,
    /// The ID token that tells the provider which person to sign out.
    pub id_token_hint: Option<IdTokenHint>,
    /// The next revalidation, if the provider allows one.
    pub revalidation: Option<NextRevalidation>,
}

/// The next revalidation of a session: the provider's refresh token, and the time to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextRevalidation {
    /// The [`RefreshToken`](crate::protocol::RefreshToken), sealed: the database alone does not reveal it.
    pub refresh_token: Sealed,
    /// The time of the revalidation.
    pub due_at: Timestamp,
}

/// The browser's name for itself (`User-Agent`, RFC 9110 section 10.1.5): printable ASCII, at most
/// [`Self::MAX_LEN`] bytes. The client chooses the text freely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// The longest text that is kept, in bytes.
    pub const MAX_LEN: usize = 256;

    /// Keeps the printable part of the header; `None` when that is empty.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let printable = |letter: &char| matches!(letter, ' '..='~');
        let kept: String = text.chars().filter(printable).take(Self::MAX_LEN).collect();
        let kept = kept.trim();
        (!kept.is_empty()).then(|| Self(kept.to_owned()))
    }
}

readable_text!(UserAgent);

/// The claims of a session token (RFC 7519): enough for a service to identify the person without a request to
/// us. Claims that are not among them are ignored (section 4), and an unknown role is the least one: a token
/// of the next version is understood. No new claim may therefore narrow a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// The issuer: the public URL of this lab.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// The account.
    pub sub: AccountId,
    /// The session.
    pub sid: SessionId,
    /// The time at which the token, not the session, expires.
    pub exp: Timestamp,
    /// The time of issue.
    pub iat: Timestamp,
    /// The token's own id.
    pub jti: String,
    /// The username.
    pub username: Username,
    /// The person's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// The role of the account; [`Role::User`] if the token names one that this version does not know.
    pub role: Role,
    /// The person's groups, the local ones first, as many as [`SessionClaims::MAX_GROUPS_LEN`] allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Whether these are all groups of the session; stated only where they are not.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub groups_complete: bool,
    /// The authentication methods, as many as [`SessionClaims::MAX_METHODS_LEN`] allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The time of authentication.
    pub auth_time: Timestamp,
}

/// The value of a claim that is stated only where it is `false`.
fn yes() -> bool {
    true
}

impl SessionClaims {
    /// The most bytes of JSON for a token's group names, so that it stays one small cookie.
    pub const MAX_GROUPS_LEN: usize = 256;
    /// The most bytes of JSON for its authentication methods.
    pub const MAX_METHODS_LEN: usize = 64;
}

/// The person of a session: what its token says, without what proves the token, and the origin of the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPerson {
    /// The account.
    pub account: AccountId,
    /// The session.
    pub session: SessionId,
    /// The username.
    pub username: Username,
    /// The person's e-mail address.
    pub email: Option<EmailAddress>,
    /// The person's name.
    pub name: Option<DisplayName>,
    /// The role of the account.
    pub role: Role,
    /// All groups of the session, also those that have no room in its token.
    pub groups: Vec<String>,
    /// Those of all groups that are local; the others come from the provider.
    pub local_groups: LocalGroups,
    /// The terms of service that the person has accepted, each version once, the latest last.
    pub accepted_terms: Vec<AcceptedTerms>,
    /// The time of authentication.
    pub authenticated_at: Timestamp,
}

impl SessionPerson {
    /// Takes a person from a token's claims, with all groups of the session, and from the account what no token
    /// says.
    #[must_use]
    pub fn new(claims: SessionClaims, groups: Vec<String>, account: Account) -> Self {
        Self {
            account: claims.sub,
            session: claims.sid,
            username: claims.username,
            email: claims.email,
            name: claims.name,
            role: claims.role,
            groups,
            local_groups: account.groups,
            accepted_terms: account.accepted_terms,
            authenticated_at: claims.auth_time,
        }
    }
}

/// The claims of an assertion (RFC 7519): what a service is told about the person who asks, for it alone and
/// for a moment. It opens nothing at Labgate. The names are those of OpenID Connect Core section 5.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionClaims {
    /// The issuer: the public URL of this lab.
    pub iss: String,
    /// The audience: the id of the service.
    pub aud: String,
    /// The account.
    pub sub: AccountId,
    /// The time of issue.
    pub iat: Timestamp,
    /// The expiry, at most [`AssertionClaims::LIFETIME`] later.
    pub exp: Timestamp,
    /// The username.
    pub preferred_username: Username,
    /// The person's e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// The role of the account.
    pub role: Role,
    /// The groups that the service is told of, as many as [`AssertionClaims::MAX_GROUPS_LEN`] allows.
    pub groups: Vec<String>,
}

impl AssertionClaims {
    /// The life of an assertion.
    pub const LIFETIME: Duration = Duration::from_mins(1);
    /// The most bytes of JSON for its group names, so that it fits into a header.
    pub const MAX_GROUPS_LEN: usize = 2048;
}

/// A signed assertion, for the service and nothing else. Never printed.
#[derive(Clone, Debug)]
pub struct Assertion(SecretString);

impl Assertion {
    /// Wraps an assertion just signed.
    #[must_use]
    pub fn new(assertion: String) -> Self {
        Self(assertion.into())
    }

    /// Returns the assertion, for the service's header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A signed session token, a bearer secret. Never printed.
#[derive(Clone, Debug)]
pub struct SessionToken(SecretString);

impl SessionToken {
    /// Wraps a token just signed.
    #[must_use]
    pub fn new(token: String) -> Self {
        Self(token.into())
    }

    /// Returns the token, for the cookie and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_user_agent_parses_to_itself() {
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
