//! What administrators see and change, and that there always is one.

use labgate_domain::people::{AccountId, AccountStatus, Role};
use labgate_domain::ports::{AccountChange, AccountPage, StoreError};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, PgExecutor, PgPool, Postgres};

use super::account;
use crate::postgres::{PostgresStore, failed, unchanged};

const HAS_ADMINISTRATOR: &str = "
    SELECT EXISTS (SELECT 1 FROM accounts WHERE role = 'admin')";

/// Of no account: nothing.
const IS_LAST_ADMINISTRATOR: &str = "
    SELECT role = 'admin' AND status = 'active' AND NOT EXISTS (
        SELECT 1 FROM accounts WHERE id <> $1 AND role = 'admin' AND status = 'active'
    )
    FROM accounts WHERE id = $1";

const SET_STATUS: &str = "
    UPDATE accounts SET status = $2 WHERE id = $1";

const SET_ROLE: &str = "
    UPDATE accounts SET role = $2 WHERE id = $1";

/// The foreign keys take with it what belongs to it.
const DELETE: &str = "
    DELETE FROM accounts WHERE id = $1";

/// In the order in which sessions are ended, so that deleting them and ending them cannot wait for each other.
const KEEP_SESSIONS: &str = "
    SELECT FROM sessions WHERE account_id = $1 ORDER BY id FOR UPDATE";

/// How many accounts are looked at together when some are searched for.
const CHUNK: usize = 1000;

/// In the order of the ids as texts, which is that of the ids.
const LIST: &str = "
    SELECT ctid::text AS place, id, username, email, name, role, status, created_at
    FROM accounts WHERE id > $1 ORDER BY id LIMIT $2";

/// The same, without the accounts in which this text of ASCII, in lower case, cannot be found: those whose texts are ASCII
/// as well, and do not have it. Only of ASCII does the database know the case as we do (`lower` under the collation "C"),
/// and among a million accounts it finds out much faster.
const LIST_LIKELY: &str = "
    SELECT ctid::text AS place, id, username, email, name, role, status, created_at
    FROM accounts, LATERAL (SELECT lower(concat_ws(' ', username, email, name) COLLATE \"C\") AS texts) AS l
    WHERE id > $1 AND (strpos(texts, $3) > 0 OR length(texts) <> octet_length(texts)) ORDER BY id LIMIT $2";

pub(super) async fn has_administrator(executor: impl PgExecutor<'_>) -> Result<bool, StoreError> {
    sqlx::query_scalar::<Postgres, bool>(HAS_ADMINISTRATOR).fetch_one(executor).await.map_err(failed)
}

/// What a search finds is for [`Account::is_found_by`](labgate_domain::people::Account::is_found_by) to say.
pub(super) async fn list(
    pool: &PgPool,
    search: Option<&str>,
    after: Option<AccountId>,
    limit: u32,
) -> Result<AccountPage, StoreError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there are more.
    let wanted = limit.saturating_add(1);
    let chunk = if search.is_some() { CHUNK } else { wanted };
    let ascii =
        search.filter(|search| search.is_ascii() && !search.contains('\0')).map(str::to_ascii_lowercase);
    let mut after = after.map(|id| id.to_string()).unwrap_or_default();
    let mut accounts = Vec::new();
    loop {
        let rows = sqlx::query(if ascii.is_some() { LIST_LIKELY } else { LIST })
            .bind(&after)
            .bind(i64::try_from(chunk).unwrap_or(i64::MAX));
        let rows = match &ascii {
            Some(ascii) => rows.bind(ascii),
            None => rows,
        };
        let rows = rows.fetch_all(pool).await.map_err(failed)?;
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
    store: &PostgresStore,
    id: AccountId,
    status: AccountStatus,
) -> Result<AccountChange, StoreError> {
    let set = sqlx::query(SET_STATUS).bind(id.to_string()).bind(status.as_str());
    change(store, id, status == AccountStatus::Active, set).await
}

pub(super) async fn set_role(
    store: &PostgresStore,
    id: AccountId,
    role: Role,
) -> Result<AccountChange, StoreError> {
    let set = sqlx::query(SET_ROLE).bind(id.to_string()).bind(role.as_str());
    change(store, id, role == Role::Admin, set).await
}

pub(super) async fn delete(store: &PostgresStore, id: AccountId) -> Result<AccountChange, StoreError> {
    let mut transaction = store.write().await?;
    if let Some(refusal) = refusal(&mut transaction, id, false).await? {
        return unchanged(transaction, refusal).await;
    }
    for statement in [KEEP_SESSIONS, DELETE] {
        sqlx::query(statement).bind(id.to_string()).execute(&mut *transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(AccountChange::Done)
}

/// Changes an account, but the last active administrator only in a way that `keeps_administrator`.
async fn change(
    store: &PostgresStore,
    id: AccountId,
    keeps_administrator: bool,
    statement: Query<'_, Postgres, PgArguments>,
) -> Result<AccountChange, StoreError> {
    let mut transaction = store.write().await?;
    if let Some(refusal) = refusal(&mut transaction, id, keeps_administrator).await? {
        return unchanged(transaction, refusal).await;
    }
    statement.execute(&mut *transaction).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(AccountChange::Done)
}

/// Why the account must not be changed, if so. Asked in the transaction that changes it, when nobody else changes accounts:
/// two administrators cannot take each other's place away at once.
async fn refusal(
    connection: &mut PgConnection,
    id: AccountId,
    keeps_administrator: bool,
) -> Result<Option<AccountChange>, StoreError> {
    let is_last: Option<bool> = sqlx::query_scalar(IS_LAST_ADMINISTRATOR)
        .bind(id.to_string())
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    Ok(match is_last {
        None => Some(AccountChange::NotFound),
        Some(true) if !keeps_administrator => Some(AccountChange::LastAdministrator),
        Some(_) => None,
    })
}
