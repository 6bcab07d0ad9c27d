//! One SQLite file: its connections and its lock.

pub(crate) mod dialect;
mod file;
mod refusal;
mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;

use labgate_domain::ports::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool};

#[cfg(test)]
pub(crate) use schema::STEPS;

pub(crate) use self::refusal::has_code;
use self::refusal::refused;
use crate::OpenError;
use crate::connection::{PATIENCE, failed};
use crate::transaction::OpenTransaction;

/// The number of reads that run side by side.
const READERS: u32 = 4;

/// One SQLite file.
///
/// Writes go through one connection, one at a time; reads run beside them and see the state that was
/// committed before they began. Several processes may have the same file open. An answered write survives a
/// kill and a power cut: each waits until the disk has it (`synchronous = FULL`), so that no ended session
/// comes back.
#[derive(Clone, Debug)]
pub(crate) struct SqliteDatabase {
    writer: SqlitePool,
    readers: SqlitePool,
    feed: SqlitePool,
}

impl SqliteDatabase {
    /// Opens or creates the file. Beside it SQLite keeps `…-wal` and `…-shm`, which belong to it.
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        let path = file::prepare(path)?;
        let failed = |error: sqlx::Error| refused(&path, &error);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let writer = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        schema::use_write_ahead_log(&writer).await.map_err(failed)?;
        // Not sooner: the mode of a file that is no database needs no change.
        if let Err(exposed) = file::refuse_if_exposed(&path) {
            // The files beside it have its mode; with the last connection they go.
            writer.close().await;
            return Err(exposed);
        }
        schema::migrate(&writer, &path).await?;
        // The file is read, not mapped: of a file that was cut short, a mapped page ends the process.
        let readers = options.pragma("query_only", "ON");
        let feed = pool(1).connect_lazy_with(readers.clone());
        let readers = pool(READERS).connect_lazy_with(readers);
        Ok(Self { writer, readers, feed })
    }

    pub(crate) async fn close(&self) {
        self.feed.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.map_err(failed)
    }

    pub(crate) async fn feed(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.feed.acquire().await.map_err(failed)
    }

    pub(crate) async fn writer(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.writer.acquire().await.map_err(failed)
    }

    /// Begins to write: no other connection and no other process writes until the transaction ends.
    ///
    /// `IMMEDIATE` takes the write lock first. A transaction that reads and then wants to write fails at once
    /// when another one wrote in between, whatever the timeout.
    pub(crate) async fn begin(&self) -> Result<OpenTransaction<Sqlite>, StoreError> {
        OpenTransaction::begin(&self.writer, "BEGIN IMMEDIATE").await.map_err(failed)
    }

    /// Begins to read the state of this moment, whatever is written meanwhile.
    pub(crate) async fn snapshot(&self) -> Result<OpenTransaction<Sqlite>, StoreError> {
        OpenTransaction::begin(&self.readers, "BEGIN").await.map_err(failed)
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
