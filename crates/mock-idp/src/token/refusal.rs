use labgate_domain::ForeignText;
use labgate_domain::protocol::TokenErrorCode;

use crate::parameters::Duplicate;
use crate::worthless::Worthless;

/// Why a token request is refused (RFC 6749 section 5.2). Its text is the `error_description`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenRefusal {
    /// The request is not as RFC 6749 wants it.
    #[error("{0}")]
    Invalid(&'static str),
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error(transparent)]
    Duplicate(#[from] Duplicate),
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
    Worthless(#[from] Worthless),
    /// The mock itself fails.
    #[error("{0}")]
    Server(String),
}

impl TokenRefusal {
    pub(crate) fn code(&self) -> TokenErrorCode {
        match self {
            Self::Invalid(_) | Self::Missing(_) | Self::Duplicate(_) => TokenErrorCode::InvalidRequest,
            Self::NoCredentials(_) | Self::UnknownClient(_) | Self::WrongSecret => {
                TokenErrorCode::InvalidClient
            }
            Self::UnsupportedGrantType(_) => TokenErrorCode::UnsupportedGrantType,
            Self::Scope => TokenErrorCode::InvalidScope,
            Self::Worthless(_) => TokenErrorCode::InvalidGrant,
            Self::Server(_) => TokenErrorCode::ServerError,
        }
    }

    /// Whether it is the client that is not believed.
    pub(crate) fn is_of_the_client(&self) -> bool {
        self.code() == TokenErrorCode::InvalidClient
    }

    /// Whether PKCE fails: another verifier, a malformed one, or none.
    pub(crate) fn is_of_pkce(&self) -> bool {
        let own =
            [Self::Missing("code_verifier"), Self::Worthless(Worthless::Verifier), Self::MALFORMED_VERIFIER];
        own.contains(self)
    }

    /// Whether it is about a refresh token.
    pub(crate) fn is_of_refreshing(&self) -> bool {
        use Worthless as W;
        let own =
            [W::UnknownRefresh, W::RevokedRefresh, W::ForeignRefresh, W::UsedRefresh, W::ExpiredRefresh];
        matches!(self, Self::Worthless(reason) if own.contains(reason))
    }

    pub(super) const MALFORMED_VERIFIER: Self =
        Self::Invalid("the code_verifier is not 43 to 128 unreserved characters");
}
