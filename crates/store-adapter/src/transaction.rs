//! Transactions.

use std::ops::{Deref, DerefMut};

use sqlx::database::HasStatementCache;
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Database, Executor, Pool};

/// A connection with a transaction.
///
/// One whose transaction did not end as it was told to, because a commit failed or because its future was
/// dropped, never goes back to the pool: it is closed, which undoes the transaction, and the pool opens
/// another. (The transactions of `sqlx` keep count on the connection instead. After a commit that failed the
/// count is wrong, and the connection begins no further one.)
pub(crate) struct OpenTransaction<DB: Database> {
    connection: PoolConnection<DB>,
    is_open: bool,
    /// Its end forgets the statements that were prepared: the session goes back to a pooler.
    is_lent: bool,
}

impl<DB> OpenTransaction<DB>
where
    DB: Database + HasStatementCache,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    pub(crate) async fn begin(pool: &Pool<DB>, statement: &'static str) -> Result<Self, sqlx::Error> {
        let mut begun = Self::not_yet(pool.acquire().await?);
        begun.open(statement).await?;
        Ok(begun)
    }

    /// Makes of a connection what is not in a transaction yet.
    pub(crate) fn not_yet(connection: PoolConnection<DB>) -> Self {
        Self { connection, is_open: false, is_lent: false }
    }

    /// States that a pooler lends the session for the transaction.
    pub(crate) fn lent(mut self) -> Self {
        self.is_lent = true;
        self
    }

    pub(crate) async fn open(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.is_open = true;
        self.run(statement).await
    }

    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    pub(crate) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    pub(crate) async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        if self.is_lent {
            self.connection.clear_cached_statements().await?;
        }
        self.run(statement).await?;
        self.is_open = false;
        Ok(())
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        // Not prepared: each of these is one word to the database.
        self.connection.execute(statement).await.map(drop)
    }
}

impl<DB: Database> OpenTransaction<DB> {
    /// Has the connection closed in place of going back to the pool.
    pub(crate) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

impl<DB: Database> Drop for OpenTransaction<DB> {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}

impl<DB: Database> Deref for OpenTransaction<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for OpenTransaction<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}
