use std::time::Duration;

use async_trait::async_trait;

use super::{Source, StoreError};
use crate::device::DeviceId;
use crate::people::AccountId;
use crate::session::SessionId;
use crate::time::Timestamp;

/// Rate limits sign-in attempts (brute-force protection), and never locks an account for good. The rules are
/// in [`rate_limit`](crate::rate_limit); an adapter keeps the counts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Throttle: Send + Sync {
    /// Grants an attempt, and counts it as a failure until its success or cancellation
    /// ([`rate_limit::admit`](crate::rate_limit::admit)); atomically, so that concurrent attempts cannot pass
    /// one by one. A refused attempt can change counts, too. Memory MUST be bounded for any number of targets.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn admit(&self, attempt: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError>;

    /// Records a right password: forgets the failures of that party, and cancels this attempt everywhere
    /// else ([`rate_limit::record_success`](crate::rate_limit::record_success)). Only for a granted attempt.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn record_success(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError>;

    /// Cancels an attempt without a password check, everywhere
    /// ([`rate_limit::cancel`](crate::rate_limit::cancel)). Only for a granted attempt.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn cancel(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes expired entries, and returns their number. To be called now and then.
    ///
    /// # Errors
    /// When the store cannot answer; the rest goes next time.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// An attempt to sign in with a password, to prove one, to register, or to come in with an access token; by what is
/// known of who attempts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginAttempt {
    /// By a browser that nothing is known of.
    Stranger {
        /// The target.
        target: LoginTarget,
        /// The source.
        source: Source,
    },
    /// By such a browser, once it has waited for its turn.
    Turn {
        /// The target.
        target: LoginTarget,
        /// The source.
        source: Source,
    },
    /// By a browser that the account's person signed in with before.
    Device {
        /// The account.
        account: AccountId,
        /// The device.
        device: DeviceId,
    },
    /// With an access token that is unknown.
    AccessToken {
        /// The source.
        source: Source,
    },
    /// Inside a live session of the account.
    Session {
        /// The account.
        account: AccountId,
        /// The session.
        session: SessionId,
    },
}

/// The target of a stranger's attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoginTarget {
    /// A name, as typed and in its canonical form, whether an account has it or not: so no count tells that
    /// there is an account, nor that two names are one account's.
    Name(String),
    /// A registration, which could reveal taken names.
    Registration,
}

/// The decision about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The attempt may go on.
    Granted,
    /// The attempt must wait this long.
    RetryAfter(Duration),
}
