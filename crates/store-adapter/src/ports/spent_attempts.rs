use async_trait::async_trait;
use labgate_domain::ports::{Consumption, SpentAttempts, StoreError};
use labgate_domain::sealed::SealId;
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::statements::spent_attempts;

#[async_trait]
impl SpentAttempts for Store {
    async fn consume(&self, id: SealId, until: Timestamp) -> Result<Consumption, StoreError> {
        let spent = self.writer().await?.execute(spent_attempts::spend(id, until)).await?;
        Ok(if spent == 1 { Consumption::First } else { Consumption::Again })
    }

    async fn is_spent(&self, id: SealId) -> Result<bool, StoreError> {
        self.reader().await?.holds(spent_attempts::is_spent(id)).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer().await?.execute(spent_attempts::delete_expired(now)).await
    }
}
