use std::fmt;

use crate::ForeignText;
use crate::error::ErrorCode;
use crate::protocol::TokenErrorCode;
use crate::text::named;

named! {
    /// A call to a provider, as named in messages.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ProviderCall {
        /// The metadata (Discovery section 4).
        Discovery = "discovery",
        /// The keys (RFC 7517).
        Jwks = "JWKS",
        /// The pushing of an authorization request (RFC 9126).
        Push = "pushed authorization request",
        /// The exchange of a code or a refresh token (RFC 6749 sections 4.1.3 and 6).
        Token = "token",
        /// The userinfo (OpenID Connect Core section 5.3).
        UserInfo = "userinfo",
        /// The groups that a token has no room for.
        Groups = "groups",
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
    /// Too many calls of the kind are under way; this one was not sent.
    Crowded,
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

/// A failure of a provider, or of its configuration. The texts are for the operator; they contain no code,
/// token or secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The provider is unreachable, answers with a failure of its own, or answers too slowly or too much.
    #[error("the provider's {} endpoint cannot be used: {reason}", call.as_str())]
    Unavailable {
        /// The call that failed.
        call: ProviderCall,
        /// The kind of failure.
        cause: CallFailure,
        /// The failure in words.
        reason: String,
    },
    /// The configuration does not fit the provider's metadata.
    #[error("the provider's configuration does not fit: {0}")]
    Misconfigured(String),
    /// The provider refused the code: used, expired, or for another client or redirect URI (`invalid_grant`).
    #[error("the provider refused the authorization code{}", described(.0.as_ref()))]
    CodeRejected(Option<ForeignText>),
    /// The provider refused the refresh token: expired, revoked, or used before (`invalid_grant`).
    #[error("the provider refused the refresh token{}", described(.0.as_ref()))]
    RefreshRejected(Option<ForeignText>),
    /// The provider refused the client id or secret (`invalid_client`, `unauthorized_client`).
    #[error("the provider refused the client id or its secret{}", described(.0.as_ref()))]
    ClientRejected(Option<ForeignText>),
    /// The token endpoint answered with another error.
    #[error("the provider's token endpoint answered {}{}", code.as_str(), described(description.as_ref()))]
    TokenError {
        /// The error code.
        code: TokenErrorCode,
        /// The provider's description of it.
        description: Option<ForeignText>,
    },
    /// The token response is malformed (RFC 6749 section 5.1).
    #[error("the provider's token response is not valid: {0}")]
    TokenResponse(&'static str),
    /// The token response has no ID token.
    #[error("the provider's token response has no ID token")]
    IdTokenMissing,
    /// The provider answered a refresh token with a failure of its own and an error code that speaks of the
    /// request: it may refuse the person, or be out of order.
    #[error("the provider failed on the refresh token: {0}")]
    RefreshFailed(String),
    /// The ID token breaks a rule.
    #[error("the provider's ID token is not valid: {0}")]
    IdToken(#[from] InvalidToken),
    /// The userinfo response is malformed, or is about another subject.
    #[error("the provider's userinfo response is not valid: {0}")]
    UserInfo(&'static str),
    /// The userinfo response is a signed token that breaks a rule.
    #[error("the provider's userinfo response is not valid: {0}")]
    SignedUserInfo(InvalidToken),
}

impl ProviderError {
    /// Builds the error of a failed call.
    #[must_use]
    pub fn unavailable(call: ProviderCall, cause: CallFailure, reason: impl Into<String>) -> Self {
        Self::Unavailable { call, cause, reason: reason.into() }
    }

    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable { cause: CallFailure::Crowded, .. } => ErrorCode::ProviderBusy,
            Self::Unavailable { .. } | Self::RefreshFailed(_) => ErrorCode::ProviderUnavailable,
            Self::Misconfigured(_) => ErrorCode::ProviderMisconfigured,
            Self::CodeRejected(_) => ErrorCode::CodeRejected,
            Self::RefreshRejected(_) => ErrorCode::AccessDenied,
            Self::ClientRejected(_) => ErrorCode::ClientRejected,
            Self::TokenError { .. } => ErrorCode::RequestRefused,
            Self::TokenResponse(_) | Self::IdTokenMissing => ErrorCode::TokenResponseInvalid,
            Self::IdToken(_) => ErrorCode::IdTokenInvalid,
            Self::UserInfo(_) | Self::SignedUserInfo(_) => ErrorCode::UserinfoInvalid,
        }
    }

    /// Returns whether it says nothing about the person, so that a later request may succeed: the provider is
    /// unusable at the moment, or the configuration is wrong.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::RefreshFailed(_)
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
            | Self::UserInfo(_)
            | Self::SignedUserInfo(_) => false,
        }
    }

    /// Returns whether it refuses a refresh token, rather than the person: another token of the same person
    /// may be good.
    #[must_use]
    pub fn is_about_refresh_token(&self) -> bool {
        matches!(self, Self::RefreshRejected(_) | Self::TokenError { .. }) && !self.is_transient()
    }
}

