//! The schema and its history. It only ever moves forward, and a step that was released never changes.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr as _, SqlitePool};

use super::{BUSY, has_code, refused};
use crate::OpenError;

/// Every step, as (version, description, file).
const STEPS: &[(i64, &str, &str)] = &[
    (1, "accounts and sessions", include_str!("../../migrations/sqlite/0001_accounts_and_sessions.sql")),
    (2, "passwords", include_str!("../../migrations/sqlite/0002_passwords.sql")),
    (3, "sessions of providers", include_str!("../../migrations/sqlite/0003_sessions_of_providers.sql")),
    (4, "rechecks", include_str!("../../migrations/sqlite/0004_rechecks.sql")),
];

/// Turns on the write-ahead log, which the file then keeps.
///
/// SQLite does not wait here when somebody else does the same at this moment, whatever the timeout. A transaction waits.
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

/// Brings the database up to date, all of it or none: of several processes that open it at once, one does it and the
/// others wait.
pub(super) async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| refused(path, &error);
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // `run` does the same, but its future is not `Send` when it is given a connection instead of a pool.
    let ran = migrator().run_direct(None, &mut *transaction, false).await;
    ran.map_err(|error| incompatible(path, &error))?;
    transaction.commit().await.map_err(failed)
}

fn migrator() -> Migrator {
    let steps = STEPS.iter().map(|&(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(steps.collect())
}

fn incompatible(path: &Path, error: &MigrateError) -> OpenError {
    let known = STEPS.iter().map(|step| step.0).max().unwrap_or(0);
    OpenError::of_migration(path.display().to_string(), known, error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    #[test]
    fn every_migration_file_is_a_step_under_its_number() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
        let files: BTreeMap<i64, String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                let number = name.split('_').next().unwrap().parse().unwrap();
                (number, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        let steps: BTreeMap<i64, String> = STEPS.iter().map(|step| (step.0, step.2.to_owned())).collect();
        assert_eq!(steps.len(), STEPS.len(), "two steps have one number");
        assert_eq!(steps, files);
    }
}
