//! The schema and its history. It only ever moves forward, and a step that was released never changes.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, PgConnection, SqlSafeStr as _};

use super::{Address, refused};
use crate::OpenError;

/// Every step, as (version, description, file).
const STEPS: &[(i64, &str, &str)] = &[
    (1, "a lab", include_str!("../../migrations/postgres/0001_a_lab.sql")),
    (2, "rechecks", include_str!("../../migrations/postgres/0002_rechecks.sql")),
];

/// Of several replicas that start at once, one takes the steps and the others wait, for as long as that takes.
const WAIT_FOR_OTHERS: &str = "
    SELECT pg_advisory_xact_lock(1818321511, 0)";

/// Brings the database up to date, all of it or none: PostgreSQL takes back whole tables with a transaction.
pub(super) async fn migrate(connection: &mut PgConnection, address: &Address) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| refused(address, &error);
    let encoding: String =
        sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut *connection).await.map_err(failed)?;
    if encoding != "UTF8" {
        let reason = format!("its encoding is {encoding}, not UTF8: create it with ENCODING 'UTF8'");
        return Err(OpenError::Unusable { database: address.to_string(), reason });
    }
    let mut transaction =
        connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(failed)?;
    sqlx::query(WAIT_FOR_OTHERS).execute(&mut *transaction).await.map_err(failed)?;
    let ran = migrator().run_direct(None, &mut *transaction, false).await;
    let known = STEPS.iter().map(|step| step.0).max().unwrap_or(0);
    ran.map_err(|error| OpenError::of_migration(address.to_string(), known, &error))?;
    transaction.commit().await.map_err(failed)
}

fn migrator() -> Migrator {
    let steps = STEPS.iter().map(|&(version, description, sql)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(steps.collect());
    // Its own lock ends before the transaction does.
    migrator.set_locking(false);
    migrator
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_migration_file_is_a_step_under_its_number() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
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
