use async_trait::async_trait;
use labgate_domain::ports::{Consumption, SpentAttempts, StoreError};
use labgate_domain::sealed::SealId;
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::statement::Statement;

const SPEND: &str = "
    INSERT INTO spent_attempts (id, keep_until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";

const IS_SPENT: &str = "
    SELECT EXISTS (SELECT 1 FROM spent_attempts WHERE id = $1)";

#[async_trait]
impl SpentAttempts for Store {
    async fn consume(&self, id: SealId, until: Timestamp) -> Result<Consumption, StoreError> {
        let spent = self.writer().await?.execute(Statement::new(SPEND).bind(id).bind(until)).await?;
        Ok(if spent == 1 { Consumption::First } else { Consumption::Again })
    }

    async fn is_spent(&self, id: SealId) -> Result<bool, StoreError> {
        self.reader().await?.holds(Statement::new(IS_SPENT).bind(id)).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let delete = Statement::new(in_dialect!(DELETE_EXPIRED_ATTEMPTS)).bind(now);
        self.writer().await?.execute(delete).await
    }
}
