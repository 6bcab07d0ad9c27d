//! The constraints of the tables, and the locks.

use std::fmt::Debug;
use std::time::Duration;

use labgate_domain::people::Role;
use labgate_domain::ports::{
    AccountCreation, AccountStore, AdministrationStore, IdentityStore, ProfileUpdate, SessionStore,
    SpentAttempts, StoreError,
};
use labgate_store::{Location, Store};
use secrecy::ExposeSecret as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};
use tokio::time::timeout;
use url::Url;

use super::{Database, fresh, open};
use crate::store::lab::{self, Replica, account_id, at, attempt, begin_session, session, session_id, terms};

/// Ada with a session, Bob with a password, and an attempt.
async fn lab() -> (Database, Store, PgConnection) {
    let database = fresh().await;
    let store = open(&database).await;
    let lab = Replica::new(store.clone());
    let ada = lab::add_ada(&lab).await;
    begin_session(&lab, &session(1, ada.id)).await;
    lab::add_local(&lab, &lab::local(2, "bob"), Some(&lab::credential("$bob"))).await;
    lab.spent_attempts.consume(attempt(1), at(2000)).await.unwrap();
    let connection = database.connect().await;
    (database, store, connection)
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let count = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(count).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_column_refuses_invalid_values() {
    let (_database, _store, mut connection) = lab().await;
    for sql in [
        "UPDATE accounts SET role = 'root'",
        "UPDATE accounts SET status = ''",
        "UPDATE accounts SET email = ''",
        "UPDATE accounts SET id = 'x'",
        "UPDATE accounts SET username = 'planted'",
        "UPDATE accounts SET groups = 'planted'",
        "UPDATE accounts SET groups = '{}'",
        "UPDATE sessions SET groups = 'planted'",
        "UPDATE sessions SET groups = '{}'",
        "UPDATE sessions SET account_id = '01890000-0000-7000-8000-000000000009'",
        "UPDATE sessions SET provider = ''",
        "UPDATE sessions SET provider = NULL",
        "UPDATE sessions SET subject = NULL",
        "UPDATE sessions SET provider = NULL, issuer = NULL, subject = NULL",
        "UPDATE sessions SET id = 'x'",
        "UPDATE credentials SET account_id = '01890000-0000-7000-8000-000000000009'",
        "UPDATE credentials SET hash = 'planted'",
        "UPDATE credentials SET hash = '$' || repeat('x', 512)",
        "INSERT INTO credentials VALUES ('01890000-0000-7000-8000-000000000002', '$planted', false)",
        "UPDATE external_identities SET subject = ''",
        "UPDATE external_identities SET email = NULL",
        "INSERT INTO spent_attempts VALUES ('x', 0)",
        "INSERT INTO failure_counts VALUES ('x', 'account', 0, 0, 0, 0)",
    ] {
        let error = sqlx::raw_sql(sql).execute(&mut connection).await.unwrap_err();
        assert!(error.as_database_error().is_some(), "{sql}: {error}");
        assert!(!error.to_string().contains("planted"), "no value in {error}");
    }
}

#[tokio::test]
async fn deleting_an_account_deletes_all_that_belongs_to_it() {
    let (_database, store, mut connection) = lab().await;
    let lab = Replica::new(store);
    lab.administration.set_role(account_id(2), Role::Admin, at(2000)).await.unwrap();
    for (table, before) in [("sessions", 1), ("external_identities", 1), ("credentials", 1)] {
        assert_eq!(count(&mut connection, table).await, before, "{table}");
    }
    lab.administration.delete(account_id(1)).await.unwrap();
    for (table, after) in [("sessions", 0), ("external_identities", 0), ("credentials", 1)] {
        assert_eq!(count(&mut connection, table).await, after, "{table}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_is_reported_by_its_place_without_its_content() {
    let (_database, store, mut connection) = lab().await;
    let lab = Replica::new(store);
    for (sql, place) in [
        ("UPDATE accounts SET username = 'Planted\t' WHERE name IS NOT NULL", "accounts.username of row (0,"),
        (
            "UPDATE accounts SET username = 'ada', groups = '[\"Planted, b\"]' WHERE name IS NOT NULL",
            "accounts.groups of row (0,",
        ),
        ("UPDATE sessions SET groups = '[{\"Planted\": 1}]'", "sessions.groups of row (0,"),
        ("UPDATE sessions SET groups = '[]', provider = 'Planted'", "sessions.provider of row (0,"),
        ("UPDATE credentials SET hash = '$ Planted'", "credentials.hash of row (0,"),
    ] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        let error = match place.split('.').next().unwrap() {
            "accounts" => lab.accounts.find(account_id(1)).await.unwrap_err(),
            "sessions" => lab.sessions.find(session_id(1)).await.unwrap_err(),
            _ => lab.credentials.credential(account_id(2)).await.unwrap_err(),
        };
        let error = error.to_string();
        assert!(error.contains(place) && !error.contains("Planted"), "{error}");
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns_in_the_same_order() {
    let (_database, _store, mut connection) = lab().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labgate.db");
    Store::open(&Location::Sqlite(file.clone())).await.unwrap().close().await;
    let mut file = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let columns = "SELECT t.name || '.' || c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
        WHERE t.type = 'table' AND t.name NOT IN ('_sqlx_migrations', 'sqlite_sequence', 'changes')
        ORDER BY t.name, c.cid";
    let here: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut file).await.unwrap();
    let columns = "SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name NOT IN ('_sqlx_migrations', 'failure_counts', 'changes')
        ORDER BY table_name, ordinal_position";
    let there: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut connection).await.unwrap();
    assert_eq!(here, there);
}

#[tokio::test]
async fn texts_compare_byte_for_byte_whatever_the_locale() {
    let (_database, _store, mut connection) = lab().await;
    let others = "SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND data_type = 'text' AND table_name <> '_sqlx_migrations'
            AND collation_name IS DISTINCT FROM 'C'";
    let others: Vec<String> = sqlx::query_scalar(others).fetch_all(&mut connection).await.unwrap();
    assert_eq!(others, Vec::<String>::new());
}

/// Waits until a statement waits for a lock of another transaction.
async fn another_connection_waits(connection: &mut PgConnection) {
    let waiting = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
        WHERE application_name = current_setting('application_name') AND wait_event_type = 'Lock')";
    let looking =
        async { while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut *connection).await.unwrap() {} };
    timeout(Duration::from_secs(10), looking).await.expect("nobody waits");
}

