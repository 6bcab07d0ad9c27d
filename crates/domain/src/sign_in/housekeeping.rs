use std::convert::Infallible;

use quick_cache::sync::Cache;

use crate::ports::{AccountStore, SessionStore, SpentAttempts, StoreError, Throttle};
use crate::time::Timestamp;
use crate::world::Clock;

/// The answers of the store to the readiness check. It writes, and anybody may ask: so it is asked once a
/// second at most, and those who ask meanwhile wait for that answer.
pub struct Readiness(Cache<Timestamp, Result<(), StoreError>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Cache::new(4))
    }
}

/// Deletes expired data, and answers the readiness check.
#[derive(Clone, Copy)]
pub struct Housekeeping<'a> {
    /// Answers the readiness check.
    pub accounts: &'a dyn AccountStore,
    /// Remembers the answer.
    pub readiness: &'a Readiness,
    /// Holds expired sessions.
    pub sessions: &'a dyn SessionStore,
    /// Holds expired attempts.
    pub spent_attempts: &'a dyn SpentAttempts,
    /// Holds counts that have lost their effect.
    pub throttle: &'a dyn Throttle,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl Housekeeping<'_> {
    /// Deletes what has expired, and returns the numbers of sessions and attempts. To be called now and then.
    ///
    /// # Errors
    /// When the store failed; the rest goes next time.
    pub async fn forget_expired(&self) -> Result<(u64, u64), StoreError> {
        let now = self.clock.now();
        let sessions = self.sessions.delete_expired(now).await?;
        let attempts = self.spent_attempts.delete_expired(now).await?;
        self.throttle.delete_expired(now).await?;
        Ok((sessions, attempts))
    }

    /// Checks whether people can be signed in at all: the store answers and takes writes. A provider that is
    /// down does not count, for it recovers by itself and sessions live on.
    ///
    /// # Errors
    /// When the store does not answer, or cannot write.
    pub async fn check_readiness(&self) -> Result<(), StoreError> {
        let check = async { Ok::<_, Infallible>(self.accounts.check().await) };
        let Ok(answer) = self.readiness.0.get_or_insert_async(&self.clock.now(), check).await;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{MockAccountStore, MockSessionStore, MockSpentAttempts, MockThrottle};
    use crate::time::Timestamp;
    use crate::world::MockClock;

    #[tokio::test]
    async fn a_store_that_fails_stops_the_deletion_and_readiness() {
        let mut accounts = MockAccountStore::new();
        accounts.expect_check().times(1).returning(|| Err(StoreError("down".to_owned())));
        let mut sessions = MockSessionStore::new();
        sessions.expect_delete_expired().times(1).returning(|_| Ok(3));
        let mut spent_attempts = MockSpentAttempts::new();
        spent_attempts.expect_delete_expired().times(1).returning(|_| Err(StoreError("down".to_owned())));
        let mut throttle = MockThrottle::new();
        throttle.expect_delete_expired().never();
        let mut clock = MockClock::new();
        clock.expect_now().return_const(Timestamp::from_unix_seconds(1));
        let housekeeping = Housekeeping {
            accounts: &accounts,
            readiness: &Readiness::default(),
            sessions: &sessions,
            spent_attempts: &spent_attempts,
            throttle: &throttle,
            clock: &clock,
        };
        assert!(housekeeping.forget_expired().await.is_err());
        for _ in 0..3 {
            assert!(housekeeping.check_readiness().await.is_err(), "asked once in this second");
        }
    }
}
