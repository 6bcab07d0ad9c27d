use async_trait::async_trait;
use labgate_domain::access_token::{AccessToken, AccessTokenHash, AccessTokenId};
use labgate_domain::people::AccountId;
use labgate_domain::ports::{AccessTokenCreation, AccessTokenStore, StoreError};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::rows;
use crate::sql::Sql;
use crate::statement::Statement;
use crate::statements::access_tokens;

macro_rules! columns {
    () => {
        "id, account_id, name, scope, issuer, subject, groups, admitted, told_at, made_at, expires_at,
         last_used_at "
    };
}

const FIND: Sql = select!("access_tokens", columns!(), "FROM access_tokens WHERE hash = $1");

const LIST_OF: Sql = select!(
    "access_tokens",
    columns!(),
    "FROM access_tokens WHERE account_id = $1 ORDER BY made_at DESC, id"
);

const TOUCH: &str = "
    UPDATE access_tokens SET last_used_at = $2 WHERE id = $1 AND coalesce(last_used_at < $2, TRUE)";

const REVOKE: Sql = Sql {
    sqlite: concat!(
        "DELETE FROM access_tokens WHERE account_id = $1 AND id = $2 RETURNING 'row ' || rowid AS place, ",
        columns!()
    ),
    postgres: concat!(
        "DELETE FROM access_tokens WHERE account_id = $1 AND id = $2 RETURNING 'row ' || ctid AS place, ",
        columns!()
    ),
};

#[async_trait]
impl AccessTokenStore for Store {
    async fn create(
        &self,
        token: &AccessToken,
        hash: &AccessTokenHash,
        session: SessionId,
        at_most: u32,
    ) -> Result<AccessTokenCreation, StoreError> {
        let mut transaction = self.begin().await?;
        if !transaction.holds(access_tokens::goes_on(session, token)).await?
            || !transaction.holds(access_tokens::may_have(token)).await?
        {
            return transaction.undo(AccessTokenCreation::Refused).await;
        }
        transaction.execute(access_tokens::delete_expired(token.account, token.made_at)).await?;
        if transaction.holds(access_tokens::is_full(token.account, at_most)).await? {
            return transaction.undo(AccessTokenCreation::TooMany).await;
        }
        transaction.execute(access_tokens::add(token, hash)).await?;
        transaction.commit(AccessTokenCreation::Created).await
    }

    async fn find(&self, hash: &AccessTokenHash) -> Result<Option<AccessToken>, StoreError> {
        self.reader().await?.find(Statement::new(FIND).bind(*hash), rows::access_token).await
    }

    async fn list_of(&self, account: AccountId) -> Result<Vec<AccessToken>, StoreError> {
        self.reader().await?.list(Statement::new(LIST_OF).bind(account), rows::access_token).await
    }

    async fn touch(&self, id: AccessTokenId, at: Timestamp) -> Result<(), StoreError> {
        self.writer().await?.execute(Statement::new(TOUCH).bind(id).bind(at)).await.map(drop)
    }

    async fn revoke(&self, account: AccountId, id: AccessTokenId) -> Result<Option<AccessToken>, StoreError> {
        let revoke = Statement::new(REVOKE).bind(account).bind(id);
        self.writer().await?.find(revoke, rows::access_token).await
    }

    async fn keep_admission<'a>(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        groups: Option<&'a [String]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let says_something = access_tokens::says_something(issuer, subject, groups.is_some(), at);
        if !self.reader().await?.holds(says_something).await? {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for keep in access_tokens::keep_admission(issuer, subject, groups, at) {
            transaction.execute(keep).await?;
        }
        transaction.commit(()).await
    }
}
