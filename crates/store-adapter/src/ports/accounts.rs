use async_trait::async_trait;
use labgate_domain::people::{Account, AccountId, Credential, DisplayName, Username};
use labgate_domain::ports::{AccountCreation, AccountStore, StoreError};

use crate::Store;
use crate::rows;
use crate::statements::{accounts, credentials};

#[async_trait]
impl AccountStore for Store {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.reader().await?.find(accounts::find(id), rows::account).await
    }

    async fn find_by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        self.reader().await?.find(accounts::find_by_name(name), rows::account).await
    }

    async fn create_local<'a>(
        &self,
        account: &Account,
        credential: Option<&'a Credential>,
    ) -> Result<AccountCreation, StoreError> {
        let mut transaction = self.begin().await?;
        if transaction.holds(accounts::names_are_taken(account)).await? {
            return transaction.undo(AccountCreation::NameTaken).await;
        }
        transaction.execute(accounts::add(account)).await?;
        if let Some(credential) = credential {
            transaction.execute(credentials::set(account.id, credential)).await?;
        }
        transaction.commit(AccountCreation::Created).await
    }

    async fn set_name<'a>(&self, id: AccountId, name: Option<&'a DisplayName>) -> Result<(), StoreError> {
        self.writer().await?.execute(accounts::set_name(id, name)).await?;
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.reader().await?.holds(accounts::check()).await?;
        self.writer().await?.execute(accounts::check_writing()).await?;
        Ok(())
    }
}
