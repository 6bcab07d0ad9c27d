//! From the database of an older version to that of this one.

use std::path::Path;

use labgate_domain::people::{AcceptedTerms, AccountStatus, Credential, PasswordHash, Role, TermsVersion};
use labgate_domain::ports::{
    AccountStore, AdministrationStore, CredentialStore, IdentityStore, SessionStore, SessionTerms,
};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{ExternalSession, Session, SessionId};
use labgate_domain::time::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

use super::{account, file, folder, identity, open};
use crate::sqlite::file::prepare;
use crate::sqlite::schema::STEPS as STEPS_NOW;
use crate::{OpenError, Store, migrations};

/// All but the last.
const STEPS: [&str; 3] = [
    include_str!("../../../migrations/sqlite/0001_accounts_and_sessions.sql"),
    include_str!("../../../migrations/sqlite/0002_passwords.sql"),
    include_str!("../../../migrations/sqlite/0003_sessions_of_providers.sql"),
];

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

/// Eve has a password, and a session that began with it.
const PASSWORDS: &str = "
    INSERT INTO credentials VALUES ('01890000-0000-7000-8000-000000000002', '$eve', 1);
    INSERT INTO sessions VALUES
        ('AAAAAAAAAAAAAAAAAAAAAw', '01890000-0000-7000-8000-000000000002', NULL, '[]', '[\"pwd\"]', 1, 2, 3, 4, NULL);";

