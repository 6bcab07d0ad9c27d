use std::sync::Arc;

use labgate_domain::ports::Consumption;
use labgate_store::{Location, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;

use super::lab::{self, Replica, Tampering, at};

#[path = "access_tokens.rs"]
mod access_tokens;
#[path = "accounts.rs"]
mod accounts;
#[path = "administration.rs"]
mod administration;
#[path = "changes.rs"]
mod changes;
#[path = "credentials.rs"]
mod credentials;
#[path = "failing_commits.rs"]
mod failing_commits;
#[path = "linking.rs"]
mod linking;
#[path = "local_accounts.rs"]
mod local_accounts;
#[path = "local_groups.rs"]
mod local_groups;
#[path = "revalidation.rs"]
mod revalidation;
#[path = "services.rs"]
mod services;
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

async fn replicas() -> [Replica; 2] {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    [replica(&folder).await, replica(&folder).await]
}

async fn replica(folder: &Arc<TempDir>) -> Replica {
    Replica::new(open(folder).await).keeping(folder.clone())
}

/// A store, and a connection of its own to the same file.
async fn tampered() -> (Replica, Tampering<SqliteConnection>) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let store = replica(&folder).await;
    let options = SqliteConnectOptions::new().filename(folder.path().join("labgate.db"));
    let connection = options.connect().await.unwrap();
    (store, Tampering::new(connection))
}

/// Lets no commit of a change of this table succeed, by a reference that is looked at then.
fn break_commits(table: &str) -> String {
    let trigger = |event: &str| {
        format!(
            "CREATE TRIGGER broken_{table}_{event} AFTER {event} ON {table}
             BEGIN INSERT INTO broken VALUES (1); END;"
        )
    };
    format!(
        "CREATE TABLE IF NOT EXISTS parents (id INTEGER PRIMARY KEY);
         CREATE TABLE IF NOT EXISTS broken (id INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
         {} {} {}",
        trigger("INSERT"),
        trigger("UPDATE"),
        trigger("DELETE"),
    )
}

fn mend_commits(table: &str) -> String {
    ["INSERT", "UPDATE", "DELETE"].map(|event| format!("DROP TRIGGER broken_{table}_{event};")).concat()
}

async fn open(folder: &TempDir) -> Store {
    Store::open(&Location::Sqlite(folder.path().join("labgate.db"))).await.unwrap()
}

#[tokio::test]
async fn c027_a_restart_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let before = open(&folder).await;
    let store = Replica::new(before.clone());
    let ada = lab::add_ada(&store).await;
    let (_, identity) = lab::ada();
    lab::begin_session(&store, &lab::session(1, ada.id)).await;
    let bob = lab::local(2, "bob");
    lab::add_local(&store, &bob, Some(&lab::credential("$bob"))).await;
    store.spent_attempts.consume(lab::attempt(1), at(2000)).await.unwrap();
    before.close().await;
    assert!(store.accounts.check().await.is_err());

    let store = Replica::new(open(&folder).await);
    assert_eq!(store.accounts.find(ada.id).await, Ok(Some(ada.clone())));
    assert_eq!(
        store.identities.find_by_identity(&identity.issuer, &identity.subject).await,
        Ok(Some(ada.clone()))
    );
    assert_eq!(store.accounts.find(bob.id).await, Ok(Some(bob.clone())));
    assert_eq!(store.credentials.credential(bob.id).await, Ok(Some(lab::credential("$bob"))));
    assert_eq!(store.sessions.find(lab::session_id(1)).await, Ok(Some(lab::session(1, ada.id))));
    assert_eq!(store.spent_attempts.consume(lab::attempt(1), at(2000)).await, Ok(Consumption::Again));
}