impl From<IdTokenFault> for ProviderError {
    fn from(fault: IdTokenFault) -> Self {
        Self::IdToken(fault.into())
    }
}

fn described(text: Option<&impl fmt::Display>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// A token that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}{}", described(.detail.as_ref()))]
pub struct InvalidToken {
    /// The rule.
    pub fault: IdTokenFault,
    /// What the token has instead, for the operator: the claim, and the shape of its value or the value of a
    /// claim that is no secret.
    pub detail: Option<String>,
}

impl InvalidToken {
    /// Builds the error with what the token has instead.
    #[must_use]
    pub fn new(fault: IdTokenFault, detail: impl Into<String>) -> Self {
        Self { fault, detail: Some(detail.into()) }
    }
}

impl From<IdTokenFault> for InvalidToken {
    fn from(fault: IdTokenFault) -> Self {
        Self { fault, detail: None }
    }
}

/// The rule that an ID token breaks (OpenID Connect Core section 3.1.3.7, RFC 8725).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFault {
    /// The token is larger than the limit.
    #[error("it is too large")]
    TooLarge,
    /// It is not a signed JWT with the required claims and types.
    #[error("it is malformed")]
    Malformed,
    /// It is encrypted (RFC 7516).
    #[error("it is encrypted, which is not supported; let the provider sign it only")]
    Encrypted,
    /// A `typ` or a claim marks another kind of token, or the mark of this kind is missing at a provider that
    /// sets it.
    #[error("wrong token type")]
    Type,
    /// The header has a critical extension (`crit`) that is not understood.
    #[error("unsupported critical extension (`crit`) in the header")]
    Critical,
    /// The algorithm is not allowed, or there is no signature.
    #[error("the algorithm is not allowed")]
    Algorithm,
    /// No key of the provider fits, even after fetching its keys again.
    #[error("no key of the provider fits")]
    UnknownKey,
    /// The signature is wrong.
    #[error("wrong signature")]
    Signature,
    /// `iss` is another issuer.
    #[error("wrong `iss` claim")]
    Issuer,
    /// `aud` is another client, or has further ones that are not trusted.
    #[error("wrong `aud` claim")]
    Audience,
    /// `azp` is another client.
    #[error("wrong `azp` claim")]
    AuthorizedParty,
    /// `nonce` is missing, or another attempt's.
    #[error("wrong or missing `nonce` claim")]
    Nonce,
    /// `exp` has passed.
    #[error("it has expired (`exp`); compare both clocks")]
    Expired,
    /// `iat` or `nbf` lies ahead.
    #[error("it is from the future (`iat` or `nbf`); compare both clocks")]
    FromTheFuture,
    /// `iat` lies before the attempt.
    #[error("it is older than the sign-in attempt (`iat`); compare both clocks")]
    OlderThanAttempt,
    /// `sub` is empty, too long, or has control characters.
    #[error("invalid `sub` claim")]
    Subject,
    /// `auth_time` is missing, lies ahead, or further back than the requested `max_age`.
    #[error("`auth_time` is missing, or it does not lie within the requested `max_age`; compare both clocks")]
    AuthenticationTime,
    /// `acr` is missing, or none of the requested ones.
    #[error("the `acr` claim is missing, or none of the requested `acr_values`")]
    AuthenticationContext,
    /// `at_hash` does not match the access token.
    #[error("the `at_hash` claim does not match the access token")]
    AccessTokenHash,
}

/// The reason that a logout token ends no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutTokenError {
    /// It states another issuer, or none: it may be another provider's.
    #[error("the logout token has another issuer")]
    OfAnotherIssuer,
    /// It breaks a rule.
    #[error("the logout token is not valid: {0}")]
    Invalid(#[from] LogoutTokenFault),
    /// The provider's keys are unavailable.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// The rule that a logout token breaks (OpenID Connect Back-Channel Logout sections 2.4 and 2.6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutTokenFault {
    /// A rule of ID tokens as well: form, type, algorithm, key, signature, audience, expiry.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// `iat` lies too far back.
    #[error("it is too old (`iat`); compare both clocks")]
    Stale,
    /// `events` is missing, or does not have the one event of back-channel logout with an object.
    #[error("wrong or missing `events` claim")]
    Event,
    /// There is a `nonce`, so it is an ID token.
    #[error("unexpected `nonce` claim")]
    Nonce,
    /// Neither `sub` nor `sid`.
    #[error("neither a `sub` nor a `sid` claim")]
    NoSubject,
    /// `jti` is missing, empty, too long or not visible ASCII.
    #[error("invalid `jti` claim")]
    Id,
}

impl From<IdTokenFault> for LogoutTokenFault {
    fn from(fault: IdTokenFault) -> Self {
        Self::Token(fault.into())
    }
}