/// A database as this version left it, with what was written since the first.
async fn database_of_version(version: usize, path: &Path) {
    let options = SqliteConnectOptions::new().filename(prepare(path).unwrap());
    let mut connection = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    for taken in 1..=version {
        let steps = (1..).zip(STEPS).take(taken).map(|(number, sql)| {
            Migration::new(number, "earlier".into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        let migrator = Migrator::with_migrations(steps.collect());
        migrator.run_direct(None, &mut connection, false).await.unwrap();
        let written = match taken {
            1 => PEOPLE,
            2 => PASSWORDS,
            _ => "",
        };
        sqlx::raw_sql(written).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn texts(store: &Store, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(&file(store).readers).await.unwrap()
}

/// Ada's session at dex, which has not been ended, as this version sees it.
fn session_at_dex() -> Session {
    let at = Timestamp::from_unix_seconds;
    Session {
        id: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAg").unwrap(),
        account: account().id,
        external: Some(ExternalSession {
            provider: ProviderId::parse("dex").unwrap(),
            issuer: identity().issuer,
            subject: identity().subject,
            id: None,
            id_token_hint: None,
            revalidation: None,
        }),
        user_agent: None,
        address: None,
        groups: Vec::new(),
        authentication_methods: Vec::new(),
        authenticated_at: at(6),
        created_at: at(7),
        last_seen_at: at(8),
        expires_at: at(9),
        ended_at: None,
    }
}

#[tokio::test]
async fn nothing_is_lost_from_any_earlier_version_to_this_one() {
    for version in 1..=STEPS.len() {
        let (_folder, path) = folder();
        database_of_version(version, &path).await;
        for _ in 0..2 {
            let store = open(&path).await.unwrap();
            assert_eq!(AccountStore::find(&store, account().id).await, Ok(Some(account())));
            let page = store.list(None, None, 10).await.unwrap();
            assert_eq!((page.accounts.len(), page.accounts[1].status), (2, AccountStatus::Disabled));
            let found = store.find_by_identity(&identity().issuer, &identity().subject).await;
            assert_eq!(found, Ok(Some(account())));
            assert_eq!(store.credential(account().id).await, Ok(None));
            assert_eq!(store.credential(page.accounts[1].id).await.unwrap().is_some(), version >= 2);
            assert_eq!(SessionStore::find(&store, session_at_dex().id).await, Ok(Some(session_at_dex())));

            let sessions = texts(
                &store,
                "SELECT concat_ws(' ', rowid, id, account_id, coalesce(provider, '-'), coalesce(issuer, '-'),
                     coalesce(subject, '-'), groups, authentication_methods, authenticated_at, created_at,
                     last_seen_at, expires_at, coalesce(ended_at, '-')) FROM sessions ORDER BY rowid",
            )
            .await;
            let (ada, eve) = (account().id, page.accounts[1].id);
            let expected = [
                format!(
                    r#"1 AAAAAAAAAAAAAAAAAAAAAA {ada} azure https://op.example ada ["staff"] ["pwd"] 1 2 3 4 5"#
                ),
                format!("3 AAAAAAAAAAAAAAAAAAAAAg {ada} dex https://op.example ada [] [] 6 7 8 9 -"),
                format!(r#"4 AAAAAAAAAAAAAAAAAAAAAw {eve} - - - [] ["pwd"] 1 2 3 4 -"#),
            ];
            assert_eq!(sessions, expected[..=version.min(2)]);
            assert_eq!(
                texts(&store, "SELECT hex(id) FROM spent_attempts").await,
                ["00112233445566778899AABBCCDDEEFF"]
            );
            assert!(texts(&store, "SELECT \"table\" FROM pragma_foreign_key_check").await.is_empty());
            assert_eq!(texts(&store, "PRAGMA integrity_check").await, ["ok"]);
            store.close().await;
        }
    }
}

#[tokio::test]
async fn what_was_accepted_before_acceptances_had_a_table_is_kept() {
    let (_folder, path) = folder();
    let options = SqliteConnectOptions::new().filename(prepare(&path).unwrap());
    let mut connection = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    let before = STEPS_NOW.iter().take_while(|step| step.1 != "terms acceptances").copied();
    let migrator = migrations::migrator(&before.collect::<Vec<_>>());
    migrator.run_direct(None, &mut connection, false).await.unwrap();
    let accepted = "
        INSERT INTO accounts (id, username, role, status, created_at, groups, terms_version, terms_accepted_at) VALUES
            ('01890000-0000-7000-8000-000000000001', 'ada', 'user', 'active', 1, '[]', 'of 2026', 900),
            ('01890000-0000-7000-8000-000000000002', 'eve', 'user', 'active', 2, '[]', NULL, NULL)";
    sqlx::raw_sql(accepted).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = open(&path).await.unwrap();
    let people = store.list(None, None, 10).await.unwrap().accounts;
    let (version, at) = (TermsVersion::parse("of 2026").unwrap(), Timestamp::from_unix_seconds(900));
    assert_eq!(people[0].accepted_terms, [AcceptedTerms { version, digest: None, at }]);
    assert_eq!(people[1].accepted_terms, []);
    assert!(
        texts(&store, "SELECT name FROM pragma_table_info('accounts') WHERE name LIKE 'terms%'")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_session_of_an_unknown_identity_goes_on_as_a_local_one() {
    for sql in [
        "DELETE FROM external_identities",
        "INSERT INTO external_identities SELECT issuer, 'second', account_id, NULL, 0, NULL, '[]', '[]', NULL, 1, 2
         FROM external_identities",
    ] {
        let (_folder, path) = folder();
        database_of_version(2, &path).await;
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();

        let store = open(&path).await.unwrap();
        let expected = Session { external: None, ..session_at_dex() };
        assert_eq!(SessionStore::find(&store, expected.id).await, Ok(Some(expected)), "{sql}");
    }
}

#[tokio::test]
async fn c165_a_session_of_an_earlier_version_ends_with_its_subject() {
    let (_folder, path) = folder();
    database_of_version(1, &path).await;
    let store = open(&path).await.unwrap();
    let Session { id, account, .. } = session_at_dex();
    let at = Timestamp::from_unix_seconds(9);
    let ended = store.end_all_from(&identity().issuer, None, Some(&identity().subject), at).await;
    assert_eq!(ended, Ok(vec![(id, account)]));
}

#[tokio::test]
async fn an_old_database_and_a_new_one_have_one_schema() {
    let (_folder, path) = folder();
    let new = open(&path.with_file_name("new.db")).await.unwrap();
    let schema = "SELECT concat_ws(' ', type, name, sql) FROM sqlite_schema ORDER BY type, name";
    let parts = texts(&new, schema).await;
    for part in [
        "index sessions_by_account ",
        "index sessions_by_expiry ",
        "index sessions_by_provider_session ",
        "index sessions_by_subject ",
        "table credentials ",
        "table sessions ",
    ] {
        assert!(parts.iter().any(|it| it.starts_with(part)), "{part}");
    }
    assert!(!parts.iter().any(|it| it.contains("new_sessions")), "{parts:?}");
    for version in 1..=STEPS.len() {
        let path = path.with_file_name(format!("{version}.db"));
        database_of_version(version, &path).await;
        let old = open(&path).await.unwrap();
        assert_eq!(parts, texts(&old, schema).await, "{version}");
    }
}

#[tokio::test]
async fn accounts_of_the_first_version_can_get_a_password() {
    let (_folder, path) = folder();
    database_of_version(1, &path).await;
    let store = open(&path).await.unwrap();
    let credential = Credential { hash: PasswordHash::parse("$hash").unwrap(), must_change: true };
    assert_eq!(
        store
            .reset_credential(account().id, &credential, account().created_at)
            .await
            .map(|ended| ended.is_some()),
        Ok(true)
    );
    assert_eq!(store.credential(account().id).await, Ok(Some(credential)));

    let id = SessionId::parse("AAAAAAAAAAAAAAAAAAAAAw").unwrap();
    let here = Session { id, external: None, ..session_at_dex() };
    let terms = SessionTerms { role: Role::User, at_most: 50, seen_after: here.created_at };
    SessionStore::create(&store, &here, terms).await.unwrap();
    assert_eq!(SessionStore::find(&store, here.id).await, Ok(Some(here.clone())));

    AdministrationStore::delete(&store, account().id).await.unwrap();
    assert_eq!(SessionStore::find(&store, here.id).await, Ok(None), "the foreign key came along");
    assert_eq!(SessionStore::find(&store, session_at_dex().id).await, Ok(None));
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_old_database_as_it_was() {
    let (_folder, path) = folder();
    database_of_version(1, &path).await;
    let foreign = SqliteConnectOptions::new().filename(&path);
    let mut connection = foreign.connect().await.unwrap();
    let occupied = "CREATE TABLE new_sessions (mine TEXT)";
    sqlx::raw_sql(occupied).execute(&mut connection).await.unwrap();

    let error = open(&path).await.unwrap_err();
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
    open(&path).await.unwrap();
}
