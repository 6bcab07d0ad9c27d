//! The schema.

use std::path::Path;

use sqlx::SqlitePool;

use super::refusal::{BUSY, has_code, refused};
use crate::OpenError;
use crate::migrations::{self, Step};

pub(crate) const STEPS: &[Step] = &[
    (1, "accounts and sessions", include_str!("../../migrations/sqlite/0001_accounts_and_sessions.sql")),
    (2, "passwords", include_str!("../../migrations/sqlite/0002_passwords.sql")),
    (3, "sessions of providers", include_str!("../../migrations/sqlite/0003_sessions_of_providers.sql")),
    (4, "rechecks", include_str!("../../migrations/sqlite/0004_rechecks.sql")),
    (5, "changes", include_str!("../../migrations/sqlite/0005_changes.sql")),
    (6, "readiness", include_str!("../../migrations/sqlite/0006_readiness.sql")),
    (7, "successors", include_str!("../../migrations/sqlite/0007_successors.sql")),
    (8, "replicas", include_str!("../../migrations/sqlite/0008_replicas.sql")),
    (9, "local groups", include_str!("../../migrations/sqlite/0009_local_groups.sql")),
    (10, "terms", include_str!("../../migrations/sqlite/0010_terms.sql")),
    (11, "services", include_str!("../../migrations/sqlite/0011_services.sql")),
    (12, "access tokens", include_str!("../../migrations/sqlite/0012_access_tokens.sql")),
    (13, "terms acceptances", include_str!("../../migrations/sqlite/0013_terms_acceptances.sql")),
];

/// Turns on the write-ahead log, which the file then keeps.
///
/// SQLite does not wait here when another process does the same at this moment, whatever the timeout. A
/// transaction waits.
pub(super) async fn use_write_ahead_log(writer: &SqlitePool) -> Result<(), sqlx::Error> {
    loop {
        match sqlx::query("PRAGMA journal_mode = WAL").execute(writer).await {
            Err(error) if has_code(&error, BUSY) => {
                writer.begin_with("BEGIN EXCLUSIVE").await?.commit().await?;
            }
            turned_on => return turned_on.map(drop),
        }
    }
}

/// Brings the database up to date, all of it or none: of several processes that open it at once, one does it
/// and the others wait.
pub(super) async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| refused(path, &error);
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // `run` does the same, but its future is not `Send` when it is given a connection instead of a pool.
    let ran = migrations::migrator(STEPS).run_direct(None, &mut *transaction, false).await;
    ran.map_err(|error| migrations::refused(STEPS, path.display().to_string(), &error))?;
    transaction.commit().await.map_err(failed)
}
