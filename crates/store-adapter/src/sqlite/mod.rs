//! The stores in one SQLite file.

mod accounts;
mod file;
mod record;
mod schema;
mod sessions;
mod spent_attempts;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use labgate_domain::ports::StoreError;
use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlitePool, SqliteTransaction};

use crate::OpenError;

/// How long a statement waits for another process that is writing, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of the file, in bytes, readers find in the system's own cache of it, rather than in caches of their own, which
/// are too small for a large lab.
const MAPPED: u32 = 1 << 30;

/// How many reads run side by side.
const READERS: u32 = 4;

/// Accounts, sessions and spent attempts in one SQLite file. Cloning is cheap; every clone is the same store.
///
/// Writes go through one connection, one at a time; reads run beside them and see what was committed before they began.
/// Several processes may have the same file open. What was answered lasts, through a kill and through a power cut: each
/// write waits until the disk has it (`synchronous = FULL`), for a sign-out that comes undone is none.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the database in this file and brings its schema up to date.
    ///
    /// A file that is not there is created, readable by its owner alone, and so is its folder. Beside it SQLite keeps
    /// `…-wal` and `…-shm`, which belong to it.
    ///
    /// # Errors
    /// When the file cannot be opened, is open to others, is not a database of Labgate, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let path = file::prepare(path)?;
        let failed = |error: sqlx::Error| refused(&path, &error);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let writer = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        schema::use_write_ahead_log(&writer).await.map_err(failed)?;
        // Not sooner: nobody shall be told to change the mode of what is no database.
        if let Err(exposed) = file::refuse_if_exposed(&path) {
            // The files beside it have its mode; with the last connection they go.
            writer.close().await;
            return Err(exposed);
        }
        schema::migrate(&writer, &path).await?;
        let readers = options.pragma("query_only", "ON").pragma("mmap_size", MAPPED.to_string());
        let readers = pool(READERS).connect_lazy_with(readers);
        Ok(Self { writer, readers })
    }

    /// Closes the database for every clone. The one file then holds everything and can be copied.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins to write: from here on nobody else does, until the transaction is committed, or dropped and undone.
    ///
    /// `IMMEDIATE` takes the write lock first. A transaction that reads and then wants to write fails at once when
    /// somebody wrote in between, whatever the timeout.
    pub(crate) async fn write(&self) -> Result<SqliteTransaction<'static>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)
    }

    /// Begins to read: everything as it is at this moment, whatever is written meanwhile.
    pub(crate) async fn snapshot(&self) -> Result<SqliteTransaction<'static>, StoreError> {
        self.readers.begin().await.map_err(failed)
    }
}

/// A connection to a file does not go stale, so it is never replaced.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// SQLite's messages name tables, columns and constraints, never values: they carry no personal data.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn failed(error: sqlx::Error) -> StoreError {
    StoreError(error.to_string())
}

fn refused(path: &Path, error: &sqlx::Error) -> OpenError {
    if has_code(error, NOT_A_DATABASE) {
        OpenError::NotADatabase { path: path.to_owned() }
    } else {
        OpenError::Unusable { database: path.display().to_string(), reason: error.to_string() }
    }
}

/// `SQLITE_BUSY`: somebody else is writing.
const BUSY: i32 = 5;
/// `SQLITE_NOTADB`: the file does not begin like a database.
const NOT_A_DATABASE: i32 = 26;

/// Whether the error has this result code (<https://sqlite.org/rescode.html>). What is reported is the extended code,
/// with the plain one in its lowest byte.
fn has_code(error: &sqlx::Error, code: i32) -> bool {
    let extended = error.as_database_error().and_then(DatabaseError::code);
    extended.and_then(|extended| extended.parse::<i32>().ok()).is_some_and(|extended| extended & 0xff == code)
}
