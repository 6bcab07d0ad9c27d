//! The stores in one PostgreSQL database.

mod accounts;
mod address;
mod record;
mod schema;
mod sessions;
mod spent_attempts;
mod throttle;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use labgate_domain::ports::StoreError;
use secrecy::SecretString;
use sqlx::postgres::PgPoolOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool, PgTransaction};
use tokio::time::timeout;

pub(crate) use address::Address;

use crate::OpenError;

/// How long a caller waits for a connection, and a statement for a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many statements of one replica run side by side.
const CONNECTIONS: u32 = 10;

/// What every connection counts on, whatever the settings of the server, the database and the user.
///
/// Questions that are asked behind a lock must see what was committed while they waited for it: that is READ COMMITTED. A
/// replica that is cut off in the middle of a transaction must not keep its locks until the network notices.
const SETTINGS: &str = "
    SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '60s'";

/// From here to the end of the transaction nobody else changes who may use the lab. The keys with two numbers are apart
/// from those with one, which the throttle has.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(1818321511, 1)";

/// Accounts, sessions, spent attempts and the throttle in one PostgreSQL database, which any number of replicas share.
/// Cloning is cheap; every clone is the same store.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
    /// Counts tries, to clean up behind every so many of them.
    tries: Arc<AtomicU32>,
}

impl PostgresStore {
    /// Opens the database at this URL, which must be there, and brings its schema up to date.
    ///
    /// `sslmode` in the URL says whether the connection is encrypted and the server verified; only `verify-full` keeps out
    /// whoever sits in between. What the URL leaves out is taken from `PGHOST`, `PGPASSWORD` and so on, as by `psql`.
    ///
    /// # Errors
    /// When it is no URL of a database, the database cannot be reached or used, is not Labgate's, or was written by a newer
    /// version. No error repeats the password.
    pub async fn open(url: &SecretString) -> Result<Self, OpenError> {
        let address = Address::parse(url)?;
        let unusable = |reason| OpenError::Unusable { database: address.to_string(), reason };
        // Not one of the pool's: that would try again and again, and not tell why it could not.
        let options = address.options();
        let connected = timeout(PATIENCE, options.connect())
            .await
            .map_err(|_| unusable("it does not answer".to_owned()))?;
        let mut connection = connected.map_err(|error| refused(&address, &error))?;
        schema::migrate(&mut connection, &address).await?;
        // Everything is done; whether it says goodbye as well is no matter.
        drop(connection.close().await);

        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SETTINGS).await.map(drop) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, tries: Arc::default() })
    }

    /// Closes the connections of every clone.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins to change who may use the lab: from here on nobody else does, on whatever replica, until the transaction is
    /// committed, or dropped and undone.
    ///
    /// The rules are about several rows, and about rows that are not there yet: one set of names, one first administrator,
    /// never no active one. No index and no lock on a row can express them. Such changes are rare, and each is done in a
    /// moment: one lock for all of them is right at a glance, and needs no second try as SERIALIZABLE would.
    pub(crate) async fn write(&self) -> Result<PgTransaction<'static>, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        lock(&mut transaction).await?;
        Ok(transaction)
    }

    /// Begins to read: everything as it is at this moment.
    pub(crate) async fn snapshot(&self) -> Result<PgTransaction<'static>, StoreError> {
        self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)
    }
}

/// Takes the lock of [`PostgresStore::write`].
async fn lock(transaction: &mut PgTransaction<'_>) -> Result<(), StoreError> {
    sqlx::query(LOCK).execute(&mut **transaction).await.map_err(failed)?;
    Ok(())
}

/// Takes back a transaction and gives the answer. One that is dropped ends as well, but some time after the answer, and
/// others wait for its locks until then.
async fn unchanged<T: Send>(transaction: PgTransaction<'_>, answer: T) -> Result<T, StoreError> {
    transaction.rollback().await.map_err(failed)?;
    Ok(answer)
}

/// PostgreSQL's messages name tables, columns and constraints. The values stand in the details, which are left out: they
/// may be personal.
fn failed(error: sqlx::Error) -> StoreError {
    StoreError(match error {
        sqlx::Error::PoolTimedOut => {
            format!("no connection to the database within {} s: it is down, or busy", PATIENCE.as_secs())
        }
        error => error.to_string(),
    })
}

fn refused(address: &Address, error: &sqlx::Error) -> OpenError {
    OpenError::Unusable { database: address.to_string(), reason: error.to_string() }
}
