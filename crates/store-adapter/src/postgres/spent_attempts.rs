use async_trait::async_trait;
use labgate_domain::ports::{Consumption, SpentAttempts, StoreError};
use labgate_domain::sealed::SealId;
use labgate_domain::time::Timestamp;

use super::{PostgresStore, failed};

const SPEND: &str = "
    INSERT INTO spent_attempts (id, keep_until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";

const IS_SPENT: &str = "
    SELECT EXISTS (SELECT 1 FROM spent_attempts WHERE id = $1)";

/// What another replica is deleting at this moment is left to it.
const DELETE_EXPIRED: &str = "
    DELETE FROM spent_attempts WHERE id IN (
        SELECT id FROM spent_attempts WHERE keep_until < $1 FOR UPDATE SKIP LOCKED
    )";

/// Each write is a single statement, which is a transaction of its own.
#[async_trait]
impl SpentAttempts for PostgresStore {
    async fn consume(&self, id: SealId, until: Timestamp) -> Result<Consumption, StoreError> {
        let spent = sqlx::query(SPEND)
            .bind(id.as_bytes().as_slice())
            .bind(until.as_unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(if spent.rows_affected() == 1 { Consumption::First } else { Consumption::Again })
    }

    async fn is_spent(&self, id: SealId) -> Result<bool, StoreError> {
        let is_spent = sqlx::query_scalar(IS_SPENT).bind(id.as_bytes().as_slice());
        is_spent.fetch_one(&self.pool).await.map_err(failed)
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let deleted = sqlx::query(DELETE_EXPIRED)
            .bind(now.as_unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(deleted.rows_affected())
    }
}
