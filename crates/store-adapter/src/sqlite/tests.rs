//! What is particular to SQLite. What the ports promise is tested for every store at once, in the workspace's `tests/store`.

use std::fs;
use std::path::{Path, PathBuf};

use labgate_domain::attempt::AttemptId;
use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::{Account, AccountId, AccountStatus, EmailAddress, Role, Username};
use labgate_domain::ports::{AccountCreation, AccountStore, Consumption, SessionStore, SpentAttempts};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;

const SESSION: &str = "AAAAAAAAAAAAAAAAAAAAAA";

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labgate.db");
    (folder, path)
}

fn account() -> Account {
    let email = EmailAddress::parse("ada@example.com").unwrap();
    Account {
        id: AccountId::parse("01890000-0000-7000-8000-000000000001").unwrap(),
        username: Username::from(&email),
        email: Some(email),
        name: None,
        role: Role::User,
        status: AccountStatus::Active,
        created_at: Timestamp::from_unix_seconds(1000),
    }
}

fn identity() -> ExternalIdentity {
    ExternalIdentity {
        issuer: Issuer::parse("https://op.example").unwrap(),
        subject: Subject::parse("ada").unwrap(),
        email: EmailClaim::Missing,
        name: None,
        groups: Vec::new(),
        authentication_methods: Vec::new(),
        authenticated_at: None,
    }
}

async fn store_with_ada(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).await.unwrap();
    assert_eq!(AccountStore::create(&store, &account(), &identity()).await, Ok(AccountCreation::Created));
    store
}

async fn run(store: &SqliteStore, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&store.writer).await.unwrap();
}

