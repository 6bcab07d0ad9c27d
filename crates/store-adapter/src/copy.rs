//! Moving a whole lab from one database to another.

mod page;
mod table;

use labgate_domain::ports::StoreError;

use self::table::{TABLES, Table};
use crate::Store;
use crate::connection::Transaction;
use crate::sql::Sql;
use crate::statement::Statement;

/// The number of rows in memory at a time. With 16 values each they stay below the number that one statement
/// of SQLite takes (32,766).
const PAGE: usize = 500;

/// A lab whose services were all removed stays one with services, where the session alone opens nothing.
const SERVICES_EVER_CHANGED: &str = "
    SELECT EXISTS (SELECT 1 FROM services_revision WHERE revision <> '')";

/// Makes a revision that no other database has.
const CHANGE_SERVICES: Sql = Sql {
    sqlite: "UPDATE services_revision SET revision = lower(hex(randomblob(16)))",
    postgres: "UPDATE services_revision SET revision = gen_random_uuid()::text",
};

/// Copies a whole lab: accounts with their credentials and identities, sessions, added services and whether there
/// ever were any, spent attempts. People stay signed in. The counters of rate limiting and the running replicas are left out.
///
/// The copy is the state at the beginning: later writes to the source are lost. The target is written in one
/// transaction: whatever happens, it holds everything or, as before, nothing. Memory does not grow with the
/// lab. `progress` is called again and again with the number of rows done and of all rows.
///
/// # Errors
/// See [`CopyError`]. The target is left as it was.
pub async fn copy(
    from: &Store,
    to: &Store,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Copied, CopyError> {
    let mut source = from.snapshot().await.map_err(CopyError::Source)?;
    let mut target = to.begin().await.map_err(CopyError::Target)?;
    let mut counts = Vec::new();
    for table in TABLES {
        if page::count(&mut target, table).await.map_err(CopyError::Target)? > 0 {
            return Err(CopyError::NotEmpty { table: table.name });
        }
        counts.push(page::count(&mut source, table).await.map_err(CopyError::Source)?);
    }
    let total = counts.iter().sum();
    let mut done = 0;
    progress(done, total);
    for (table, &count) in TABLES.iter().zip(&counts) {
        copy_table(table, &mut source, &mut target, |rows| {
            done += rows;
            progress(done, total);
        })
        .await?;
        let written = page::count(&mut target, table).await.map_err(CopyError::Target)?;
        if written != count {
            return Err(CopyError::Incomplete { table: table.name, there: count, written });
        }
    }
    if source.holds(Statement::new(SERVICES_EVER_CHANGED)).await.map_err(CopyError::Source)? {
        target.execute(Statement::new(CHANGE_SERVICES)).await.map_err(CopyError::Target)?;
    }
    let copied = Copied { rows: TABLES.iter().map(|table| table.name).zip(counts).collect() };
    target.commit(copied).await.map_err(CopyError::Target)
}

async fn copy_table(
    table: &Table,
    source: &mut Transaction,
    target: &mut Transaction,
    mut copied: impl FnMut(u64) + Send,
) -> Result<(), CopyError> {
    let mut last = None;
    loop {
        let rows = page::read(source, table, last.as_ref(), PAGE).await.map_err(CopyError::Source)?;
        let Some(row) = rows.last() else { return Ok(()) };
        last = Some(row.clone());
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        page::add(target, table, rows).await.map_err(CopyError::Target)?;
        copied(count);
    }
}

/// The result of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The number of rows of each table, in the order of copying.
    pub rows: Vec<(&'static str, u64)>,
}

/// The reason that nothing was copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The target holds a lab; it was left as it is.
    #[error("the target is not empty: there is something in its table {table}")]
    NotEmpty {
        /// The first table that is not empty.
        table: &'static str,
    },
    /// The source could not be read.
    #[error("reading failed: {0}")]
    Source(StoreError),
    /// The target could not be written; it is empty, as before.
    #[error("writing failed: {0}")]
    Target(StoreError),
    /// Not everything arrived, or another process wrote to the target; nothing of it was kept.
    #[error("the table {table} has {there} rows, but {written} arrived")]
    Incomplete {
        /// The table.
        table: &'static str,
        /// The number of rows in the source.
        there: u64,
        /// The number of rows in the target.
        written: u64,
    },
}
