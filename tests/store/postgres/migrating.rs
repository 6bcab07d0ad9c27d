//! From the database of every older version to that of this one.

use std::fs;
use std::path::Path;

use labgate_domain::people::AccountStatus;
use labgate_domain::ports::{AdministrationStore, CredentialStore, IdentityStore};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr as _};

use super::{Database, fresh, open};
use crate::store::lab::account_id;

/// Ada with a session, Eve with a password, an attempt: as the first version wrote them.
const PEOPLE: &str = r#"
    INSERT INTO accounts (id, username, email, name, role, status, created_at) VALUES
        ('01890000-0000-7000-8000-000000000001', 'ada@example.com', 'ada@example.com', NULL, 'user', 'active', 1),
        ('01890000-0000-7000-8000-000000000002', 'eve', NULL, 'Eve', 'admin', 'disabled', 2);
    INSERT INTO credentials (account_id, hash, must_change) VALUES
        ('01890000-0000-7000-8000-000000000002', '$eve', true);
    INSERT INTO external_identities (issuer, subject, account_id, email, email_verified, name, groups,
        authentication_methods, authenticated_at, first_sign_in_at, last_sign_in_at) VALUES
        ('https://op.example', 'ada', '01890000-0000-7000-8000-000000000001', NULL, false, NULL, '[]', '[]', NULL, 1, 2);
    INSERT INTO sessions (id, account_id, provider, issuer, subject, groups, authentication_methods, authenticated_at,
        created_at, last_seen_at, expires_at, ended_at) VALUES
        ('AAAAAAAAAAAAAAAAAAAAAA', '01890000-0000-7000-8000-000000000001', 'dex', 'https://op.example', 'ada',
         '["staff"]', '["pwd"]', 1, 2, 3, 4, 5);
    INSERT INTO spent_attempts (id, keep_until) VALUES ('\x00112233445566778899aabbccddeeff', 2000);"#;

/// The step from which on an account had the terms of service that were accepted last.
const TERMS: usize = 8;

/// The steps of the schema, oldest first.
fn steps() -> Vec<Migration> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/store-adapter/migrations/postgres");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let steps = files.iter().zip(1..).map(|(path, number)| {
        let sql = AssertSqlSafe(fs::read_to_string(path).unwrap()).into_sql_str();
        Migration::new(number, "a step".into(), MigrationType::Simple, sql, false)
    });
    steps.collect()
}

/// A database as a version with so many steps left it.
async fn database_of(steps: &[Migration]) -> Database {
    let database = fresh().await;
    let mut connection = database.connect().await;
    let first = steps.first().expect("there is no step");
    let take = async |steps: Vec<Migration>, connection: &mut PgConnection| {
        Migrator::with_migrations(steps).run_direct(None, connection, false).await.unwrap();
    };
    take(vec![first.clone()], &mut connection).await;
    sqlx::raw_sql(PEOPLE).execute(&mut connection).await.unwrap();
    for taken in 2..=steps.len() {
        take(steps[..taken].to_vec(), &mut connection).await;
        if taken == TERMS {
            let accepted =
                "UPDATE accounts SET terms_version = '1', terms_accepted_at = 900 WHERE username = 'eve'";
            sqlx::raw_sql(accepted).execute(&mut connection).await.unwrap();
        }
    }
    database
}

/// Everything that makes up the schema, a line each.
async fn schema(database: &Database) -> Vec<String> {
    let parts = "
        SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, collation_name, column_default)
        FROM information_schema.columns WHERE table_schema = current_schema()
        UNION ALL
        SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema()
        UNION ALL
        SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
        ORDER BY 1";
    sqlx::query_scalar(parts).fetch_all(&mut database.connect().await).await.unwrap()
}

#[tokio::test]
async fn from_any_version_nothing_is_lost_and_the_schema_is_the_newest() {
    let new = fresh().await;
    open(&new).await;
    let expected = schema(&new).await;
    assert!(expected.iter().any(|part| part.starts_with("sessions id text NO C")), "{expected:#?}");
    let steps = steps();
    for count in 1..=steps.len() {
        let database = database_of(&steps[..count]).await;
        for _ in 0..2 {
            let store = open(&database).await;
            let people = store.list(None, None, 10).await.unwrap().accounts;
            let accepted: Vec<_> =
                people[1].accepted_terms.iter().map(|it| (it.version.as_str(), &it.digest)).collect();
            assert_eq!(accepted, if count < TERMS { vec![] } else { vec![("1", &None)] });
            let people: Vec<_> = people.iter().map(|it| (it.username.as_str(), it.status)).collect();
            assert_eq!(
                people,
                [("ada@example.com", AccountStatus::Active), ("eve", AccountStatus::Disabled)]
            );
            assert_eq!(store.identities(account_id(1)).await.unwrap().len(), 1);
            assert!(store.credential(account_id(2)).await.unwrap().unwrap().must_change);
            let session = "SELECT concat_ws(' ', id, account_id, provider, issuer, subject, groups,
                authentication_methods, authenticated_at, created_at, last_seen_at, expires_at, ended_at) FROM sessions";
            let sessions: Vec<String> =
                sqlx::query_scalar(session).fetch_all(&mut database.connect().await).await.unwrap();
            let ada = account_id(1);
            let dex = "dex https://op.example ada";
            let expected = format!(r#"AAAAAAAAAAAAAAAAAAAAAA {ada} {dex} ["staff"] ["pwd"] 1 2 3 4 5"#);
            assert_eq!(sessions, [expected]);
            let attempts: Vec<String> = sqlx::query_scalar("SELECT encode(id, 'hex') FROM spent_attempts")
                .fetch_all(&mut database.connect().await)
                .await
                .unwrap();
            assert_eq!(attempts, ["00112233445566778899aabbccddeeff"]);
        }
        assert_eq!(schema(&database).await, expected, "from {count} steps");
    }
}
