//! What opens accounts with a password.

use labgate_domain::people::{AccountId, Credential, PasswordHash};
use labgate_domain::ports::StoreError;
use sqlx::{Sqlite, SqliteExecutor};

use crate::sqlite::failed;
use crate::sqlite::record::Record;

const FIND: &str = "
    SELECT rowid, hash, must_change FROM credentials WHERE account_id = ?1";

/// Nothing is written for an account that is not there.
const SET: &str = "
    INSERT INTO credentials (account_id, hash, must_change)
    SELECT id, ?2, ?3 FROM accounts WHERE id = ?1
    ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, must_change = excluded.must_change";

const REPLACE: &str = "
    UPDATE credentials SET hash = ?2, must_change = ?3 WHERE account_id = ?1 AND hash = ?4";

pub(super) async fn find(
    readers: impl SqliteExecutor<'_>,
    id: AccountId,
) -> Result<Option<Credential>, StoreError> {
    let row =
        sqlx::query::<Sqlite>(FIND).bind(id.to_string()).fetch_optional(readers).await.map_err(failed)?;
    let credential = |row| {
        let record = Record::new("credentials", row);
        Ok(Credential {
            hash: record.parsed("hash", PasswordHash::parse)?,
            must_change: record.flag("must_change")?,
        })
    };
    row.as_ref().map(credential).transpose()
}

/// Sets the credential, whether there was one or not; answers whether there is such an account.
pub(super) async fn set(
    executor: impl SqliteExecutor<'_>,
    id: AccountId,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let set = sqlx::query::<Sqlite>(SET)
        .bind(id.to_string())
        .bind(credential.hash.expose())
        .bind(credential.must_change)
        .execute(executor)
        .await
        .map_err(failed)?;
    Ok(set.rows_affected() == 1)
}

/// Replaces the credential that has this hash; answers whether there was one.
pub(super) async fn replace(
    executor: impl SqliteExecutor<'_>,
    id: AccountId,
    credential: &Credential,
    hash: &PasswordHash,
) -> Result<bool, StoreError> {
    let replaced = sqlx::query::<Sqlite>(REPLACE)
        .bind(id.to_string())
        .bind(credential.hash.expose())
        .bind(credential.must_change)
        .bind(hash.expose())
        .execute(executor)
        .await
        .map_err(failed)?;
    Ok(replaced.rows_affected() == 1)
}
