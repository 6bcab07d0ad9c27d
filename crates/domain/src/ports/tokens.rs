use crate::session::{SessionClaims, SessionToken};

/// Signs session tokens and recognises its own.
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
