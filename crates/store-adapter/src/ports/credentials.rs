use async_trait::async_trait;
use labgate_domain::people::{AccountId, Credential, PasswordHash};
use labgate_domain::ports::{CredentialStore, StoreError};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::rows;
use crate::statements::{access_tokens, credentials, identities, sessions};

#[async_trait]
impl CredentialStore for Store {
    async fn credential(&self, id: AccountId) -> Result<Option<Credential>, StoreError> {
        self.reader().await?.find(credentials::find(id), rows::credential).await
    }

    async fn strengthen_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
    ) -> Result<bool, StoreError> {
        Ok(self.writer().await?.execute(credentials::replace(id, credential, only_if)).await? == 1)
    }

    async fn change_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let mut transaction = self.begin().await?;
        if transaction.execute(credentials::replace(id, credential, only_if)).await? == 0 {
            return transaction.undo(None).await;
        }
        let ended = transaction.list(sessions::end_all_of(id, None, at), rows::session_id).await?;
        transaction.commit(Some(ended)).await
    }

    async fn reset_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let mut transaction = self.begin().await?;
        let had_one = transaction.find(credentials::find(id), rows::credential).await?.is_some();
        if transaction.execute(credentials::set(id, credential)).await? == 0 {
            return transaction.undo(None).await;
        }
        transaction.execute(access_tokens::delete_all_of(id)).await?;
        if had_one {
            transaction.execute(identities::remove_all(id)).await?;
        }
        let ended = transaction.list(sessions::end_all_of(id, None, at), rows::session_id).await?;
        transaction.commit(Some(ended)).await
    }
}