/// Lets the store wait for the first lock of another transaction, and that transaction go on to its next
/// lock. If the store held that lock already, the two would deadlock.
async fn never_in_a_circle<T: Debug + Send + 'static>(
    first: &'static str,
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    next: &'static str,
    database: &Database,
) {
    let (mut connection, mut watching) = (database.connect().await, database.connect().await);
    sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
    sqlx::raw_sql(first).execute(&mut connection).await.unwrap();
    let calling = tokio::spawn(call);
    another_connection_waits(&mut watching).await;
    sqlx::raw_sql(next).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut connection).await.unwrap();
    calling.await.unwrap().unwrap();
}

/// The lock of the store during changes of accounts, here held by another transaction.
const LOCK_ACCOUNTS: &str = "BEGIN; SELECT pg_advisory_xact_lock(1818321511, 1)";

#[tokio::test]
async fn c122_a_change_that_waited_sees_what_was_committed_meanwhile() {
    let (database, _, mut other) = lab().await;
    let mut url = Url::parse(database.url().expose_secret()).unwrap();
    url.query_pairs_mut().append_pair("options[default_transaction_isolation]", "serializable");
    let store = Store::open(&Location::Postgres(String::from(url).into())).await.unwrap();
    sqlx::raw_sql(LOCK_ACCOUNTS).execute(&mut other).await.unwrap();
    let creating = tokio::spawn(async move { store.create_local(&lab::local(3, "eve"), None).await });
    another_connection_waits(&mut database.connect().await).await;
    let eve = "INSERT INTO accounts VALUES
        ('01890000-0000-7000-8000-000000000009', 'eve', NULL, NULL, 'user', 'active', 0)";
    sqlx::raw_sql(eve).execute(&mut other).await.unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    assert_eq!(creating.await.unwrap(), Ok(AccountCreation::NameTaken));
}

