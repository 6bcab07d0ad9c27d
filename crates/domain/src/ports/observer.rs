use crate::error::{ErrorCode, Reference};
use crate::people::AccountId;
use crate::protocol::Issuer;
use crate::provider::ProviderId;
use crate::session::SessionId;
use crate::sign_in::Trail;
use crate::text::named;

/// Sees what happens to sign-ins, sessions and accounts: the log, and metrics. An event holds no secret, so
/// neither can what an adapter writes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Observer: Send + Sync {
    /// Sees an event. It MUST return at once, and cannot fail a sign-in.
    fn observe(&self, event: &SignInEvent);

    /// Sees the trail of a sign-in that is over, on the same terms.
    fn finished(&self, trail: &Trail);
}

named! {
    /// The reason for which an identity was linked to an account that was there before, as the log says it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum IdentityChange {
        /// By invitation: the account was created for its address.
        Claimed = "claimed",
        /// Its person proved the account with its password.
        ProvedByPassword = "proved by password",
        /// Its person proved the account with a session.
        ProvedBySession = "proved by session",
    }
}

/// An event of a sign-in, a session or an account. A sign-in that is over is a [`Trail`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInEvent {
    /// A browser was sent to a provider.
    Started {
        /// The provider.
        provider: ProviderId,
    },
    /// A provider's new address for a person is another account's, so the old one was kept.
    EmailConflict {
        /// The person's account.
        account: AccountId,
    },
    /// A request other than a sign-in was refused.
    Refused {
        /// The reference that the person was told.
        reference: Reference,
        /// The stable code.
        code: ErrorCode,
        /// The text for the operator.
        error: String,
    },
    /// An identity was linked to an account.
    Linked {
        /// The account.
        account: AccountId,
        /// The provider of the identity.
        provider: ProviderId,
        /// The reason.
        change: IdentityChange,
    },
    /// An identity was unlinked from an account.
    Unlinked {
        /// The account.
        account: AccountId,
        /// The issuer of the identity.
        issuer: Issuer,
    },
    /// A session ended because a provider said so (back-channel logout).
    SignedOutByProvider {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
        /// The provider.
        provider: ProviderId,
    },
    /// Session revalidation ended a session.
    RevalidationRejected {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
        /// The provider that was asked.
        provider: ProviderId,
        /// The stable code of the reason.
        code: ErrorCode,
        /// The text for the operator.
        error: String,
        /// The meaning of the provider's own message, where it is known.
        explanation: Option<&'static str>,
    },
    /// Session revalidation was deferred, because the provider cannot be asked. The sessions go on.
    RevalidationDeferred {
        /// The provider.
        provider: ProviderId,
        /// The stable code of the reason.
        code: ErrorCode,
        /// The text for the operator.
        error: String,
        /// The meaning of the provider's own message, where it is known.
        explanation: Option<&'static str>,
    },
    /// A person chose another password.
    PasswordChanged {
        /// The account.
        account: AccountId,
    },
    /// An administrator changed an account.
    Administered {
        /// The account.
        account: AccountId,
        /// The change, as a word such as `created` or `disabled`.
        change: &'static str,
        /// The administrator's account; `None` is the local operator.
        by: Option<AccountId>,
    },
    /// A person ended sessions of their own from elsewhere.
    SignedOutElsewhere {
        /// The account.
        account: AccountId,
        /// The number of sessions.
        sessions: usize,
    },
    /// A person signed out.
    SignedOut {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
    },
    /// The store does not say what has changed. Checked tokens stay good for the grace.
    ChangesLost {
        /// The text for the operator.
        error: String,
    },
    /// The store says again what has changed.
    ChangesKnown,
    /// A session's token was renewed, but the store could not take the time of it: the session's idle limit
    /// counts from the renewal before.
    RenewalNotStored {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
        /// The text for the operator.
        error: String,
    },
    /// The trail of a sign-in could not be stored.
    RecordLost {
        /// The reference of the trail.
        reference: Reference,
        /// The text for the operator.
        error: String,
    },
}
