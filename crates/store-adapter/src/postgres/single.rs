//! Connections for single statements.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};

use crate::connection::Around;
use crate::transaction::OpenTransaction;

/// A connection without a transaction. Of a session that is lent for a transaction only, each statement gets one:
/// its preparation and its execution are two messages, and between them the session could be another's.
pub(crate) struct Single {
    transaction: OpenTransaction<Postgres>,
    begin: Option<&'static str>,
}

impl Single {
    pub(super) fn new(connection: PoolConnection<Postgres>) -> Self {
        Self { transaction: OpenTransaction::not_yet(connection), begin: None }
    }

    /// One of a pooler, whose transactions begin so.
    pub(super) fn lent(connection: PoolConnection<Postgres>, begin: &'static str) -> Self {
        Self { transaction: OpenTransaction::not_yet(connection).lent(), begin: Some(begin) }
    }

    /// Has the connection closed in place of going back to the pool.
    pub(crate) fn close_on_drop(&mut self) {
        self.transaction.close_on_drop();
    }
}

impl Around for Single {
    async fn before(&mut self) -> sqlx::Result<()> {
        match self.begin {
            Some(begin) => self.transaction.open(begin).await,
            None => Ok(()),
        }
    }

    async fn after(&mut self) -> sqlx::Result<()> {
        match self.begin {
            Some(_) => self.transaction.end("COMMIT").await,
            None => Ok(()),
        }
    }
}

impl Deref for Single {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for Single {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}
