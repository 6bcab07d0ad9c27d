use std::time::Duration;

use super::code::{ErrorCode, codes};
use crate::access::{NoService, ServiceId};
use crate::people::{EmailAddress, TooManyGroups, Username};
use crate::ports::PasswordWeakness;
use crate::sealed::Ticket;
use crate::text::ForeignText;

/// An account that was not created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The person has no account, and just-in-time provisioning is off.
    #[error("there is no account for {address}, and self-registration is off")]
    NotProvisioned {
        /// The person's address.
        address: EmailAddress,
    },
    /// People do not register themselves in this lab.
    #[error("self-registration is off")]
    Off,
    /// There is an administrator already, or the setup link is another one.
    #[error("the setup link is not valid")]
    SetupClosed,
    /// The username is malformed.
    #[error("the username is malformed")]
    UsernameMalformed,
    /// The username or the e-mail address is another account's.
    #[error("the name or address is taken")]
    NameTaken,
}

codes!(RegistrationError {
    NotProvisioned => RegistrationClosed,
    Off => SelfRegistrationOff,
    SetupClosed => SetupClosed,
    UsernameMalformed => UsernameMalformed,
    NameTaken => NameTaken,
});

/// An account that cannot be used or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// It does not exist.
    #[error("there is no such account")]
    Unknown,
    /// An administrator disabled it.
    #[error("the account is disabled")]
    Disabled,
    /// It is the last active administrator.
    #[error("the account is the last active administrator")]
    LastAdministrator,
    /// It would have more local groups than it can.
    #[error(transparent)]
    TooManyGroups(#[from] TooManyGroups),
    /// It was disabled, deleted or given another role or password while the person signed in.
    #[error("the account was changed during the sign-in")]
    ChangedMeanwhile,
}

codes!(AccountError {
    Unknown => AccountUnknown,
    Disabled => AccountDisabled,
    LastAdministrator => LastAdministrator,
    TooManyGroups => TooManyGroups,
    ChangedMeanwhile => NotSignedIn,
});

/// An identity that was not linked to an account, or not unlinked from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is linked to another account, which the error does not name.
    #[error("the identity is linked to another account")]
    IdentityTaken,
    /// It is not linked to the account.
    #[error("the identity is not linked to the account")]
    IdentityUnknown,
    /// It is the account's last credential.
    #[error("the identity is the account's last credential")]
    LastCredential,
    /// The browser's session belongs to another account than the one to link.
    #[error("the browser is signed in to another account by now")]
    AnotherSession,
}

codes!(LinkError {
    IdentityTaken => IdentityTaken,
    IdentityUnknown => IdentityUnknown,
    LastCredential => LastCredential,
    AnotherSession => AnotherSession,
});

/// A password that opens no account, or that no account gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Sign-in with a password is off.
    #[error("sign-in with a password is off")]
    Off,
    /// The name is unknown, the password is wrong, or the account is disabled or has no password. The error
    /// does not tell these apart, so that it reveals no account.
    #[error("the name or the password is wrong")]
    Wrong,
    /// The rate limit is reached.
    #[error("too many attempts; retry after {} s", .retry_after.as_secs())]
    TooManyAttempts {
        /// The wait until the next attempt.
        retry_after: Duration,
        /// The turn that the browser may come back with then.
        turn: Option<Ticket>,
    },
    /// The new password is too short or too long.
    #[error("the new password is too short or too long")]
    Length,
    /// The new password is too easy to guess.
    #[error("the new password is too easy to guess")]
    Weak(PasswordWeakness),
    /// The new password is the old one.
    #[error("the new password is the old one")]
    Unchanged,
}

impl PasswordError {
    /// Returns the stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Off => ErrorCode::PasswordsOff,
            Self::Wrong => ErrorCode::CredentialsWrong,
            Self::TooManyAttempts { .. } => ErrorCode::RateLimited,
            Self::Length => ErrorCode::PasswordLength,
            Self::Weak(PasswordWeakness::Common) => ErrorCode::PasswordCommon,
            Self::Weak(PasswordWeakness::Personal) => ErrorCode::PasswordPersonal,
            Self::Weak(PasswordWeakness::Guessable) => ErrorCode::PasswordGuessable,
            Self::Unchanged => ErrorCode::PasswordUnchanged,
        }
    }
}

