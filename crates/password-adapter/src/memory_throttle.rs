use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use labgate_domain::ports::{LoginAttempt, Permit, StoreError, Throttle};
use labgate_domain::rate_limit::{self, FailureCount, Tally, ThrottleKey, ThrottleKind};
use labgate_domain::time::Timestamp;

use self::bounded::Bounded;

mod bounded;

/// Limits the rate of login attempts in the memory of one process, by the rules of [`rate_limit`].
///
/// Each kind of counter, and the known sources, are bounded apart to 16,000: the one that was used longest
/// ago goes first. All is forgotten when the process ends.
#[derive(Debug, Default)]
pub struct MemoryThrottle(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    counts: BTreeMap<ThrottleKind, Bounded<Tally>>,
    /// The known sources, each until a time.
    known: Bounded<Timestamp>,
}

impl Memory {
    fn tallies(&self, attempt: &LoginAttempt, now: Timestamp) -> Vec<Tally> {
        let known =
            attempt.known_key().and_then(|key| self.known.get(&key)).is_some_and(|until| now < *until);
        let of = |key: &ThrottleKey| self.counts.get(&key.kind())?.get(key).map(|tally| tally.count);
        let tally = |counter: rate_limit::Counter| Tally {
            counter,
            count: of(&counter.key).unwrap_or_else(FailureCount::default),
        };
        attempt.counters(known).into_iter().map(tally).collect()
    }

    fn keep(&mut self, tallies: &[Tally], now: Timestamp) {
        for tally in tallies {
            let key = tally.counter.key;
            let counts = self.counts.entry(key.kind()).or_default();
            if tally.expires_at() <= now {
                counts.remove(&key);
            } else {
                counts.put(key, tally.count.last(), *tally);
            }
        }
    }
}

impl MemoryThrottle {
    /// Builds a throttle without counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Throttle for MemoryThrottle {
    async fn admit(&self, attempt: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError> {
        let mut memory = self.memory();
        let mut tallies = memory.tallies(&attempt, now);
        let permit = rate_limit::admit(&mut tallies, now);
        if permit == Permit::Granted {
            memory.keep(&tallies, now);
        }
        Ok(permit)
    }

    async fn record_success(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        let mut memory = self.memory();
        let mut tallies = memory.tallies(&attempt, now);
        rate_limit::record_success(&mut tallies);
        memory.keep(&tallies, now);
        if let Some(key) = attempt.known_key() {
            memory.known.put(key, now, rate_limit::known_until(now));
        }
        Ok(())
    }

    async fn cancel(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        let mut memory = self.memory();
        let mut tallies = memory.tallies(&attempt, now);
        rate_limit::cancel(&mut tallies);
        memory.keep(&tallies, now);
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut memory = self.memory();
        let counts: u64 =
            memory.counts.values_mut().map(|counts| counts.retain(|tally| now < tally.expires_at())).sum();
        Ok(counts + memory.known.retain(|until| now < *until))
    }
}

#[cfg(test)]
mod tests;
