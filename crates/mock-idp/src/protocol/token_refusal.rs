use labgate_domain::ForeignText;
use labgate_domain::protocol::TokenErrorCode;

use super::grant_error::GrantError;
use super::parameters::Duplicate;

/// A refusal of the token endpoint (RFC 6749 section 5.2). Its text is the `error_description`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenRefusal {
    /// The request is not as RFC 6749 wants it.
    #[error("{0}")]
    Invalid(&'static str),
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error(transparent)]
    Duplicate(#[from] Duplicate),
    #[error("the code_verifier is not 43 to 128 unreserved characters")]
    MalformedVerifier,
    #[error("{0}")]
    NoCredentials(&'static str),
    #[error("the client is not registered here")]
    UnknownClient(ForeignText),
    #[error("the client secret is wrong")]
    WrongSecret,
    #[error("the grant types are authorization_code and refresh_token")]
    UnsupportedGrantType(ForeignText),
    #[error("the scope exceeds the grant")]
    Scope,
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The mock itself fails.
    #[error("{0}")]
    Server(String),
}

impl TokenRefusal {
    pub(crate) fn code(&self) -> TokenErrorCode {
        match self {
            Self::Invalid(_) | Self::Missing(_) | Self::Duplicate(_) | Self::MalformedVerifier => {
                TokenErrorCode::InvalidRequest
            }
            Self::NoCredentials(_) | Self::UnknownClient(_) | Self::WrongSecret => {
                TokenErrorCode::InvalidClient
            }
            Self::UnsupportedGrantType(_) => TokenErrorCode::UnsupportedGrantType,
            Self::Scope => TokenErrorCode::InvalidScope,
            Self::Grant(_) => TokenErrorCode::InvalidGrant,
            Self::Server(_) => TokenErrorCode::ServerError,
        }
    }

    /// Its own name in tables of errors, and that of its group.
    pub(crate) fn names(&self) -> [&'static str; 2] {
        match self {
            Self::Invalid(_) => ["invalid", "request"],
            Self::Missing("code") => ["missing-code", "request"],
            Self::Missing("code_verifier") => ["missing-verifier", "pkce"],
            Self::Missing(_) => ["missing", "request"],
            Self::Duplicate(_) => ["duplicate", "request"],
            Self::MalformedVerifier => ["malformed-verifier", "pkce"],
            Self::NoCredentials(_) => ["no-credentials", "client"],
            Self::UnknownClient(_) => ["unknown-client", "client"],
            Self::WrongSecret => ["wrong-secret", "client"],
            Self::UnsupportedGrantType(_) => ["grant-type"; 2],
            Self::Scope => ["scope"; 2],
            Self::Grant(error) => error.names(),
            Self::Server(_) => ["server"; 2],
        }
    }
}
