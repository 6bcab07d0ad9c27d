//! Transactions.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Database, Executor, Pool};

/// A connection with a transaction.
///
/// One whose transaction did not end as it was told to, because a commit failed or because its future was
/// dropped, never goes back to the pool: it is closed, which undoes the transaction, and the pool opens
/// another. (The transactions of `sqlx` keep count on the connection instead. After a commit that failed the
/// count is wrong, and the connection begins no further one.)
pub(crate) struct OpenTransaction<DB: Database> {
    connection: PoolConnection<DB>,
    is_open: bool,
}

impl<DB> OpenTransaction<DB>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    pub(crate) async fn begin(pool: &Pool<DB>, statement: &'static str) -> Result<Self, sqlx::Error> {
        let mut begun = Self { connection: pool.acquire().await?, is_open: true };
        begun.run(statement).await?;
        Ok(begun)
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.run(statement).await?;
        self.is_open = false;
        Ok(())
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        // Not prepared: each of these is one word to the database.
        self.connection.execute(statement).await.map(drop)
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
