//! The schema.

use sqlx::{Connection as _, PgConnection};

use super::Address;
use crate::OpenError;
use crate::migrations::{self, Step};

pub(crate) const STEPS: &[Step] = &[
    (1, "a lab", include_str!("../../migrations/postgres/0001_a_lab.sql")),
    (2, "rechecks", include_str!("../../migrations/postgres/0002_rechecks.sql")),
    (3, "changes", include_str!("../../migrations/postgres/0003_changes.sql")),
    (4, "readiness", include_str!("../../migrations/postgres/0004_readiness.sql")),
    (5, "successors", include_str!("../../migrations/postgres/0005_successors.sql")),
    (6, "replicas", include_str!("../../migrations/postgres/0006_replicas.sql")),
    (7, "local groups", include_str!("../../migrations/postgres/0007_local_groups.sql")),
    (8, "terms", include_str!("../../migrations/postgres/0008_terms.sql")),
    (9, "services", include_str!("../../migrations/postgres/0009_services.sql")),
    (10, "access tokens", include_str!("../../migrations/postgres/0010_access_tokens.sql")),
    (11, "terms acceptances", include_str!("../../migrations/postgres/0011_terms_acceptances.sql")),
];

/// The oldest version with numbers of transactions that never come again, as the feed of changes needs them.
const OLDEST: i32 = 130_000;

/// Of several replicas that start at once, one takes the steps and the others wait, for as long as that
/// takes.
const WAIT_FOR_OTHERS: &str = "
    SELECT pg_advisory_xact_lock(1818321511, 0)";

/// Brings the database up to date, all of it or none: PostgreSQL undoes changes of tables with a transaction.
pub(super) async fn migrate(connection: &mut PgConnection, address: &Address) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| address.unusable(error);
    let mut transaction =
        connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(failed)?;
    let encoding: String =
        sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut *transaction).await.map_err(failed)?;
    if encoding != "UTF8" {
        let reason = format!("its encoding is {encoding}, not UTF8: create it with ENCODING 'UTF8'");
        return Err(address.unusable(reason));
    }
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::integer")
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
    if version < OLDEST {
        return Err(address.unusable(format!(
            "its version is {}, older than {}",
            version / 10_000,
            OLDEST / 10_000
        )));
    }
    sqlx::query(WAIT_FOR_OTHERS).execute(&mut *transaction).await.map_err(failed)?;
    let mut migrator = migrations::migrator(STEPS);
    // Its own lock would end before the transaction does.
    migrator.set_locking(false);
    let ran = migrator.run_direct(None, &mut *transaction, false).await;
    ran.map_err(|error| migrations::refused(STEPS, address.to_string(), &error))?;
    // A pooler may lend the session to others now.
    transaction.clear_cached_statements().await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
