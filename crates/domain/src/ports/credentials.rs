use async_trait::async_trait;

use super::StoreError;
use crate::people::{AccountId, Credential, PasswordHash};
use crate::session::SessionId;
use crate::time::Timestamp;

/// The passwords of accounts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// Returns the password of an account, if it has one.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn credential(&self, id: AccountId) -> Result<Option<Credential>, StoreError>;

    /// Replaces the hash of the present password by a stronger one of the same password, if the present hash
    /// is still `only_if`. Returns whether it was replaced.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn strengthen_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Replaces the password, if the present hash is still `only_if` (two concurrent changes must not undo
    /// each other), and ends all sessions of the account; both or neither, even when the process dies.
    /// Returns the ended sessions; `None` when nothing was replaced.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was changed then.
    async fn change_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError>;

    /// Sets the password of an account, with or without a previous credential, ends all its sessions, and deletes its
    /// access tokens.
    /// From an account with a previous password its identities are unlinked. All of it or nothing. Returns
    /// the ended sessions; `None` when there is no such account.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was changed then.
    async fn reset_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError>;
}
