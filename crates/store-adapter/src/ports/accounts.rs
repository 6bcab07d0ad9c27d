use async_trait::async_trait;
use labgate_domain::people::{AcceptedTerms, Account, AccountId, Credential, DisplayName, Username};
use labgate_domain::ports::{AccountCreation, AccountStore, StoreError};

use crate::Store;
use crate::rows;
use crate::sql::Sql;
use crate::statement::Statement;
use crate::statements::{accounts, credentials};

const FIND: Sql = select!("accounts", account_columns!(), "FROM accounts WHERE id = $1");

const FIND_BY_NAME: Sql =
    select!("accounts", account_columns!(), "FROM accounts WHERE username = $1 OR email = $1");

/// The newest rows are missing first in a file that was cut short.
const NEWEST_ROWS: &str = "
    SELECT (SELECT max(id) FROM accounts) IS NULL OR (SELECT max(expires_at) FROM sessions) IS NULL";

const WRITE: &str = "
    UPDATE readiness SET checks = checks + 1";

#[async_trait]
impl AccountStore for Store {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.reader().await?.find(Statement::new(FIND).bind(id), rows::account).await
    }

    async fn find_by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        self.reader().await?.find(Statement::new(FIND_BY_NAME).bind(name.as_str()), rows::account).await
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
        for statement in accounts::add(account) {
            transaction.execute(statement).await?;
        }
        if let Some(credential) = credential {
            transaction.execute(credentials::set(account.id, credential)).await?;
        }
        transaction.commit(AccountCreation::Created).await
    }

    async fn set_name<'a>(&self, id: AccountId, name: Option<&'a DisplayName>) -> Result<(), StoreError> {
        let set = Statement::new("UPDATE accounts SET name = $2 WHERE id = $1");
        self.writer().await?.execute(set.bind(id).bind(name.map(DisplayName::as_str))).await.map(drop)
    }

    async fn accept_terms(&self, id: AccountId, terms: &AcceptedTerms) -> Result<bool, StoreError> {
        let changed = self.writer().await?.execute(accounts::accept_terms(id, terms)).await?;
        Ok(changed > 0)
    }

    async fn check(&self) -> Result<(), StoreError> {
        let holds_together = Statement::new(NEWEST_ROWS);
        self.reader().await?.holds(holds_together).await?;
        self.writer().await?.execute(Statement::new(WRITE)).await.map(drop)
    }
}
