use async_trait::async_trait;

use super::StoreError;
use crate::people::{AccountId, Credential, PasswordHash};
use crate::session::SessionId;
use crate::time::Timestamp;

/// The passwords that open accounts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// Returns the account's password credential, if it has one.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn credential(&self, id: AccountId) -> Result<Option<Credential>, StoreError>;

    /// Replaces the hash of the present password by a better one of the same password, while this is still it. Answers
    /// whether it was replaced.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn strengthen_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Replaces the password, while this is still its hash (two changes at once must not undo each other), and ends all
    /// sessions of the account; both or neither, whatever happens to the process. Answers which sessions ended; `None` is
    /// that it was not replaced.
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

    /// Gives the account this password, whatever opened it so far, and ends all its sessions. From one that had a password
    /// the identities are taken. All of it or nothing. Answers which sessions ended; `None` is that there is no such
    /// account.
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
