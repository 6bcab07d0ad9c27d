use super::{
    AccessError, AccessTokenError, AccountError, AdmissionError, AttemptError, CallbackError, EmailError,
    ErrorCode, LinkError, PasswordError, RegistrationError, ServiceError,
};
use crate::ports::{HashingError, LogoutTokenError, ProviderError, SigningError, StoreError};
use crate::sealed::SealError;

/// The cause of a refused sign-in, by subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No provider is configured, or none of this name.
    #[error("no such provider is configured")]
    ProviderUnknown,
    /// The provider failed, or its configuration.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The callback brings no code.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// The attempt cannot be used.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// The provider's e-mail address names no account.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The operator's rules do not admit the person.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The account was not created.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The account cannot be used or changed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The identity was not linked or unlinked.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The password is not accepted.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The access token was not made or revoked.
    #[error(transparent)]
    AccessToken(#[from] AccessTokenError),
    /// The sender may not make the request.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The service was not added, changed or removed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The logout token is not valid.
    #[error(transparent)]
    LogoutToken(#[from] LogoutTokenError),
    /// Hashing a password failed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sealing the attempt failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Signing the token failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl SignInError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ProviderUnknown => ErrorCode::ProviderUnknown,
            Self::Provider(error) => error.code(),
            Self::Callback(error) => error.code(),
            Self::Attempt(error) => error.code(),
            Self::Email(error) => error.code(),
            Self::Admission(error) => error.code(),
            Self::Registration(error) => error.code(),
            Self::Account(error) => error.code(),
            Self::Link(error) => error.code(),
            Self::Password(error) => error.code(),
            Self::AccessToken(error) => error.code(),
            Self::Access(error) => error.code(),
            Self::Service(error) => error.code(),
            Self::LogoutToken(_) => ErrorCode::LogoutTokenInvalid,
            Self::Hashing(HashingError::Busy) => ErrorCode::Busy,
            Self::Store(_) => ErrorCode::StoreUnavailable,
            Self::Hashing(HashingError::Failed) | Self::Seal(_) | Self::Signing(_) => ErrorCode::Internal,
        }
    }

    /// Returns the whole error, if it contains a message from the provider.
    #[must_use]
    pub fn provider_message(&self) -> Option<String> {
        let has_message = matches!(
            self,
            Self::Callback(CallbackError::Refused { .. })
                | Self::Provider(
                    ProviderError::CodeRejected(_)
                        | ProviderError::RefreshRejected(_)
                        | ProviderError::ClientRejected(_)
                        | ProviderError::TokenError { .. }
                        | ProviderError::Unavailable { .. }
                )
        );
        has_message.then(|| self.to_string())
    }

    /// Returns whether the presented attempt or ticket can never be used again.
    #[must_use]
    pub fn ends_attempt(&self) -> bool {
        matches!(self, Self::Attempt(_))
    }
}
