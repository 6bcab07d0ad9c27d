use crate::session::{Assertion, AssertionClaims, SessionClaims, SessionToken};

/// Signs session tokens, passes and assertions, and recognises its own. No token of one kind is taken for one
/// of another: each has its `typ` (RFC 8725 section 3.11).
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait TokenIssuer: Send + Sync {
    /// Signs a token with the current key.
    ///
    /// # Errors
    /// When there is no key to sign with.
    fn issue(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError>;

    /// Returns the claims of a token that this issuer signed, with a key that is still in its ring. The
    /// caller judges the expiry.
    ///
    /// # Errors
    /// See [`TokenFault`].
    fn authenticate(&self, token: &str) -> Result<SessionClaims, TokenFault>;

    /// Signs a pass with the current key: the token of a session on the origin of a service, which is its
    /// audience.
    ///
    /// # Errors
    /// When there is no key to sign with.
    fn issue_pass(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError>;

    /// Returns the claims of a pass for this origin, as [`TokenIssuer::authenticate`] does for session tokens.
    ///
    /// # Errors
    /// See [`TokenFault`].
    fn authenticate_pass(&self, origin: &str, pass: &str) -> Result<SessionClaims, TokenFault>;

    /// Signs an assertion with the current key.
    ///
    /// # Errors
    /// When there is no key to sign with.
    fn assert(&self, claims: &AssertionClaims) -> Result<Assertion, SigningError>;

    /// Returns the public keys as a JWK set (RFC 7517 section 5), in JSON.
    fn jwks(&self) -> String;
}

/// The reason that a text is not a session token of this issuer. It omits the text, which came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Longer than a cookie can be.
    #[error("the token is too long")]
    TooLong,
    /// Not a JWT of the issued form.
    #[error("the token is malformed")]
    Malformed,
    /// Signed with a key that is not, or no longer, in the ring.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// From another issuer or for another audience.
    #[error("the token is not for this lab")]
    Foreign,
}

/// Signing failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing the session token failed: {0}")]
pub struct SigningError(pub String);
