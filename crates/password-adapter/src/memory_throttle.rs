use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use labgate_domain::ports::{LoginAttempt, Permit, StoreError, Throttle};
use labgate_domain::rate_limit::{self, FailureCount, Tally, ThrottleKind};
use labgate_domain::time::Timestamp;

use self::bounded::Bounded;

mod bounded;

/// Limits the rate of login attempts in the memory of one process, by the rules of [`rate_limit`].
///
/// Each kind of counter is bounded apart to 16,000. All is forgotten when the process ends.
#[derive(Debug, Default)]
pub struct MemoryThrottle(Mutex<Memory>);

type Memory = BTreeMap<ThrottleKind, Bounded>;

impl MemoryThrottle {
    /// Builds a throttle without counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the counts of an attempt.
    fn count<T>(&self, attempt: &LoginAttempt, now: Timestamp, change: impl FnOnce(&mut [Tally]) -> T) -> T {
        let mut memory = self.memory();
        let known =
            |counter: &rate_limit::Counter| memory.get(&counter.key.kind())?.get(&counter.key).copied();
        let tally = |counter: rate_limit::Counter| Tally {
            counter,
            count: known(&counter).map_or_else(FailureCount::default, |tally| tally.count),
        };
        let mut tallies: Vec<Tally> = attempt.counters().into_iter().map(tally).collect();
        let before = tallies.clone();
        let answer = change(&mut tallies);
        for (tally, _) in tallies.into_iter().zip(before).filter(|(after, before)| after != before) {
            let counts = memory.entry(tally.counter.key.kind()).or_default();
            if tally.expires_at() <= now {
                counts.remove(&tally.counter.key);
            } else {
                counts.put(tally);
            }
        }
        answer
    }
}

#[async_trait]
impl Throttle for MemoryThrottle {
    async fn admit(&self, attempt: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError> {
        Ok(self.count(&attempt, now, |tallies| rate_limit::admit(tallies, now)))
    }

    async fn record_success(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&attempt, now, rate_limit::record_success);
        Ok(())
    }

    async fn cancel(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&attempt, now, rate_limit::cancel);
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        Ok(self.memory().values_mut().map(|counts| counts.remove_expired(now)).sum())
    }
}

#[cfg(test)]
mod tests;