/// An access token that was not made or not revoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Its name has no printable character.
    #[error("the access token has no name")]
    Name,
    /// Its scope is none.
    #[error("the scope names neither a service nor api:admin, or something else")]
    Scope,
    /// Its scope names a service that is not there.
    #[error("the scope names the service {0}, which is not configured")]
    ServiceUnknown(ServiceId),
    /// Its life is none, or too long.
    #[error("the life is not a number of days from 1 to {most}")]
    Days {
        /// The longest.
        most: u32,
    },
    /// It is not there to be revoked.
    #[error("the account has no such access token")]
    Unknown,
    /// The account has too many.
    #[error("the account has as many access tokens as it can")]
    TooMany,
}

codes!(AccessTokenError {
    Name => AccessTokenMalformed,
    Scope => AccessTokenMalformed,
    ServiceUnknown => AccessTokenMalformed,
    Days => AccessTokenMalformed,
    Unknown => AccessTokenUnknown,
    TooMany => TooManyAccessTokens,
});

/// A request that its sender may not make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It has no session.
    #[error("the request has no session")]
    NotSignedIn,
    /// Its session does not prove that the account is the person's, and no password came with it.
    #[error("the person must authenticate again")]
    ReauthenticationNeeded,
    /// It is an act that a session alone does not permit, and no proof of this very act came with it.
    #[error("the act needs proof: the person's password, or a ticket for this act")]
    ProofNeeded,
    /// The provider did not authenticate the person anew, or does not say so.
    #[error("the provider does not state that it authenticated the person just now (auth_time)")]
    NotAuthenticatedAnew,
    /// The identity that is to prove an act does not open the person's account.
    #[error("the identity does not open the account whose person is to prove the act")]
    AnotherPerson,
    /// Its account is not an administrator.
    #[error("the account is not an administrator")]
    NotAdministrator,
    /// It needs a valid access token: its own is missing, unknown, expired or revoked, or the account of that is
    /// disabled or no longer admitted.
    #[error(
        "the access token is missing, unknown, expired or revoked, or its account is disabled or not admitted"
    )]
    AccessTokenInvalid,
    /// Its access token opens something else.
    #[error("the access token does not open {needed}")]
    InsufficientScope {
        /// What it would have to open.
        needed: String,
    },
    /// Its person has yet to accept the present terms of service.
    #[error("the person has not accepted the present version of the terms of service")]
    TermsDue,
    /// It accepts another version of the terms of service than the present one.
    #[error("the version of the terms of service is not the present one")]
    TermsChanged,
    /// It came from another site.
    #[error("the request failed the CSRF check")]
    CsrfFailed,
    /// Its person may not use the service in this way.
    #[error("{person} may not use the service {service}: {decided_by} decides")]
    NotPermitted {
        /// The service.
        service: ServiceId,
        /// The person.
        person: Username,
        /// The rule that decides.
        decided_by: String,
    },
    /// No service has its target.
    #[error("{target}: {reason}")]
    TargetRefused {
        /// What it asks for.
        target: ForeignText,
        /// The reason.
        reason: NoService,
    },
}

codes!(AccessError {
    NotSignedIn => NotSignedIn,
    ReauthenticationNeeded => ReauthenticationNeeded,
    ProofNeeded => ProofNeeded,
    NotAuthenticatedAnew => NotAuthenticatedAnew,
    AnotherPerson => AnotherPerson,
    NotAdministrator => NotAdministrator,
    AccessTokenInvalid => AccessTokenInvalid,
    InsufficientScope => InsufficientScope,
    TermsDue => TermsDue,
    TermsChanged => TermsChanged,
    CsrfFailed => CsrfFailed,
    NotPermitted => NotPermitted,
    TargetRefused => TargetRefused,
});