#[tokio::test]
async fn c122_only_a_sign_in_with_a_new_address_waits_for_changes_of_accounts() {
    let (database, store, mut other) = lab().await;
    let (ada, identity) = lab::ada();
    sqlx::raw_sql(LOCK_ACCOUNTS).execute(&mut other).await.unwrap();
    let known = store.record_sign_in(ada.id, &identity, ada.email.as_ref(), at(2000)).await;
    assert_eq!(known, Ok(ProfileUpdate::Done));
    let new = lab::email("eve@example.com");
    let recording =
        tokio::spawn(async move { store.record_sign_in(ada.id, &identity, Some(&new), at(2000)).await });
    another_connection_waits(&mut database.connect().await).await;
    let eve = "INSERT INTO accounts VALUES
        ('01890000-0000-7000-8000-000000000009', 'eve@example.com', NULL, NULL, 'user', 'active', 0)";
    sqlx::raw_sql(eve).execute(&mut other).await.unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    assert_eq!(recording.await.unwrap(), Ok(ProfileUpdate::EmailTaken), "her address is somebody's username");
}

const LOCK_FIRST_SESSION: &str = "SELECT FROM sessions WHERE id = (SELECT min(id) FROM sessions) FOR UPDATE";
const LOCK_LAST_SESSION: &str = "SELECT FROM sessions WHERE id = (SELECT max(id) FROM sessions) FOR UPDATE";

#[tokio::test]
async fn sessions_are_ended_in_the_order_of_their_ids() {
    let (database, store, mut connection) = lab().await;
    // The last id stands first in the table.
    sqlx::raw_sql("DELETE FROM sessions").execute(&mut connection).await.unwrap();
    for number in [9, 1] {
        SessionStore::create(&store, &session(number, account_id(1)), terms(Role::Admin)).await.unwrap();
    }
    let sids = lab::external("ada", "sid-1");
    let (all_of, all_from) = (store.clone(), store.clone());
    let call = async move { all_of.end_all_of(account_id(1), None, at(2000)).await };
    never_in_a_circle(LOCK_FIRST_SESSION, call, LOCK_LAST_SESSION, &database).await;

    sqlx::raw_sql("UPDATE sessions SET ended_at = NULL").execute(&mut connection).await.unwrap();
    let call = async move { all_from.end_all_from(&sids.issuer, None, Some(&sids.subject), at(2000)).await };
    never_in_a_circle(LOCK_FIRST_SESSION, call, LOCK_LAST_SESSION, &database).await;

    let call = async move { store.delete(account_id(1)).await };
    Replica::new(open(&database).await)
        .administration
        .set_role(account_id(2), Role::Admin, at(2000))
        .await
        .unwrap();
    never_in_a_circle(LOCK_FIRST_SESSION, call, LOCK_LAST_SESSION, &database).await;
    assert_eq!(count(&mut connection, "sessions").await, 0);
}

#[tokio::test]
async fn a_sign_in_touches_the_account_before_the_identity_as_a_deletion_does() {
    let (database, store, _connection) = lab().await;
    let (_, ada) = lab::ada();
    let call = async move { store.record_sign_in(account_id(1), &ada, None, at(2000)).await };
    let account = "SELECT FROM accounts WHERE name IS NOT NULL FOR UPDATE";
    never_in_a_circle(account, call, "SELECT FROM external_identities FOR UPDATE", &database).await;
}

#[tokio::test]
async fn locked_rows_are_deleted_the_next_time() {
    let (database, store, mut connection) = lab().await;
    SessionStore::create(&store, &session(2, account_id(1)), terms(Role::Admin)).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
    sqlx::raw_sql(LOCK_FIRST_SESSION).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("SELECT FROM spent_attempts FOR UPDATE").execute(&mut connection).await.unwrap();
    assert_eq!(SessionStore::delete_expired(&store, at(9000)).await, Ok(1));
    assert_eq!(SpentAttempts::delete_expired(&store, at(9000)).await, Ok(0));
    sqlx::raw_sql("COMMIT").execute(&mut connection).await.unwrap();
    assert_eq!(SessionStore::delete_expired(&store, at(9000)).await, Ok(1));
    assert_eq!(SpentAttempts::delete_expired(&store, at(9000)).await, Ok(1));
    drop(database);
}

#[tokio::test]
async fn f34_the_administrators_of_a_database_are_read_as_it_is() {
    let (database, store, _connection) = lab().await;
    let root = lab::administrator(lab::local(3, "root"));
    lab::add_local(&Replica::new(store), &root, Some(&lab::credential("$root"))).await;
    let [ada, root] = labgate_store::administrators(&database.location()).await.unwrap().try_into().unwrap();
    let (_, identity) = lab::ada();
    assert_eq!((ada.issuer, ada.groups), (Some(identity.issuer), identity.groups));
    assert_eq!((root.username.as_str(), root.issuer, root.groups.len()), ("root", None, 0));
}
