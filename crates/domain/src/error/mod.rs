//! Why a sign-in was refused: for the person, for the operator, and as a stable code.

mod code;
mod reference;
mod refusal;

use std::time::Duration;

pub use code::{ErrorCode, Responsible};
pub use reference::Reference;
pub use refusal::Refusal;

use crate::ForeignText;
use crate::admission::Criterion;
use crate::people::EmailAddress;
use crate::ports::{
    HashingError, LogoutTokenError, PasswordWeakness, ProviderError, SigningError, StoreError,
};
use crate::protocol::{AuthorizationErrorCode, MalformedResponse, Subject};
use crate::sealed::SealError;

/// Why somebody was not signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No provider is configured, or none of this name.
    #[error("no such provider is configured")]
    ProviderUnknown,
    /// The provider, or what is configured of it, failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The callback's query is not an authorization response.
    #[error("the callback is not an authorization response: {0}")]
    CallbackMalformed(#[from] MalformedResponse),
    /// The browser holds no attempt with this `state`: another browser's callback, or the cookie was lost.
    #[error("this browser did not start the sign-in that the callback answers")]
    AttemptUnknown,
    /// The attempt took longer than [`SignInAttempt::LIFETIME`](crate::attempt::SignInAttempt::LIFETIME).
    #[error("the sign-in took too long")]
    AttemptExpired,
    /// The attempt was used before.
    #[error("the sign-in was finished before")]
    AttemptSpent,
    /// The response states another issuer than the attempt was sent to (RFC 9207).
    #[error("the response comes from {stated}, not from the provider that was asked")]
    IssuerMismatch {
        /// The issuer that the response states.
        stated: ForeignText,
    },
    /// The response states no issuer, though the provider promises to (RFC 9207).
    #[error("the response does not state its issuer, though the provider promises to")]
    IssuerMissing,
    /// The provider answered with an error instead of a code.
    #[error("the provider answered {}{}", code.as_str(), description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// Which.
        code: AuthorizationErrorCode,
        /// In the provider's words.
        description: Option<ForeignText>,
    },
    /// The provider states no e-mail address for the person.
    #[error("the provider states no e-mail address")]
    EmailMissing,
    /// What the provider states as the e-mail address is not one.
    #[error("what the provider states as the e-mail address is not one")]
    EmailMalformed,
    /// The provider does not state the e-mail address as verified.
    #[error("the provider does not state {address} as verified")]
    EmailUnverified {
        /// The address.
        address: EmailAddress,
    },
    /// The operator's rules do not let the person in.
    #[error("the rule about {} does not let {subject} in, of whom the provider states {}", rule.as_str(), if stated.as_str().is_empty() { "nothing for it" } else { stated.as_str() })]
    NotAdmitted {
        /// The rule that does not hold.
        rule: Criterion,
        /// Who wants to come in.
        subject: Subject,
        /// What the rule looked at.
        stated: ForeignText,
    },
    /// A rule looks at groups, and the provider did not name all of the person's.
    #[error("the provider did not name all groups of the person, and a rule looks at them")]
    GroupsUnknown,
    /// There is no account, and accounts are not created by themselves.
    #[error("there is no account for {address}, and self-registration is off")]
    RegistrationClosed {
        /// The address of the person.
        address: EmailAddress,
    },
    /// Others were signing in with the address again and again at the same moment.
    #[error("what the e-mail address {address} opens changed while the person signed in")]
    EmailTaken {
        /// The address.
        address: EmailAddress,
    },
    /// An administrator has switched the account off.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The identity opens another account. Which is not said.
    #[error("the identity opens another account")]
    IdentityTaken,
    /// The browser is signed in to another account than the one that the identity was to open.
    #[error("the browser is signed in to another account by now")]
    AnotherSession,
    /// The account is not opened by this identity.
    #[error("the account is not opened by this identity")]
    IdentityUnknown,
    /// Nothing else opens the account.
    #[error("nothing else opens the account")]
    LastCredential,
    /// The session is too old to change what opens the account, and no password came with the request.
    #[error("the person must prove again who they are")]
    ReauthenticationNeeded,
    /// A provider's logout token is not good.
    #[error(transparent)]
    LogoutToken(#[from] LogoutTokenError),
    /// A session is needed, and there is none.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// Signing in with a password is switched off.
    #[error("signing in with a password is switched off")]
    PasswordsOff,
    /// The name is nobody's, or the password is not the person's, or the account is disabled or has none: on purpose it
    /// is not told apart.
    #[error("the name or the password is wrong")]
    CredentialsWrong,
    /// Too many wrong passwords in a row.
    #[error("too many attempts; retry after {} s", .wait.as_secs())]
    TooManyTries {
        /// How long to wait.
        wait: Duration,
    },
    /// A new password is too short or too long.
    #[error("the new password is too short or too long")]
    PasswordLength,
    /// A new password is too easy to guess.
    #[error("the new password is too easy to guess")]
    PasswordWeak(PasswordWeakness),
    /// A new password is the old one.
    #[error("the new password is the old one")]
    PasswordUnchanged,
    /// What somebody wants to be called is not a username.
    #[error("that is not a username")]
    UsernameMalformed,
    /// What somebody wants to be called, or their e-mail address, is another account's.
    #[error("the name or address is taken")]
    NameTaken,
    /// People do not register themselves here.
    #[error("self-registration is off")]
    SelfRegistrationOff,
    /// There is an administrator already, or the setup link is not the one.
    #[error("the setup link is not valid")]
    SetupClosed,
    /// Only an administrator may do that.
    #[error("only an administrator may do that")]
    NotAdministrator,
    /// There is no such account.
    #[error("there is no such account")]
    AccountUnknown,
    /// It is the last active administrator.
    #[error("it is the last active administrator")]
    LastAdministrator,
    /// A password could not be hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A state-changing request came from another site.
    #[error("the request came from another site")]
    CrossSite,
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
    /// The whole error, if there is something in it that a provider has said in its own words.
    #[must_use]
    pub fn provider_message(&self) -> Option<String> {
        let has_words = matches!(
            self,
            Self::Refused { .. }
                | Self::Provider(
                    ProviderError::CodeRejected(_)
                        | ProviderError::RefreshRejected(_)
                        | ProviderError::ClientRejected(_)
                        | ProviderError::TokenError { .. }
                        | ProviderError::Unavailable { .. }
                )
        );
        has_words.then(|| self.to_string())
    }

    /// Whether what was presented, an attempt or a ticket, will never be of use again.
    #[must_use]
    pub fn ends_attempt(&self) -> bool {
        matches!(self, Self::AttemptUnknown | Self::AttemptExpired | Self::AttemptSpent)
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        use AuthorizationErrorCode as Authz;
        match self {
            Self::ProviderUnknown => ErrorCode::ProviderUnknown,
            Self::Provider(error) => error.code(),
            Self::CallbackMalformed(_) => ErrorCode::CallbackMalformed,
            Self::AttemptUnknown => ErrorCode::AttemptUnknown,
            Self::AttemptExpired => ErrorCode::AttemptExpired,
            Self::AttemptSpent => ErrorCode::AttemptSpent,
            Self::IssuerMismatch { .. } => ErrorCode::IssuerMismatch,
            Self::IssuerMissing => ErrorCode::IssuerMissing,
            Self::Refused { code, .. } => match code {
                Authz::AccessDenied => ErrorCode::AccessDenied,
                Authz::LoginRequired
                | Authz::InteractionRequired
                | Authz::ConsentRequired
                | Authz::AccountSelectionRequired => ErrorCode::InteractionRequired,
                Authz::TemporarilyUnavailable | Authz::ServerError => ErrorCode::ProviderBusy,
                _ => ErrorCode::RequestRefused,
            },
            Self::EmailMissing => ErrorCode::EmailMissing,
            Self::EmailMalformed => ErrorCode::EmailMalformed,
            Self::EmailUnverified { .. } => ErrorCode::EmailUnverified,
            Self::NotAdmitted { .. } => ErrorCode::NotAdmitted,
            Self::GroupsUnknown => ErrorCode::GroupsUnknown,
            Self::RegistrationClosed { .. } => ErrorCode::RegistrationClosed,
            Self::EmailTaken { .. } => ErrorCode::EmailTaken,
            Self::AccountDisabled => ErrorCode::AccountDisabled,
            Self::IdentityTaken => ErrorCode::IdentityTaken,
            Self::AnotherSession => ErrorCode::AnotherSession,
            Self::IdentityUnknown => ErrorCode::IdentityUnknown,
            Self::LastCredential => ErrorCode::LastCredential,
            Self::ReauthenticationNeeded => ErrorCode::ReauthenticationNeeded,
            Self::LogoutToken(_) => ErrorCode::LogoutTokenInvalid,
            Self::NotSignedIn => ErrorCode::NotSignedIn,
            Self::PasswordsOff => ErrorCode::PasswordsOff,
            Self::CredentialsWrong => ErrorCode::CredentialsWrong,
            Self::TooManyTries { .. } => ErrorCode::TooManyTries,
            Self::PasswordLength => ErrorCode::PasswordLength,
            Self::PasswordWeak(weakness) => match weakness {
                PasswordWeakness::Common => ErrorCode::PasswordCommon,
                PasswordWeakness::Personal => ErrorCode::PasswordPersonal,
                PasswordWeakness::Guessable => ErrorCode::PasswordGuessable,
            },
            Self::PasswordUnchanged => ErrorCode::PasswordUnchanged,
            Self::UsernameMalformed => ErrorCode::UsernameMalformed,
            Self::NameTaken => ErrorCode::NameTaken,
            Self::SelfRegistrationOff => ErrorCode::SelfRegistrationOff,
            Self::SetupClosed => ErrorCode::SetupClosed,
            Self::NotAdministrator => ErrorCode::NotAdministrator,
            Self::AccountUnknown => ErrorCode::AccountUnknown,
            Self::LastAdministrator => ErrorCode::LastAdministrator,
            Self::Hashing(HashingError::Busy) => ErrorCode::Busy,
            Self::CrossSite => ErrorCode::CsrfFailed,
            Self::Store(_) | Self::Seal(_) | Self::Signing(_) | Self::Hashing(HashingError::Failed) => {
                ErrorCode::Internal
            }
        }
    }
}
