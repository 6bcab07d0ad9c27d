use async_trait::async_trait;
use labgate_domain::ports::{Consumption, LoginAttempt, Permit, SpentAttempts, StoreError, Throttle};
use labgate_domain::rate_limit::{self, FailureCount, Tally};
use labgate_domain::sealed::SealId;
use labgate_domain::time::Timestamp;

use super::{MemoryStore, State};

impl State {
    fn count<T>(&mut self, attempt: &LoginAttempt, change: impl FnOnce(&mut [Tally]) -> T) -> T {
        let known = &self.tallies;
        let tally = |counter: rate_limit::Counter| Tally {
            counter,
            count: known.get(&counter.key).map_or_else(FailureCount::default, |tally| tally.count),
        };
        let mut tallies: Vec<Tally> = attempt.counters().into_iter().map(tally).collect();
        let answer = change(&mut tallies);
        for tally in tallies {
            // An empty count is none.
            if tally.count.failures() > 0.0 {
                self.tallies.insert(tally.counter.key, tally);
            } else {
                self.tallies.remove(&tally.counter.key);
            }
        }
        answer
    }
}

#[async_trait]
impl Throttle for MemoryStore {
    async fn admit(&self, attempt: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError> {
        Ok(self.state().count(&attempt, |tallies| rate_limit::admit(tallies, now)))
    }

    async fn record_success(&self, attempt: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        self.state().count(&attempt, rate_limit::record_success);
        Ok(())
    }

    async fn cancel(&self, attempt: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        self.state().count(&attempt, rate_limit::cancel);
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let expired = self.state().tallies.extract_if(|_, tally| tally.expires_at() <= now).count();
        Ok(expired as u64)
    }
}

#[async_trait]
impl SpentAttempts for MemoryStore {
    async fn consume(&self, id: SealId, until: Timestamp) -> Result<Consumption, StoreError> {
        let mut state = self.answering()?;
        if state.spent_attempts.contains_key(&id) {
            return Ok(Consumption::Again);
        }
        state.spent_attempts.insert(id, until);
        Ok(Consumption::First)
    }

    async fn is_spent(&self, id: SealId) -> Result<bool, StoreError> {
        Ok(self.answering()?.spent_attempts.contains_key(&id))
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.answering()?;
        let deleted = state.spent_attempts.extract_if(|_, until| *until < now).count();
        Ok(deleted as u64)
    }
}
