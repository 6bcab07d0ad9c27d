use async_trait::async_trait;
use labgate_domain::ports::{Consumption, SpentAttempts, StoreError};
use labgate_domain::sealed::SealId;
use labgate_domain::time::Timestamp;

use super::MemoryStore;

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
