use async_trait::async_trait;

use crate::ForeignText;
use crate::identity::ExternalIdentity;
use crate::protocol::{
    AuthorizationCode, Issuer, Nonce, PkceVerifier, ProviderSessionId, RedirectUri, RefreshToken, Subject,
    TokenErrorCode,
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

/// Why a logout token ends nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutTokenError {
    /// It states another issuer, or none: it may be another provider's.
    #[error("its issuer is not the provider's")]
    OfAnotherIssuer,
    /// It breaks a rule.
    #[error("the logout token is not valid: {0}")]
    Invalid(#[from] LogoutTokenFault),
    /// The provider's keys could not be had.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// The rule that a logout token breaks (OpenID Connect Back-Channel Logout sections 2.4 and 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutTokenFault {
    /// One that holds for identity tokens, too: form, type, algorithm, key, signature, audience, expiry.
    #[error(transparent)]
    Token(#[from] IdTokenFault),
    /// `iat` lies too far back.
    #[error("it is too old; compare both clocks")]
    Stale,
    /// `events` is missing, or does not have the one event of back-channel logout with an object.
    #[error("it is not about a logout")]
    Event,
    /// There is a `nonce`: it is an identity token.
    #[error("it has a nonce")]
    Nonce,
    /// Neither `sub` nor `sid`.
    #[error("it says neither whose session ended nor which")]
    Nobody,
    /// `jti` is missing, empty, too long or not visible ASCII.
    #[error("its id is none")]
    Id,
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

/// A call to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderCall {
    /// Its metadata (Discovery section 4).
    Discovery,
    /// Its keys (RFC 7517).
    Jwks,
    /// The code, or a refresh token, for tokens (RFC 6749 sections 4.1.3 and 6).
    Token,
    /// Further claims (OpenID Connect Core section 5.3).
    UserInfo,
    /// Groups that have no room in a token.
    Groups,
}

impl ProviderCall {
    /// The call's name in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "JWKS",
            Self::Token => "token",
            Self::UserInfo => "userinfo",
            Self::Groups => "groups",
        }
    }
}

/// The kind of failure of a call to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// The host's name does not resolve.
    Dns,
    /// The host refuses the connection.
    Refused,
    /// The host's certificate is not trusted.
    Certificate,
    /// The time limit ran out.
    Timeout,
    /// The connection cannot be made, or breaks off.
    Connection,
    /// The answer is a redirect, which is never followed.
    Redirected,
    /// The answer is compressed, which was not asked for.
    Compressed,
    /// The answer is larger than the limit.
    TooLarge,
    /// The answer has a status that is no success.
    Status(u16),
    /// The answer is not JSON with unique members.
    NotJson,
    /// The answer is JSON without the expected content.
    Content,
}

/// What went wrong with a provider. The texts are for the operator; they carry no code, token or secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It could not be reached, or answered with a failure of its own, or too slowly, or too much.
    #[error("the provider's {} endpoint cannot be used: {reason}", call.as_str())]
    Unavailable {
        /// The call that failed.
        call: ProviderCall,
        /// The kind of failure.
        cause: CallFailure,
        /// The failure in words.
        reason: String,
    },
    /// What is configured does not fit what the provider publishes.
    #[error("the provider's configuration does not fit: {0}")]
    Misconfigured(String),
    /// The code was not accepted: used, expired, or for another client or redirect URI (`invalid_grant`).
    #[error("the provider did not accept the authorization code{}", described(.0.as_ref()))]
    CodeRejected(Option<ForeignText>),
    /// The refresh token was not accepted: expired, taken back, or used before (`invalid_grant`).
    #[error("the provider did not accept the refresh token{}", described(.0.as_ref()))]
    RefreshRejected(Option<ForeignText>),
    /// Client id or secret were not accepted (`invalid_client`, `unauthorized_client`).
    #[error("the provider did not accept the client id or its secret{}", described(.0.as_ref()))]
    ClientRejected(Option<ForeignText>),
    /// The token endpoint answered with another error.
    #[error("the provider's token endpoint answered {}{}", code.as_str(), described(description.as_ref()))]
    TokenError {
        /// Which.
        code: TokenErrorCode,
        /// In the provider's words.
        description: Option<ForeignText>,
    },
    /// The token response is not one (RFC 6749 section 5.1).
    #[error("the provider's token response is not valid: {0}")]
    TokenResponse(&'static str),
    /// There is no identity token in the token response.
    #[error("the provider's token response has no identity token")]
    IdTokenMissing,
    /// The identity token breaks a rule.
    #[error("the provider's identity token is not valid: {0}")]
    IdToken(#[from] IdTokenFault),
    /// The userinfo response is not one, or is about somebody else.
    #[error("the provider's userinfo response is not valid: {0}")]
    UserInfo(&'static str),
}

impl ProviderError {
    /// A call that failed.
    #[must_use]
    pub fn unavailable(call: ProviderCall, cause: CallFailure, reason: impl Into<String>) -> Self {
        Self::Unavailable { call, cause, reason: reason.into() }
    }

    /// Whether it says nothing of the person who was asked about, so that asking later may help: the provider cannot be used
    /// at the moment, or we are configured wrongly.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::Misconfigured(_)
            | Self::ClientRejected(_)
            | Self::TokenResponse(_) => true,
            Self::TokenError { code, .. } => {
                matches!(code, TokenErrorCode::ServerError | TokenErrorCode::TemporarilyUnavailable)
            }
            Self::CodeRejected(_)
            | Self::RefreshRejected(_)
            | Self::IdTokenMissing
            | Self::IdToken(_)
            | Self::UserInfo(_) => false,
        }
    }
}

fn described(text: Option<&ForeignText>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// The rule that an identity token breaks (OpenID Connect Core section 3.1.3.7, RFC 8725).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFault {
    /// Larger than the limit.
    #[error("it is too large")]
    TooLarge,
    /// Not a signed JWT with the claims and types that must be there.
    #[error("it is malformed")]
    Malformed,
    /// A `typ`, or a claim, that says it is another kind of token; or none that says it is this one, where each has that.
    #[error("its type is that of another token")]
    Type,
    /// A header that we would have to understand (`crit`) and do not.
    #[error("its header has a critical extension")]
    Critical,
    /// Signed with an algorithm that is not allowed, or not at all.
    #[error("its algorithm is not allowed")]
    Algorithm,
    /// No key of the provider fits, even after asking for its keys again.
    #[error("its key is not among the provider's")]
    UnknownKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// Another `iss`.
    #[error("its issuer is not the provider's")]
    Issuer,
    /// Another `aud`, or further ones.
    #[error("it is for another audience")]
    Audience,
    /// Another `azp`.
    #[error("its authorized party is another client")]
    AuthorizedParty,
    /// Another `nonce`, or none.
    #[error("its nonce is not the attempt's")]
    Nonce,
    /// `exp` has passed.
    #[error("it has expired; compare both clocks")]
    Expired,
    /// `iat` or `nbf` lies ahead.
    #[error("it is from the future; compare both clocks")]
    FromTheFuture,
    /// `iat` lies before the attempt.
    #[error("it is older than the sign-in attempt; compare both clocks")]
    OlderThanAttempt,
    /// `sub` is empty, too long, or has control characters.
    #[error("its subject is not one")]
    Subject,
    /// `at_hash` is not that of the access token.
    #[error("its at_hash does not fit the access token")]
    AccessTokenHash,
}
