use async_trait::async_trait;

use super::StoreError;
use crate::sealed::{SealId, Sealed};
use crate::time::Timestamp;

/// Seals what an attempt must remember, so that the browser can carry it and neither read nor change it.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Sealer: Send + Sync {
    /// Encrypts and authenticates `plaintext`, bound to `id`: under another id it does not open.
    ///
    /// # Errors
    /// When there is no key to seal with.
    fn seal(&self, id: SealId, plaintext: &[u8]) -> Result<Sealed, SealError>;

    /// What was sealed under this id; `None` when it was not sealed by us, or was changed, or under another id.
    fn open(&self, id: SealId, sealed: &Sealed) -> Option<Vec<u8>>;
}

/// Sealing failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealing the sign-in attempt failed")]
pub struct SealError;

/// The memory that makes an attempt single-use across restarts and replicas.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait SpentAttempts: Send + Sync {
    /// Spends an attempt. Of any number of calls for one id, in whatever order and on whatever replica, exactly one
    /// answers [`Consumption::First`]. The id may be forgotten after `until`.
    ///
    /// # Errors
    /// When the store cannot answer; the attempt must then be treated as spent.
    async fn consume(&self, id: SealId, until: Timestamp) -> Result<Consumption, StoreError>;

    /// Whether it was spent before. An answer of no may be out of date as soon as it is given.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn is_spent(&self, id: SealId) -> Result<bool, StoreError>;

    /// Forgets the ids whose time has passed, and answers how many.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// Whether an attempt was still there to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumption {
    /// It was, and is spent now.
    First,
    /// It was spent before.
    Again,
}
