//! The peculiarities of SQLite. The contract of the ports is tested for every store in the workspace's
//! `tests/store`.

mod changes;
mod demoting;
mod keeping;
mod migrating;
mod opening;

use std::path::{Path, PathBuf};

use labgate_domain::identity::{EmailClaim, ExternalIdentity, Memberships};
use labgate_domain::people::{Account, AccountId, AccountStatus, EmailAddress, LocalGroups, Role, Username};
use labgate_domain::ports::{AccountCreation, IdentityStore};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;
use tempfile::TempDir;

use super::SqliteDatabase;
use crate::store::Database;
use crate::{Location, OpenError, Store};

/// A folder, and the path of a database in it that is not there yet.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labgate.db");
    (folder, path)
}

async fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(&Location::Sqlite(path.to_owned())).await
}

/// The connections of a store.
fn file(store: &Store) -> &SqliteDatabase {
    match &store.database {
        Database::Sqlite(database) => database,
        Database::Postgres(_) => panic!("not a file"),
    }
}

fn account() -> Account {
    let email = EmailAddress::parse("ada@example.com").unwrap();
    Account {
        id: AccountId::parse("01890000-0000-7000-8000-000000000001").unwrap(),
        username: Username::from(&email),
        email: Some(email),
        name: None,
        role: Role::User,
        groups: LocalGroups::default(),
        status: AccountStatus::Active,
        accepted_terms: Vec::new(),
        created_at: Timestamp::from_unix_seconds(1000),
    }
}

fn identity() -> ExternalIdentity {
    ExternalIdentity {
        issuer: Issuer::parse("https://op.example").unwrap(),
        subject: Subject::parse("ada").unwrap(),
        email: EmailClaim::Missing,
        username: None,
        name: None,
        groups: Vec::new(),
        memberships: Memberships::default(),
        authentication_methods: Vec::new(),
        authenticated_at: None,
        session: None,
        id_token_hint: None,
        refresh_token: None,
    }
}

async fn store_with_ada(path: &Path) -> Store {
    let store = open(path).await.unwrap();
    assert_eq!(IdentityStore::create(&store, &account(), &identity()).await, Ok(AccountCreation::Created));
    store
}

async fn run(store: &Store, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&file(store).writer).await.unwrap();
}
