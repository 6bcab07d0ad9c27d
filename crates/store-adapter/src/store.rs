use std::sync::Arc;

use labgate_domain::ports::{
    AccountStore, AdministrationStore, CredentialStore, IdentityStore, SessionStore, SpentAttempts, Throttle,
};

use crate::{Location, OpenError, PostgresStore, SqliteStore};

/// A store on either database. Cloning is cheap; every clone is the same store.
#[derive(Clone, Debug)]
pub enum Store {
    /// One file, for one machine.
    Sqlite(SqliteStore),
    /// A server, for any number of replicas.
    Postgres(PostgresStore),
}

impl Store {
    /// Opens the database that is there, as [`SqliteStore::open`] and [`PostgresStore::open`] do.
    ///
    /// # Errors
    /// As theirs.
    pub async fn open(location: &Location) -> Result<Self, OpenError> {
        Ok(match location {
            Location::Sqlite(path) => Self::Sqlite(SqliteStore::open(path).await?),
            Location::Postgres(url) => Self::Postgres(PostgresStore::open(url).await?),
        })
    }

    /// The port of the accounts.
    #[must_use]
    pub fn accounts(&self) -> Arc<dyn AccountStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// Returns the external identities.
    #[must_use]
    pub fn identities(&self) -> Arc<dyn IdentityStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// Returns the passwords.
    #[must_use]
    pub fn credentials(&self) -> Arc<dyn CredentialStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// Returns what administrators change.
    #[must_use]
    pub fn administration(&self) -> Arc<dyn AdministrationStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The port of the sessions.
    #[must_use]
    pub fn sessions(&self) -> Arc<dyn SessionStore> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The port of the spent attempts.
    #[must_use]
    pub fn spent_attempts(&self) -> Arc<dyn SpentAttempts> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// The throttle that all replicas share. On SQLite there is none: one process counts in its memory.
    #[must_use]
    pub fn throttle(&self) -> Option<Arc<dyn Throttle>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => Some(Arc::new(store.clone())),
        }
    }

    /// Closes the database for every clone.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
