use std::sync::Arc;

use labgate_domain::people::{AccountId, EmailAddress};
use labgate_domain::ports::{StoreError, Throttle};

use crate::connection::{Pooled, Transaction};
use crate::either::Either;
use crate::postgres::PostgresDatabase;
use crate::sqlite::SqliteDatabase;
use crate::{Location, OpenError};

/// A store on either database. Cloning is cheap; every clone is the same store.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) database: Database,
}

pub(crate) type Database = Either<SqliteDatabase, PostgresDatabase>;

impl Store {
    /// Opens a database, and brings its schema up to date.
    ///
    /// A SQLite file is created if it does not exist, readable by its owner alone, and so is its folder. A
    /// PostgreSQL database must exist; the parts that its URL leaves out are taken from `PGHOST`,
    /// `PGPASSWORD` and so on, as by `psql`.
    ///
    /// # Errors
    /// When the database cannot be reached or used, does not belong to Labgate, is open to other users of the
    /// machine, or was written by a newer version. No error repeats a password.
    pub async fn open(location: &Location) -> Result<Self, OpenError> {
        let database = match location {
            Location::Sqlite(path) => Database::Sqlite(SqliteDatabase::open(path).await?),
            Location::Postgres(url) => Database::Postgres(PostgresDatabase::open(url).await?),
        };
        Ok(Self { database })
    }

    /// Returns the login throttle that all replicas share. SQLite has none: the one process counts in its
    /// memory.
    #[must_use]
    pub fn throttle(&self) -> Option<Arc<dyn Throttle>> {
        match &self.database {
            Database::Sqlite(_) => None,
            Database::Postgres(database) => Some(Arc::new(database.clone())),
        }
    }

    /// Closes the database for every clone. A SQLite file then holds everything and can be copied.
    pub async fn close(&self) {
        on_either!(&self.database, it => it.close().await);
    }

    /// Returns a connection for a statement that reads.
    pub(crate) async fn reader(&self) -> Result<Pooled, StoreError> {
        Ok(map_either!(&self.database, it => it.reader().await?))
    }

    /// Returns the connection for the feed of changes, which waits behind no other read.
    pub(crate) async fn feed(&self) -> Result<Pooled, StoreError> {
        Ok(map_either!(&self.database, it => it.feed().await?))
    }

    /// Returns a connection for a single statement that writes.
    pub(crate) async fn writer(&self) -> Result<Pooled, StoreError> {
        Ok(map_either!(&self.database, it => it.writer().await?))
    }

    /// Begins to change accounts: no other writer changes accounts until the transaction ends.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(map_either!(&self.database, it => it.begin().await?))
    }

    /// Begins to add a session.
    pub(crate) async fn begin_session(&self) -> Result<Transaction, StoreError> {
        Ok(match &self.database {
            Database::Sqlite(database) => Either::Sqlite(database.begin().await?),
            Database::Postgres(database) => Either::Postgres(database.begin_plainly().await?),
        })
    }

    /// Begins to record a sign-in with this address, and returns the address unless the account has it
    /// already.
    pub(crate) async fn begin_sign_in<'a>(
        &self,
        id: AccountId,
        email: Option<&'a EmailAddress>,
    ) -> Result<(Transaction, Option<&'a EmailAddress>), StoreError> {
        Ok(match &self.database {
            Database::Sqlite(database) => (Either::Sqlite(database.begin().await?), email),
            Database::Postgres(database) => {
                let (transaction, new_email) = database.begin_sign_in(id, email).await?;
                (Either::Postgres(transaction), new_email)
            }
        })
    }

    /// Begins to read the state of one moment.
    pub(crate) async fn snapshot(&self) -> Result<Transaction, StoreError> {
        Ok(map_either!(&self.database, it => it.snapshot().await?))
    }
}
