//! From the database of an older version to that of this one.

use std::path::Path;

use labgate_domain::people::{AccountStatus, Credential, PasswordHash};
use labgate_domain::ports::{AccountStore, SessionStore};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{Session, SessionId};
use labgate_domain::time::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

use super::{account, folder, identity};
use crate::{OpenError, SqliteStore};

const FIRST: &str = include_str!("../../../migrations/sqlite/0001_accounts_and_sessions.sql");

/// Ada and two sessions of hers, with a gap between their rows; Eve; an attempt.
const PEOPLE: &str = "
    INSERT INTO accounts VALUES
        ('01890000-0000-7000-8000-000000000001', 'ada@example.com', 'ada@example.com', NULL, 'user', 'active', 1000),
        ('01890000-0000-7000-8000-000000000002', 'eve@example.com', NULL, 'Eve', 'admin', 'disabled', 1001);
    INSERT INTO external_identities VALUES
        ('https://op.example', 'ada', '01890000-0000-7000-8000-000000000001', NULL, 0, NULL, '[]', '[]', NULL, 1, 2);
    INSERT INTO sessions VALUES
        ('AAAAAAAAAAAAAAAAAAAAAA', '01890000-0000-7000-8000-000000000001', 'azure', '[\"staff\"]', '[\"pwd\"]',
         1, 2, 3, 4, 5),
        ('AAAAAAAAAAAAAAAAAAAAAQ', '01890000-0000-7000-8000-000000000002', 'dex', '[]', '[]', 0, 0, 0, 0, NULL),
        ('AAAAAAAAAAAAAAAAAAAAAg', '01890000-0000-7000-8000-000000000001', 'dex', '[]', '[]', 6, 7, 8, 9, NULL);
    DELETE FROM sessions WHERE id = 'AAAAAAAAAAAAAAAAAAAAAQ';
    INSERT INTO spent_attempts VALUES (x'00112233445566778899aabbccddeeff', 2000);";

/// A database as the first version left it.
async fn database_of_the_first_version(path: &Path) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    let description = "accounts and sessions".into();
    let first = Migration::new(1, description, MigrationType::Simple, FIRST.into_sql_str(), false);
    let migrator = Migrator::with_migrations(vec![first]);
    migrator.run_direct(None, &mut connection, false).await.unwrap();
    sqlx::raw_sql(PEOPLE).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn texts(store: &SqliteStore, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&store.readers).await.unwrap()
}

#[tokio::test]
async fn nothing_is_lost_from_the_first_version_to_the_second() {
    let (_folder, path) = folder();
    database_of_the_first_version(&path).await;
    for _ in 0..2 {
        let store = SqliteStore::open(&path).await.unwrap();
        assert_eq!(AccountStore::find(&store, account().id).await, Ok(Some(account())));
        let page = store.list(None, None, 10).await.unwrap();
        assert_eq!((page.accounts.len(), page.accounts[1].status), (2, AccountStatus::Disabled));
        let found = store.find_by_identity(&identity().issuer, &identity().subject).await;
        assert_eq!(found, Ok(Some(account())));
        assert_eq!(store.credential(account().id).await, Ok(None));

        let at = Timestamp::from_unix_seconds;
        let ended = Session {
            id: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
            account: account().id,
            provider: Some(ProviderId::parse("azure").unwrap()),
            groups: vec!["staff".to_owned()],
            authentication_methods: vec!["pwd".to_owned()],
            authenticated_at: at(1),
            created_at: at(2),
            last_seen_at: at(3),
            expires_at: at(4),
            ended_at: Some(at(5)),
        };
        assert_eq!(SessionStore::find(&store, ended.id).await, Ok(Some(ended)));
        let sessions = texts(
            &store,
            "SELECT concat_ws(' ', rowid, id, account_id, provider, groups, authentication_methods, authenticated_at,
                 created_at, last_seen_at, expires_at, coalesce(ended_at, '-')) FROM sessions ORDER BY rowid",
        )
        .await;
        let ada = account().id;
        let expected = [
            format!(r#"1 AAAAAAAAAAAAAAAAAAAAAA {ada} azure ["staff"] ["pwd"] 1 2 3 4 5"#),
            format!("3 AAAAAAAAAAAAAAAAAAAAAg {ada} dex [] [] 6 7 8 9 -"),
        ];
        assert_eq!(sessions, expected);
        assert_eq!(
            texts(&store, "SELECT hex(id) FROM spent_attempts").await,
            ["00112233445566778899AABBCCDDEEFF"]
        );
        assert!(texts(&store, "SELECT \"table\" FROM pragma_foreign_key_check").await.is_empty());
        assert_eq!(texts(&store, "PRAGMA integrity_check").await, ["ok"]);
        store.close().await;
    }
}

#[tokio::test]
async fn an_old_database_and_a_new_one_have_one_schema() {
    let (_folder, path) = folder();
    database_of_the_first_version(&path).await;
    let old = SqliteStore::open(&path).await.unwrap();
    let new = SqliteStore::open(&path.with_file_name("new.db")).await.unwrap();
    let schema = "SELECT concat_ws(' ', type, name, sql) FROM sqlite_schema ORDER BY type, name";
    let parts = texts(&old, schema).await;
    assert_eq!(parts, texts(&new, schema).await);
    for part in
        ["index sessions_by_account ", "index sessions_by_expiry ", "table credentials ", "table sessions "]
    {
        assert!(parts.iter().any(|it| it.starts_with(part)), "{part}");
    }
    assert!(!parts.iter().any(|it| it.contains("new_sessions")), "{parts:?}");
}

#[tokio::test]
async fn people_of_the_first_version_can_get_a_password_and_begin_sessions_with_it() {
    let (_folder, path) = folder();
    database_of_the_first_version(&path).await;
    let store = SqliteStore::open(&path).await.unwrap();
    let credential = Credential { hash: PasswordHash::parse("$hash").unwrap(), must_change: true };
    assert_eq!(store.set_credential(account().id, &credential, None).await, Ok(true));
    assert_eq!(store.credential(account().id).await, Ok(Some(credential)));

    let dex = SessionId::parse("AAAAAAAAAAAAAAAAAAAAAg").unwrap();
    let before = SessionStore::find(&store, dex).await.unwrap().unwrap();
    let here = Session { id: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAw").unwrap(), provider: None, ..before };
    SessionStore::create(&store, &here).await.unwrap();
    assert_eq!(SessionStore::find(&store, here.id).await, Ok(Some(here.clone())));

    AccountStore::delete(&store, account().id).await.unwrap();
    assert_eq!(SessionStore::find(&store, here.id).await, Ok(None), "the foreign key came along");
    assert_eq!(SessionStore::find(&store, dex).await, Ok(None));
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_old_database_as_it_was() {
    let (_folder, path) = folder();
    database_of_the_first_version(&path).await;
    let foreign = SqliteConnectOptions::new().filename(&path);
    let mut connection = foreign.connect().await.unwrap();
    let occupied = "CREATE TABLE new_sessions (mine TEXT)";
    sqlx::raw_sql(occupied).execute(&mut connection).await.unwrap();

    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    for (sql, expected) in [
        ("SELECT count(*) FROM sessions", 2),
        ("SELECT count(*) FROM sqlite_schema WHERE name = 'credentials'", 0),
        ("SELECT count(*) FROM _sqlx_migrations", 1),
    ] {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        assert_eq!(count, expected, "{sql}");
    }
    sqlx::raw_sql("DROP TABLE new_sessions").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    SqliteStore::open(&path).await.unwrap();
}
