use crate::error::{Reference, SignInError};
use crate::people::AccountId;
use crate::protocol::Issuer;
use crate::provider::ProviderId;
use crate::session::SessionId;

/// Keeps what happened, for the operator. An event holds no secret, so neither can what an adapter writes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SignInLog: Send + Sync {
    /// Records an event. Failing to must not fail the sign-in.
    fn record(&self, event: SignInEvent);
}

/// How an identity came to open an account that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityChange {
    /// By invitation: the account was made for its address.
    Claimed,
    /// Its person proved the account with its password.
    ProvedByPassword,
    /// Its person proved the account with a session.
    ProvedBySession,
}

impl IdentityChange {
    /// The word for it in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::ProvedByPassword => "proved by password",
            Self::ProvedBySession => "proved by session",
        }
    }
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
        /// What the provider's own words mean, where they are known.
        explanation: Option<&'static str>,
    },
    /// What opens an account changed.
    Linked {
        /// Whose.
        account: AccountId,
        /// The provider whose identity it is about.
        provider: ProviderId,
        /// What changed.
        change: IdentityChange,
    },
    /// An identity opens an account no more.
    Unlinked {
        /// Whose.
        account: AccountId,
        /// Whose word no longer counts.
        issuer: Issuer,
    },
    /// A provider said that sessions have ended there, so they ended here, too.
    SignedOutByProvider {
        /// Whose.
        account: AccountId,
        /// Which session.
        session: SessionId,
        /// Who says so.
        provider: ProviderId,
    },
    /// A provider was asked again about the person of a session, and that ended it.
    NotAdmittedAgain {
        /// Whose.
        account: AccountId,
        /// Which session.
        session: SessionId,
        /// Who was asked.
        provider: ProviderId,
        /// Why it ended.
        error: SignInError,
        /// What the provider's own words mean, where they are known.
        explanation: Option<&'static str>,
    },
    /// A provider could not be asked again about people whose sessions go on, and will be a little later.
    RecheckPutOff {
        /// Which.
        provider: ProviderId,
        /// Why.
        error: SignInError,
        /// What the provider's own words mean, where they are known.
        explanation: Option<&'static str>,
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
    /// Sessions were ended by their person from elsewhere.
    SignedOutElsewhere {
        /// Who.
        account: AccountId,
        /// How many sessions.
        sessions: usize,
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
