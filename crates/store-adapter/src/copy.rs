//! Moving a whole lab from one database to another.

mod table;
mod transaction;

use labgate_domain::ports::StoreError;

use self::table::{TABLES, Table};
use self::transaction::Transaction;
use crate::Store;

/// How many rows are in memory at a time. With 16 values each they stay below the number that one statement of SQLite
/// takes (32,766).
const PAGE: usize = 500;

/// Copies a whole lab: accounts with what opens them, sessions, spent attempts. People stay signed in; only what was counted
/// of guessing is left behind.
///
/// What is copied is the lab as it is at the beginning: let nobody write to it from then on, or what they write is lost.
/// The target is written in one transaction: whatever happens, it holds everything or, as before, nothing. Memory does not
/// grow with the lab. `progress` is told, again and again, how many rows are done and how many there are.
///
/// # Errors
/// See [`CopyError`]; the target is empty then, as before, unless it was not.
pub async fn copy(
    from: &Store,
    to: &Store,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Copied, CopyError> {
    let mut source = Transaction::to_read(from).await.map_err(CopyError::Source)?;
    let mut target = Transaction::to_write(to).await.map_err(CopyError::Target)?;
    let mut counts = Vec::new();
    for table in TABLES {
        if target.count(table).await.map_err(CopyError::Target)? > 0 {
            return Err(CopyError::NotEmpty { table: table.name });
        }
        counts.push(source.count(table).await.map_err(CopyError::Source)?);
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
        let written = target.count(table).await.map_err(CopyError::Target)?;
        if written != count {
            return Err(CopyError::Incomplete { table: table.name, there: count, written });
        }
    }
    target.commit().await.map_err(CopyError::Target)?;
    Ok(Copied { rows: TABLES.iter().map(|table| table.name).zip(counts).collect() })
}

async fn copy_table(
    table: &Table,
    source: &mut Transaction,
    target: &mut Transaction,
    mut copied: impl FnMut(u64) + Send,
) -> Result<(), CopyError> {
    let mut last = None;
    loop {
        let rows = source.read(table, last.as_ref(), PAGE).await.map_err(CopyError::Source)?;
        let Some(row) = rows.last() else { return Ok(()) };
        last = Some(row.clone());
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        target.add(table, rows).await.map_err(CopyError::Target)?;
        copied(count);
    }
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many rows of which table, in the order in which they were copied.
    pub rows: Vec<(&'static str, u64)>,
}

/// Why nothing was copied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// There is somebody's lab in the target; it was left as it is.
    #[error("the target is not empty: there is something in its table {table}")]
    NotEmpty {
        /// Where.
        table: &'static str,
    },
    /// The source could not be read.
    #[error("reading failed: {0}")]
    Source(StoreError),
    /// The target could not be written; it is empty, as before.
    #[error("writing failed: {0}")]
    Target(StoreError),
    /// Not everything arrived, or somebody else wrote to the target; nothing of it was kept.
    #[error("the table {table} has {there} rows, but {written} arrived")]
    Incomplete {
        /// Which.
        table: &'static str,
        /// How many rows the source has.
        there: u64,
        /// How many the target has.
        written: u64,
    },
}
