//! The suite on a real server, and what is particular to PostgreSQL.

mod copying;
mod keeping;
mod migrating;
mod opening;
mod searching;
mod server;
mod throttling;

use std::sync::Arc;

use labgate_store::PostgresStore;

use super::lab::{self, Store};

pub(crate) use server::{Database, fresh};

#[path = "accounts.rs"]
mod accounts;
#[path = "administration.rs"]
mod administration;
#[path = "credentials.rs"]
mod credentials;
#[path = "linking.rs"]
mod linking;
#[path = "local_accounts.rs"]
mod local_accounts;
#[path = "rechecks.rs"]
mod rechecks;
#[path = "sessions.rs"]
mod sessions;
#[path = "sessions_from_provider.rs"]
mod sessions_from_provider;
#[path = "sessions_of_account.rs"]
mod sessions_of_account;
#[path = "sign_ins.rs"]
mod sign_ins;
#[path = "spent_attempts.rs"]
mod spent_attempts;

async fn replicas() -> [Store; 2] {
    let database = Arc::new(fresh().await);
    [store(&database).await, store(&database).await]
}

async fn store(database: &Arc<Database>) -> Store {
    Store::new(open(database).await).keeping(database.clone())
}

async fn open(database: &Database) -> PostgresStore {
    PostgresStore::open(database.url()).await.unwrap()
}
