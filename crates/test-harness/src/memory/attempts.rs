use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::ports::{
    Consumption, LoginAttempt, LoginTarget, Permit, SpentAttempts, StoreError, Throttle,
};
use labgate_domain::sealed::SealId;
use labgate_domain::time::Timestamp;

use super::MemoryStore;

const FREE: u32 = 5;
const WAIT: Duration = Duration::from_mins(1);

/// Five wrong attempts pass for each target, then one each minute; registrations always pass.
#[async_trait]
impl Throttle for MemoryStore {
    async fn admit(&self, attempt: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError> {
        if attempt.target == LoginTarget::Registration {
            return Ok(Permit::Granted);
        }
        let mut state = self.state();
        let (count, last) = state.wrong_attempts.entry(attempt.target).or_insert((0, now));
        if *count >= FREE && now < last.plus(WAIT) {
            return Ok(Permit::RetryAfter(last.plus(WAIT).since(now)));
        }
        (*count, *last) = (*count + 1, now);
        Ok(Permit::Granted)
    }

    async fn record_success(&self, attempt: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        self.state().wrong_attempts.remove(&attempt.target);
        Ok(())
    }

    async fn cancel(&self, attempt: LoginAttempt, _: Timestamp) -> Result<(), StoreError> {
        if let Some((count, _)) = self.state().wrong_attempts.get_mut(&attempt.target) {
            *count = count.saturating_sub(1);
        }
        Ok(())
    }

    async fn delete_expired(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
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
