use async_trait::async_trait;

use super::StoreError;
use crate::sealed::SealId;
use crate::time::Timestamp;

/// The memory that makes an attempt single-use across restarts and replicas.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait SpentAttempts: Send + Sync {
    /// Spends an attempt. Of any number of calls for one id, in any order and on any replicas, exactly one
    /// answers [`Consumption::First`]. The id may be forgotten after `until`.
    ///
    /// # Errors
    /// When the store cannot answer; the attempt must then be treated as spent.
    async fn consume(&self, id: SealId, until: Timestamp) -> Result<Consumption, StoreError>;

    /// Returns whether it was spent before. A negative answer may be out of date at once.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn is_spent(&self, id: SealId) -> Result<bool, StoreError>;

    /// Forgets the ids after their time, and returns their number.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// The result of spending an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumption {
    /// The attempt is spent now.
    First,
    /// The attempt was spent before.
    Again,
}
