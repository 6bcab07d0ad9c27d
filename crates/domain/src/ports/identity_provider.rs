use async_trait::async_trait;

use super::provider_error::{LogoutTokenError, ProviderError};
use crate::identity::ExternalIdentity;
use crate::protocol::{
    AuthorizationCode, AuthorizationRequest, Issuer, Nonce, PkceVerifier, ProviderSessionId, RedirectUri,
    RefreshToken, RequestUri, Subject,
};
use crate::provider::{AuthorizationServer, ProviderDescription, ProviderHealth};
use crate::sealed::SealId;
use crate::time::Timestamp;

/// An external identity provider (OIDC or OAuth 2.0).
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Returns the operator's description of the provider.
    fn description(&self) -> ProviderDescription;

    /// Returns the meaning of the provider's error message with a remedy, in one sentence for the operator;
    /// `None` for an unknown message. No decision depends on it.
    fn explain(&self, words: &str) -> Option<&'static str>;

    /// Returns whether the provider is usable at the moment, without a request to it.
    fn health(&self) -> ProviderHealth;

    /// Returns the provider's authorization server. May ask the provider for its metadata, which is cached.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] or [`ProviderError::Misconfigured`].
    async fn authorization_server(&self) -> Result<AuthorizationServer, ProviderError>;

    /// Pushes an authorization request to the provider (RFC 9126), and returns the text that stands for it. To
    /// be called where [`AuthorizationServer::pushes_requests`].
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn push(&self, request: &AuthorizationRequest) -> Result<RequestUri, ProviderError>;

    /// Redeems an authorization code. The answer MUST have been verified in full: signature by a key of the
    /// pinned issuer, and every rule of OpenID Connect Core section 3.1.3.7. The code MUST NOT be sent twice,
    /// unless the provider refused the client itself, and so never looked at the code.
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn redeem(&self, redemption: CodeRedemption) -> Result<ExternalIdentity, ProviderError>;

    /// Refreshes the claims of a person who signed in before (RFC 6749 section 6). The answer MUST have been
    /// verified like that of [`Self::redeem`], except for the parts that only a browser's attempt has; its
    /// issuer and subject are those of the request. The token MUST NOT be sent twice: a provider that accepts
    /// each once would take it for stolen. Nor may it be sent to a provider of another issuer than the
    /// request's. A claim that the provider could not be asked for, such as groups, is an error and not an
    /// empty claim.
    async fn refresh(&self, request: RefreshRequest) -> Refreshed;

    /// Verifies a logout token in full (OpenID Connect Back-Channel Logout section 2.6); the caller checks
    /// that it was not used before.
    ///
    /// # Errors
    /// See [`LogoutTokenError`].
    async fn verify_logout_token(&self, token: &str) -> Result<LogoutToken, LogoutTokenError>;
}

/// A provider's statement that a session has ended there, with `session`, `subject` or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// The issuer.
    pub issuer: Issuer,
    /// The person; alone, it ends all of the person's sessions.
    pub subject: Option<Subject>,
    /// The session.
    pub session: Option<ProviderSessionId>,
    /// The token's own id (`jti`), so that it works once.
    pub id: String,
    /// The time from which on the token is refused for its age alone: until then its id must be remembered.
    pub refused_from: Timestamp,
}

impl SealId {
    /// Returns the id under which a logout token is spent: its `jti` is unique within its issuer.
    #[must_use]
    pub fn of_logout_token(issuer: &Issuer, id: &str) -> Self {
        Self::derived(&["logout token\0", issuer.as_str(), "\0", id])
    }
}

/// An authorization code with the attempt's secrets to redeem it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRedemption {
    /// The code.
    pub code: AuthorizationCode,
    /// Answers the challenge of the authorization request.
    pub verifier: PkceVerifier,
    /// The nonce that the ID token must contain.
    pub nonce: Nonce,
    /// The same as in the authorization request.
    pub redirect_uri: RedirectUri,
    /// The issuer of the attempt. An adapter MUST refuse when its provider has another one by now.
    pub issuer: Issuer,
    /// The start of the attempt: an older ID token is refused.
    pub started_at: Timestamp,
}

/// A refresh token with the person that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRequest {
    /// The provider's refresh token.
    pub refresh_token: RefreshToken,
    /// The issuer of the session. An adapter MUST refuse with
    /// [`IdTokenFault::Issuer`](super::IdTokenFault::Issuer), before anything is sent, when its provider has
    /// another issuer by now.
    pub issuer: Issuer,
    /// The person: the answer MUST be about the same (OpenID Connect Core section 12.2).
    pub subject: Subject,
}

/// The result of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// The next refresh token; `None` when the present one stays. It counts even if the rest failed.
    pub refresh_token: Option<RefreshToken>,
    /// The person's claims.
    pub identity: Result<ExternalIdentity, ProviderError>,
}

impl From<ProviderError> for Refreshed {
    /// A failed refresh.
    fn from(error: ProviderError) -> Self {
        Self { refresh_token: None, identity: Err(error) }
    }
}
