//! One PostgreSQL database: its connections and its locks.

mod address;
pub(crate) mod dialect;
mod schema;
mod single;
mod throttle;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use labgate_domain::people::{AccountId, EmailAddress};
use labgate_domain::ports::StoreError;
use secrecy::SecretString;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Postgres, Row as _};

pub(crate) use address::Address;
use address::Lends;
#[cfg(test)]
pub(crate) use schema::STEPS;
pub(crate) use single::Single;

use crate::OpenError;
use crate::connection::{PATIENCE, Pooled, failed};
use crate::statement::Statement;
use crate::transaction::OpenTransaction;

/// The number of writes of one replica that run side by side, or wait for a lock.
const WRITERS: u32 = 6;

/// The number of reads of one replica that run side by side. A read waits for no lock, so none waits behind
/// writes that do.
const READERS: u32 = 4;

/// The settings of every session, whatever those of the server, the database and the user.
///
/// A question that is asked behind a lock must see the rows that were committed while it waited: that is READ
/// COMMITTED. Numbers keep all their digits: the feed's position has the server's start. A replica that is cut off in the middle of a transaction must not keep its locks until the
/// network notices.
const SETTINGS: &str = "
    SET default_transaction_isolation = 'read committed';
    SET extra_float_digits = 2;
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '60s'";

/// The same for the transaction of a session that a pooler lends.
const BEGIN_LENT: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL extra_float_digits = 2;
    SET LOCAL lock_timeout = '5s';
    SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// Until the transaction ends no other one changes accounts. Keys of two numbers are apart from the login
/// throttle's, which have one.
const LOCK_ACCOUNTS: &str = "
    SELECT pg_advisory_xact_lock(1818321511, 1)";

/// Without such an account there is no row.
const EMAIL: &str = "
    SELECT email FROM accounts WHERE id = $1";

/// Before any row that belongs to the account, as a deletion does: otherwise the two could wait for each
/// other.
const LOCK_ACCOUNT: &str = "
    SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE";

/// In the order in which sessions are ended, so that deleting and ending them cannot wait for each other.
const LOCK_SESSIONS: &str = "
    SELECT FROM sessions WHERE account_id = $1 ORDER BY id FOR UPDATE";

/// One PostgreSQL database, which any number of replicas share.
#[derive(Clone, Debug)]
pub(crate) struct PostgresDatabase {
    writers: PgPool,
    readers: PgPool,
    feed: PgPool,
    lends: Lends,
    /// Counts login attempts, to clean up after every so many of them.
    attempts: Arc<AtomicU32>,
}

impl PostgresDatabase {
    /// Opens the database at this URL.
    ///
    /// `sslmode` in the URL says whether the connection is encrypted and the server verified; only
    /// `verify-full` keeps out an attacker in between.
    pub(crate) async fn open(url: &SecretString) -> Result<Self, OpenError> {
        let address = Address::parse(url)?;
        // Not through the pool, which would retry and hide the cause.
        let mut connection = address.connect().await?;
        let (options, lends) = (address.options(), address.lends());
        if lends == Lends::Sessions {
            has_a_session_each(&mut connection, &address).await?;
        }
        schema::migrate(&mut connection, &address).await?;
        // An error of the farewell does not matter.
        drop(connection.close().await);

        let pool = |connections| {
            let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
            let pool = match lends {
                Lends::Sessions => pool.after_connect(|connection, _| {
                    Box::pin(async move { connection.execute(SETTINGS).await.map(drop) })
                }),
                Lends::Transactions => pool,
            };
            pool.connect_lazy_with(options.clone())
        };
        let (writers, readers, feed) = (pool(WRITERS), pool(READERS), pool(1));
        Ok(Self { writers, readers, feed, lends, attempts: Arc::default() })
    }

    pub(crate) async fn close(&self) {
        self.feed.close().await;
        self.readers.close().await;
        self.writers.close().await;
    }

    pub(crate) async fn reader(&self) -> Result<Single, StoreError> {
        self.single(&self.readers).await
    }

    pub(crate) async fn feed(&self) -> Result<Single, StoreError> {
        self.single(&self.feed).await
    }

    pub(crate) async fn writer(&self) -> Result<Single, StoreError> {
        self.single(&self.writers).await
    }

