use async_trait::async_trait;

use super::provider_error::{LogoutTokenError, ProviderError};
use crate::identity::ExternalIdentity;
use crate::protocol::{
    AuthorizationCode, Issuer, Nonce, PkceVerifier, ProviderSessionId, RedirectUri, RefreshToken, Subject,
};
use crate::provider::{AuthorizationServer, ProviderDescription, ProviderHealth};
use crate::sealed::SealId;
use crate::time::Timestamp;

/// Somebody else who knows who a person is.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// What the operator says of it.
    fn description(&self) -> ProviderDescription;

    /// What this provider means by an error in its own words, and what to do about it: one sentence of ours, for whoever runs the
    /// lab. `None` when the words are not known. Nothing is decided by it.
    fn explain(&self, words: &str) -> Option<&'static str>;

    /// Whether it can be used right now, without asking it.
    fn health(&self) -> ProviderHealth;

    /// Where and how to send a browser. May ask the provider for its metadata, which is cached.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] or [`ProviderError::Misconfigured`].
    async fn authorization_server(&self) -> Result<AuthorizationServer, ProviderError>;

    /// Redeems an authorization code. The answer MUST have been verified in full: signature by a key of the pinned
    /// issuer, and every rule of OpenID Connect Core section 3.1.3.7. The code MUST NOT be sent twice.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn redeem(&self, redemption: CodeRedemption) -> Result<ExternalIdentity, ProviderError>;

    /// Asks again about a person who signed in before (RFC 6749 section 6). The answer MUST have been verified like that of
    /// [`Self::redeem`], but for what only a browser's attempt has; and its issuer and subject are those of the request. The
    /// token MUST NOT be sent twice: a provider that takes each once would believe it stolen. Nor may it be sent to a provider
    /// of another issuer than the request's. What could not be asked about somebody, such as groups, is an error, and nothing
    /// that they lack.
    async fn ask_again(&self, request: RefreshRequest) -> Refreshed;

    /// Verifies a logout token in full (OpenID Connect Back-Channel Logout section 2.6); whether it was used before is
    /// for the caller to find out.
    ///
    /// # Errors
    /// See [`LogoutTokenError`].
    async fn verify_logout_token(&self, token: &str) -> Result<LogoutToken, LogoutTokenError>;
}

/// What a provider says of a session that has ended there: `session`, `subject` or both are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// Who says so.
    pub issuer: Issuer,
    /// Whose session; with it alone all of that person's sessions end.
    pub subject: Option<Subject>,
    /// Which session.
    pub session: Option<ProviderSessionId>,
    /// Names the token (`jti`), so that it works once.
    pub id: String,
    /// From when on the token is refused for its age alone: until then its id must be remembered.
    pub refused_from: Timestamp,
}

impl SealId {
    /// Returns the id under which a logout token is spent: its `jti` is unique within its issuer.
    #[must_use]
    pub fn of_logout_token(issuer: &Issuer, id: &str) -> Self {
        Self::derived(&["logout token\0", issuer.as_str(), "\0", id])
    }
}

/// An authorization code and what the attempt remembered to redeem it with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRedemption {
    /// The code.
    pub code: AuthorizationCode,
    /// Answers the challenge of the authorization request.
    pub verifier: PkceVerifier,
    /// Must stand in the identity token.
    pub nonce: Nonce,
    /// The same as in the authorization request.
    pub redirect_uri: RedirectUri,
    /// The issuer that the attempt was started with. An adapter whose provider has another one by now MUST refuse.
    pub issuer: Issuer,
    /// When the attempt was started: no identity token for it is older.
    pub started_at: Timestamp,
}

/// About whom a provider is asked again, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRequest {
    /// What it gave us for that.
    pub refresh_token: RefreshToken,
    /// Whose word the session rests on. An adapter whose provider has another issuer by now MUST refuse with
    /// [`IdTokenFault::Issuer`], before anything is sent.
    pub issuer: Issuer,
    /// About whom: the answer MUST be about nobody else (OpenID Connect Core section 12.2).
    pub subject: Subject,
}

/// What a provider answers to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// With what to ask next time; `None` when that is what it was asked with. It counts whatever else went wrong.
    pub refresh_token: Option<RefreshToken>,
    /// Who it says that the person is.
    pub identity: Result<ExternalIdentity, ProviderError>,
}

impl From<ProviderError> for Refreshed {
    /// Nothing came of it.
    fn from(error: ProviderError) -> Self {
        Self { refresh_token: None, identity: Err(error) }
    }
}
