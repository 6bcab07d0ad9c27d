//! What administrators see and change, and that there always is one.

use labgate_domain::people::{AccountId, AccountStatus, Role};
use labgate_domain::ports::{AccountChange, AccountPage, StoreError};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteExecutor, SqlitePool};

use super::account;
use crate::sqlite::{SqliteStore, failed};

const HAS_ADMINISTRATOR: &str = "
    SELECT EXISTS (SELECT 1 FROM accounts WHERE role = 'admin')";

/// Of no account: nothing.
const IS_LAST_ADMINISTRATOR: &str = "
    SELECT role = 'admin' AND status = 'active' AND NOT EXISTS (
        SELECT 1 FROM accounts WHERE id <> ?1 AND role = 'admin' AND status = 'active'
    )
    FROM accounts WHERE id = ?1";

const SET_STATUS: &str = "
    UPDATE accounts SET status = ?2 WHERE id = ?1";

const SET_ROLE: &str = "
    UPDATE accounts SET role = ?2 WHERE id = ?1";

/// The foreign keys take with it what belongs to it.
const DELETE: &str = "
    DELETE FROM accounts WHERE id = ?1";

/// How many accounts are looked at together when some are searched for.
const CHUNK: usize = 1000;

/// In the order of the ids as texts, which is that of the ids.
const LIST: &str = "
    SELECT rowid, id, username, email, name, role, status, created_at
    FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2";

pub(super) async fn has_administrator(executor: impl SqliteExecutor<'_>) -> Result<bool, StoreError> {
    sqlx::query_scalar::<Sqlite, bool>(HAS_ADMINISTRATOR).fetch_one(executor).await.map_err(failed)
}

/// Searching looks at the accounts one by one: `LIKE` knows the case of ASCII letters only, and could use no index either.
pub(super) async fn list(
    readers: &SqlitePool,
    search: Option<&str>,
    after: Option<AccountId>,
    limit: u32,
) -> Result<AccountPage, StoreError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there are more.
    let wanted = limit.saturating_add(1);
    let chunk = if search.is_some() { CHUNK } else { wanted };
    let mut after = after.map(|id| id.to_string()).unwrap_or_default();
    let mut accounts = Vec::new();
    loop {
        let rows = sqlx::query(LIST)
            .bind(&after)
            .bind(i64::try_from(chunk).unwrap_or(i64::MAX))
            .fetch_all(readers)
            .await
            .map_err(failed)?;
        for row in &rows {
            let account = account(row)?;
            after = account.id.to_string();
            if search.is_none_or(|search| account.is_found_by(search)) {
                accounts.push(account);
            }
        }
        if accounts.len() >= wanted || rows.len() < chunk {
            let more = accounts.len() > limit;
            accounts.truncate(limit);
            return Ok(AccountPage { accounts, more });
        }
    }
}

pub(super) async fn set_status(
    store: &SqliteStore,
    id: AccountId,
    status: AccountStatus,
) -> Result<AccountChange, StoreError> {
    let set = sqlx::query(SET_STATUS).bind(id.to_string()).bind(status.as_str());
    change(store, id, status == AccountStatus::Active, set).await
}

pub(super) async fn set_role(
    store: &SqliteStore,
    id: AccountId,
    role: Role,
) -> Result<AccountChange, StoreError> {
    let set = sqlx::query(SET_ROLE).bind(id.to_string()).bind(role.as_str());
    change(store, id, role == Role::Admin, set).await
}

pub(super) async fn delete(store: &SqliteStore, id: AccountId) -> Result<AccountChange, StoreError> {
    change(store, id, false, sqlx::query(DELETE).bind(id.to_string())).await
}

/// Changes an account, but the last active administrator only in a way that `keeps_administrator`.
///
/// Question and change are one transaction, and nobody else writes meanwhile: two administrators cannot take each other's
/// place away at once.
async fn change(
    store: &SqliteStore,
    id: AccountId,
    keeps_administrator: bool,
    statement: Query<'_, Sqlite, SqliteArguments>,
) -> Result<AccountChange, StoreError> {
    let mut transaction = store.write().await?;
    let is_last: Option<bool> = sqlx::query_scalar(IS_LAST_ADMINISTRATOR)
        .bind(id.to_string())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
    match is_last {
        None => return Ok(AccountChange::NotFound),
        Some(true) if !keeps_administrator => return Ok(AccountChange::LastAdministrator),
        Some(_) => {}
    }
    statement.execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(AccountChange::Done)
}