    async fn single(&self, pool: &PgPool) -> Result<Single, StoreError> {
        let connection = pool.acquire().await.map_err(failed)?;
        Ok(match self.lends {
            Lends::Sessions => Single::new(connection),
            Lends::Transactions => Single::lent(connection, BEGIN_LENT),
        })
    }

    /// Begins to change accounts: no other transaction does, on any replica, until this one ends.
    ///
    /// The rules are about several rows, and about rows that do not exist yet: one set of names, one first
    /// administrator, always an active one. No index and no lock on a row can express them. Such changes are
    /// rare, and each takes a moment: one lock for all of them is easily seen to be right, and needs no retry
    /// as SERIALIZABLE would.
    pub(crate) async fn begin(&self) -> Result<OpenTransaction<Postgres>, StoreError> {
        let mut transaction = self.begin_plainly().await?;
        sqlx::query(LOCK_ACCOUNTS).execute(&mut *transaction).await.map_err(failed)?;
        Ok(transaction)
    }

    /// Begins to record a sign-in, and returns the address if it is new to the account. Only then are
    /// accounts locked: nearly every sign-in brings the address that the account has. Were it changed at this
    /// moment, that change wins.
    pub(crate) async fn begin_sign_in<'a>(
        &self,
        id: AccountId,
        email: Option<&'a EmailAddress>,
    ) -> Result<(OpenTransaction<Postgres>, Option<&'a EmailAddress>), StoreError> {
        let known: Option<Option<String>> = Pooled::Postgres(self.reader().await?)
            .find(Statement::new(EMAIL).bind(id), |row| row.value(0).map_err(failed))
            .await?;
        let new_email = email.filter(|email| known.flatten().as_deref() != Some(email.as_str()));
        let mut transaction = match new_email {
            Some(_) => self.begin().await?,
            None => self.begin_plainly().await?,
        };
        sqlx::query(LOCK_ACCOUNT).bind(id.to_string()).execute(&mut *transaction).await.map_err(failed)?;
        Ok((transaction, new_email))
    }

    /// Begins to read the state of this moment.
    pub(crate) async fn snapshot(&self) -> Result<OpenTransaction<Postgres>, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.lent_or_own(OpenTransaction::begin(&self.readers, begin).await.map_err(failed)?))
    }

    /// Begins to write, without a lock.
    pub(crate) async fn begin_plainly(&self) -> Result<OpenTransaction<Postgres>, StoreError> {
        let begin = match self.lends {
            Lends::Sessions => "BEGIN",
            Lends::Transactions => BEGIN_LENT,
        };
        Ok(self.lent_or_own(OpenTransaction::begin(&self.writers, begin).await.map_err(failed)?))
    }

    fn lent_or_own(&self, transaction: OpenTransaction<Postgres>) -> OpenTransaction<Postgres> {
        match self.lends {
            Lends::Sessions => transaction,
            Lends::Transactions => transaction.lent(),
        }
    }
}

/// Refuses a pooler that lends sessions for a transaction each, which the URL does not speak of: a statement that
/// one client prepares under a name could be executed for another's. The pooler gives the session that came back
/// last, so two connections that take turns meet it.
async fn has_a_session_each(connection: &mut PgConnection, address: &Address) -> Result<(), OpenError> {
    let mut other = address.connect().await?;
    let first = session(connection).await;
    let others = session(&mut other).await;
    let again = session(connection).await;
    drop(other.close().await);
    let unusable = |error| address.unusable(error);
    let (first, others, again) =
        (first.map_err(unusable)?, others.map_err(unusable)?, again.map_err(unusable)?);
    if first == others || first != again {
        return Err(address.unusable(
            "a pooler lends its sessions for a transaction each: add pool_mode=transaction to the URL",
        ));
    }
    Ok(())
}

/// Returns the number of the session that answers, asked without a preparation.
async fn session(connection: &mut PgConnection) -> sqlx::Result<i32> {
    connection.fetch_one("SELECT pg_backend_pid()").await?.try_get(0)
}

/// Locks the sessions of an account that is about to be deleted.
pub(crate) async fn lock_sessions_of(
    connection: &mut PgConnection,
    account: AccountId,
) -> Result<(), StoreError> {
    sqlx::query(LOCK_SESSIONS).bind(account.to_string()).execute(connection).await.map_err(failed)?;
    Ok(())
}
