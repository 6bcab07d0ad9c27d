use crate::error::{Reference, SignInError};
use crate::people::AccountId;
use crate::provider::ProviderId;
use crate::session::SessionId;

/// Keeps what happened, for the operator. An event holds no secret, so neither can what an adapter writes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SignInLog: Send + Sync {
    /// Records an event. Failing to must not fail the sign-in.
    fn record(&self, event: SignInEvent);
}

/// Something that happened to a sign-in or a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInEvent {
    /// A browser was sent to a provider.
    Started {
        /// Where to.
        provider: ProviderId,
    },
    /// A person signed in.
    SignedIn {
        /// Who.
        account: AccountId,
        /// Into which session.
        session: SessionId,
        /// By which provider; `None` is with a password.
        provider: Option<ProviderId>,
        /// Whether the account was made on the way.
        created: bool,
    },
    /// A provider's new address for a person is another account's, so the old one was kept.
    EmailKept {
        /// Whose.
        account: AccountId,
    },
    /// A sign-in was refused.
    Refused {
        /// What the person was told to quote.
        reference: Reference,
        /// By which provider, if that is known.
        provider: Option<ProviderId>,
        /// Why.
        error: SignInError,
    },
    /// Somebody chose another password.
    PasswordChanged {
        /// Whose.
        account: AccountId,
    },
    /// An administrator changed an account.
    Administered {
        /// Whose.
        account: AccountId,
        /// What was done, as a word such as `created` or `disabled`.
        change: &'static str,
        /// By whom; `None` is by somebody at the machine itself.
        by: Option<AccountId>,
    },
    /// A session was ended by its person.
    SignedOut {
        /// Who.
        account: AccountId,
        /// Which session.
        session: SessionId,
    },
    /// A check could not be answered.
    CheckFailed {
        /// Why.
        error: SignInError,
    },
}