/// A session of Ada's as one INSERT statement.
const ADD_SESSION: &str = "INSERT INTO sessions VALUES ('AAAAAAAAAAAAAAAAAAAAAA',
    '01890000-0000-7000-8000-000000000001', 'external', '[]', '[]', 0, 0, 0, 100, NULL)";

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_is_created() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, _) = folder();
    let path = folder.path().join("data/lab/labgate.db");
    let _store = store_with_ada(&path).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    assert_eq!(mode(&folder.path().join("data/lab")), 0o700);
    for file in ["labgate.db", "labgate.db-wal", "labgate.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn every_connection_has_the_settings_that_the_store_counts_on() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).await.unwrap();
    for pool in [&store.writer, &store.readers] {
        for (sql, expected) in [
            ("PRAGMA foreign_keys", "1"),
            ("PRAGMA journal_mode", "wal"),
            ("PRAGMA synchronous", "1"),
            ("PRAGMA busy_timeout", "5000"),
        ] {
            let row = sqlx::query(sql).fetch_one(pool).await.unwrap();
            let value = match sqlx::Row::try_get_unchecked::<i64, _>(&row, 0) {
                Ok(number) if expected != "wal" => number.to_string(),
                _ => sqlx::Row::try_get::<String, _>(&row, 0).unwrap(),
            };
            assert_eq!(value, expected, "{sql}");
        }
    }
    let refused = sqlx::query("DELETE FROM accounts").execute(&store.readers).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused_by_name_and_left_alone() {
    let (_folder, path) = folder();
    for garbage in ["x", "# notes\n", &"not a database\n".repeat(1000)] {
        fs::write(&path, garbage).unwrap();
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
        assert!(error.to_string().contains("labgate.db"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), garbage);
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused_by_name() {
    let (_folder, path) = folder();
    store_with_ada(&path).await.close().await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("labgate.db"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_a_file_is_refused_by_name() {
    let (folder, path) = folder();
    fs::write(&path, "").unwrap();
    for bad in [folder.path(), &path.join("below-a-file.db"), Path::new("/"), Path::new("")] {
        let error = SqliteStore::open(bad).await.unwrap_err();
        assert!(matches!(error, OpenError::File { .. }), "{error}");
        assert!(error.to_string().contains(&bad.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn names_that_sqlite_takes_for_something_else_are_files() {
    let (folder, _) = folder();
    for name in [":memory:", "file:x?mode=memory", "a?b#c%20"] {
        store_with_ada(&folder.path().join(name)).await;
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, "INSERT INTO _sqlx_migrations VALUES (99, 'from the future', 0, TRUE, x'00', 0)").await;
    store.close().await;
    let before = fs::read(&path).unwrap();

    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("labgate.db"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_changed_history_is_refused() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    store.close().await;
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let (_folder, path) = folder();
    let foreign = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&foreign).await.unwrap();
    sqlx::raw_sql("CREATE TABLE sessions (mine TEXT)").execute(&mut connection).await.unwrap();

    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema").fetch_all(&mut connection).await.unwrap();
    assert_eq!(tables, ["sessions"]);
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_agree_on_one_schema() {
    for _ in 0..5 {
        let (_folder, path) = folder();
        let mut starting = JoinSet::new();
        for _ in 0..8 {
            let path = path.clone();
            starting.spawn(async move { SqliteStore::open(&path).await });
        }
        for store in starting.join_all().await {
            store.unwrap().check().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_not_committed_never_was() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    let mut transaction = store.write().await.unwrap();
    sqlx::query("DELETE FROM accounts").execute(&mut *transaction).await.unwrap();

    assert_eq!(
        AccountStore::find(&store, account().id).await,
        Ok(Some(account())),
        "nobody has to wait to read"
    );
    drop(transaction);
    let other = SqliteStore::open(&path).await.unwrap();
    assert_eq!(SessionStore::delete_expired(&other, account().created_at).await, Ok(0), "the lock is free");
    assert_eq!(AccountStore::find(&other, account().id).await, Ok(Some(account())));
}

#[tokio::test]
async fn c027_a_killed_process_loses_nothing_that_was_answered() {
    let (folder, path) = folder();
    let store = store_with_ada(&path).await;
    let attempt = AttemptId::parse(SESSION).unwrap();
    let until = Timestamp::from_unix_seconds(2000);
    assert_eq!(store.consume(attempt, until).await, Ok(Consumption::First));
    let mut transaction = store.write().await.unwrap();
    sqlx::query("DELETE FROM accounts").execute(&mut *transaction).await.unwrap();

    // What a kill leaves: the file and its log as they are at this moment.
    let left = folder.path().join("left.db");
    fs::copy(&path, &left).unwrap();
    fs::copy(path.with_file_name("labgate.db-wal"), left.with_file_name("left.db-wal")).unwrap();

    let revived = SqliteStore::open(&left).await.unwrap();
    assert_eq!(AccountStore::find(&revived, account().id).await, Ok(Some(account())));
    assert_eq!(revived.consume(attempt, until).await, Ok(Consumption::Again));
}

#[tokio::test]
async fn closing_leaves_one_file_with_everything_in_it() {
    let (folder, path) = folder();
    let store = store_with_ada(&path).await;
    store.check().await.unwrap();
    store.close().await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(store.check().await.is_err());

    let copy = folder.path().join("copy.db");
    fs::rename(&path, &copy).unwrap();
    let store = SqliteStore::open(&copy).await.unwrap();
    assert_eq!(AccountStore::find(&store, account().id).await, Ok(Some(account())));
}

#[tokio::test]
async fn c106_one_address_is_one_account_by_a_unique_index() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    for sql in [
        "INSERT INTO accounts VALUES ('01890000-0000-7000-8000-000000000002', 'eve@example.com', 'ada@example.com',
             NULL, 'user', 'active', 0)",
        "INSERT INTO accounts VALUES ('01890000-0000-7000-8000-000000000002', 'ada@example.com', NULL, NULL, 'user',
             'active', 0)",
    ] {
        let error = sqlx::query(sql).execute(&store.writer).await.unwrap_err();
        assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_belong_into_a_column_is_not_taken() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, ADD_SESSION).await;
    for sql in [
        "UPDATE accounts SET role = 'root'",
        "UPDATE accounts SET status = ''",
        "UPDATE accounts SET created_at = 'yesterday'",
        "UPDATE sessions SET groups = 'staff'",
        "UPDATE sessions SET groups = '{}'",
        "UPDATE sessions SET account_id = '01890000-0000-7000-8000-000000000009'",
        "UPDATE external_identities SET subject = ''",
        "UPDATE external_identities SET email_verified = 1",
        "INSERT INTO spent_attempts VALUES (x'00', 0)",
    ] {
        assert!(sqlx::query(sql).execute(&store.writer).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn what_goes_with_an_account_goes_with_it() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, ADD_SESSION).await;
    run(&store, "DELETE FROM accounts").await;
    assert_eq!(SessionStore::find(&store, SessionId::parse(SESSION).unwrap()).await, Ok(None));
    let identities: i64 = sqlx::query_scalar("SELECT count(*) FROM external_identities")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    assert_eq!(identities, 0);
}

#[tokio::test]
async fn a_row_that_cannot_be_is_reported_by_its_place_without_its_content() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, ADD_SESSION).await;
    for (sql, place) in [
        ("UPDATE accounts SET username = 'Planted'", "accounts.username of row 1 "),
        ("UPDATE accounts SET username = 'ada@example.com', email = 'Planted'", "accounts.email of row 1 "),
    ] {
        run(&store, sql).await;
        let error = AccountStore::find(&store, account().id).await.unwrap_err().to_string();
        assert!(error.contains(place) && !error.contains("Planted"), "{error}");
    }
    for (sql, place) in [
        ("UPDATE sessions SET groups = '[{\"Planted\": 1}]'", "sessions.groups of row 1 "),
        ("UPDATE sessions SET groups = '[]', provider = 'Planted'", "sessions.provider of row 1 "),
    ] {
        run(&store, sql).await;
        let session = SessionStore::find(&store, SessionId::parse(SESSION).unwrap()).await;
        let error = session.unwrap_err().to_string();
        assert!(error.contains(place) && !error.contains("Planted"), "{error}");
    }
}
