//! Running statements, on either database.

use std::future::ready;
use std::ops::DerefMut;
use std::time::Duration;

use labgate_domain::ports::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::{Database, PgConnection, Postgres, Sqlite, SqliteConnection};

use crate::either::Either;
use crate::postgres::Single;
use crate::row::Row;
use crate::statement::Statement;
use crate::transaction::OpenTransaction;

/// The longest wait of a caller for a connection, and of a statement for a lock.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection without a transaction: each statement is one of its own.
pub(crate) type Pooled = Either<PoolConnection<Sqlite>, Single>;

/// A connection with a transaction, which is undone when this is dropped.
pub(crate) type Transaction = Either<OpenTransaction<Sqlite>, OpenTransaction<Postgres>>;

/// What a connection does around a statement; nothing, unless it says otherwise.
pub(crate) trait Around {
    fn before(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send {
        ready(Ok(()))
    }

    fn after(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send {
        ready(Ok(()))
    }
}

impl Around for PoolConnection<Sqlite> {}
impl<DB: Database> Around for OpenTransaction<DB> {}
impl<C> Around for Box<C> {}

/// Reads a value in a row.
pub(crate) type Read<T> = fn(&Row) -> Result<T, StoreError>;

impl<S, P> Either<S, P>
where
    S: DerefMut<Target = SqliteConnection> + Around + Send,
    P: DerefMut<Target = PgConnection> + Around + Send,
{
    /// Returns the value in the first row, if there is one.
    pub(crate) async fn find<T>(
        &mut self,
        statement: Statement,
        read: Read<T>,
    ) -> Result<Option<T>, StoreError> {
        on_either!(self, it => {
            it.before().await.map_err(failed)?;
            let row = statement.query().fetch_optional(&mut **it).await.map_err(failed)?;
            it.after().await.map_err(failed)?;
            row.map(|row| read(&row.into())).transpose()
        })
    }

    /// Returns the values in all rows.
    pub(crate) async fn list<T>(
        &mut self,
        statement: Statement,
        read: Read<T>,
    ) -> Result<Vec<T>, StoreError> {
        on_either!(self, it => {
            it.before().await.map_err(failed)?;
            let rows = statement.query().fetch_all(&mut **it).await.map_err(failed)?;
            it.after().await.map_err(failed)?;
            rows.into_iter().map(|row| read(&row.into())).collect()
        })
    }

    /// Returns the answer to a question; without a row it is no.
    pub(crate) async fn holds(&mut self, question: Statement) -> Result<bool, StoreError> {
        Ok(self.find(question, |row| row.value(0).map_err(failed)).await?.unwrap_or(false))
    }

    /// Returns how many rows were changed.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        on_either!(self, it => {
            it.before().await.map_err(failed)?;
            let done = statement.query().execute(&mut **it).await.map_err(failed)?;
            it.after().await.map_err(failed)?;
            Ok(done.rows_affected())
        })
    }
}

impl Pooled {
    /// Closes the connection; the pool opens another when it needs one.
    pub(crate) fn close(mut self) {
        on_either!(&mut self, it => it.close_on_drop());
    }
}

impl Transaction {
    /// Keeps what was changed, and returns the answer.
    pub(crate) async fn commit<T: Send>(self, answer: T) -> Result<T, StoreError> {
        on_either!(self, it => it.commit().await.map_err(failed)?);
        Ok(answer)
    }

    /// Undoes what was changed, and returns the answer. A transaction that is dropped ends as well, but some
    /// time after the answer, and others wait for its locks until then.
    pub(crate) async fn undo<T: Send>(self, answer: T) -> Result<T, StoreError> {
        on_either!(self, it => it.rollback().await.map_err(failed)?);
        Ok(answer)
    }
}

/// Builds the error of a port. The messages of both databases name tables, columns and constraints, and no
/// values, which may be personal data: PostgreSQL has them in the details, which are left out.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    StoreError(match error {
        sqlx::Error::PoolTimedOut => {
            format!("no connection to the database within {} s: it is down, or busy", PATIENCE.as_secs())
        }
        error => error.to_string(),
    })
}
