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
    /// Its code; its own name in tables of errors, and that of its group.
    pub(crate) fn code_and_names(&self) -> (TokenErrorCode, [&'static str; 2]) {
        use TokenErrorCode as Code;

        match self {
            Self::Invalid(_) => (Code::InvalidRequest, ["invalid", "request"]),
            Self::Missing("code") => (Code::InvalidRequest, ["missing-code", "request"]),
            Self::Missing("code_verifier") => (Code::InvalidRequest, ["missing-verifier", "pkce"]),
            Self::Missing(_) => (Code::InvalidRequest, ["missing", "request"]),
            Self::Duplicate(_) => (Code::InvalidRequest, ["duplicate", "request"]),
            Self::MalformedVerifier => (Code::InvalidRequest, ["malformed-verifier", "pkce"]),
            Self::NoCredentials(_) => (Code::InvalidClient, ["no-credentials", "client"]),
            Self::UnknownClient(_) => (Code::InvalidClient, ["unknown-client", "client"]),
            Self::WrongSecret => (Code::InvalidClient, ["wrong-secret", "client"]),
            Self::UnsupportedGrantType(_) => (Code::UnsupportedGrantType, ["grant-type"; 2]),
            Self::Scope => (Code::InvalidScope, ["scope"; 2]),
            Self::Grant(error) => (Code::InvalidGrant, error.names()),
            Self::Server(_) => (Code::ServerError, ["server"; 2]),
        }
    }
}
