//! The constraints of the tables, and the values in them.

use std::fs;

use labgate_domain::identity::{EmailClaim, ExternalIdentity, Memberships};
use labgate_domain::people::{DisplayName, EmailAddress};
use labgate_domain::ports::{
    AccountStore, Consumption, CredentialStore, IdentityStore, SessionStore, SpentAttempts,
};
use labgate_domain::sealed::SealId;
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use super::{account, file, folder, identity, open, run, store_with_ada};

const SESSION: &str = "AAAAAAAAAAAAAAAAAAAAAA";

const ADD_SESSION_OF_ADA: &str = "
    INSERT INTO sessions VALUES ('AAAAAAAAAAAAAAAAAAAAAA', '01890000-0000-7000-8000-000000000001', 'external',
        'https://op.example', 'ada', 'sid', 'hint', 'browser', '::1', '[]', '[]', 0, 0, 0, 100, NULL, NULL, NULL)";

const ADD_CREDENTIAL_OF_ADA: &str = "
    INSERT INTO credentials VALUES ('01890000-0000-7000-8000-000000000001', '$ada', 0)";

#[tokio::test]
async fn an_uncommitted_change_is_undone() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    let mut transaction = file(&store).begin().await.unwrap();
    sqlx::query("DELETE FROM accounts").execute(&mut *transaction).await.unwrap();

    assert_eq!(
        AccountStore::find(&store, account().id).await,
        Ok(Some(account())),
        "nobody has to wait to read"
    );
    drop(transaction);
    let other = open(&path).await.unwrap();
    assert_eq!(SessionStore::delete_expired(&other, account().created_at).await, Ok(0), "the lock is free");
    assert_eq!(AccountStore::find(&other, account().id).await, Ok(Some(account())));
}

#[tokio::test]
async fn c027_a_killed_process_loses_nothing_that_was_answered() {
    let (folder, path) = folder();
    let store = store_with_ada(&path).await;
    let attempt = SealId::parse(SESSION).unwrap();
    let until = Timestamp::from_unix_seconds(2000);
    assert_eq!(store.consume(attempt, until).await, Ok(Consumption::First));
    let mut transaction = file(&store).begin().await.unwrap();
    sqlx::query("DELETE FROM accounts").execute(&mut *transaction).await.unwrap();

    // What a kill leaves: the file and its log as they are at this moment.
    let left = folder.path().join("left.db");
    fs::copy(&path, &left).unwrap();
    fs::copy(path.with_file_name("labgate.db-wal"), left.with_file_name("left.db-wal")).unwrap();

    let revived = open(&left).await.unwrap();
    assert_eq!(AccountStore::find(&revived, account().id).await, Ok(Some(account())));
    assert_eq!(revived.consume(attempt, until).await, Ok(Consumption::Again));
}

#[tokio::test]
async fn the_last_claims_of_the_provider_are_kept_with_the_identity() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    let row =
        "SELECT concat_ws(' ', account_id, coalesce(email, '-'), email_verified, coalesce(name, '-'), groups,
         authentication_methods, coalesce(authenticated_at, '-'), first_sign_in_at, last_sign_in_at)
         FROM external_identities WHERE issuer = 'https://op.example' AND subject = 'ada'";
    let stands =
        async || -> String { sqlx::query_scalar(row).fetch_one(&file(&store).readers).await.unwrap() };
    let id = account().id;
    assert_eq!(stands().await, format!("{id} - 0 - [] [] - 1000 1000"));

    let email = EmailAddress::parse("ada@work.example").unwrap();
    let said = ExternalIdentity {
        email: EmailClaim::Stated { address: email.clone(), verified: true },
        name: DisplayName::new("Ada"),
        groups: vec!["a".to_owned(), "\"".to_owned()],
        memberships: Memberships::default(),
        authentication_methods: vec!["pwd".to_owned()],
        authenticated_at: Some(Timestamp::from_unix_seconds(1990)),
        ..identity()
    };
    for (at, last) in [(2000, 2000), (1500, 2000)] {
        store.record_sign_in(id, &said, Some(&email), Timestamp::from_unix_seconds(at)).await.unwrap();
        let expected = format!(r#"{id} ada@work.example 1 Ada ["a","\""] ["pwd"] 1990 1000 {last}"#);
        assert_eq!(stands().await, expected);
    }
    let at = Timestamp::from_unix_seconds(3000);
    store.record_sign_in(id, &identity(), None, at).await.unwrap();
    assert_eq!(stands().await, format!("{id} - 0 - [] [] - 1000 3000"));
}

#[tokio::test]
async fn c106_one_address_is_one_account_by_a_unique_index() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    for sql in [
        "INSERT INTO accounts VALUES ('01890000-0000-7000-8000-000000000002', 'eve@example.com', 'ada@example.com',
             NULL, 'user', 'active', 0, '[]')",
        "INSERT INTO accounts VALUES ('01890000-0000-7000-8000-000000000002', 'ada@example.com', NULL, NULL, 'user',
             'active', 0, '[]')",
    ] {
        let error = sqlx::query(sql).execute(&file(&store).writer).await.unwrap_err();
        assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
    }
}

#[tokio::test]
async fn a_column_refuses_invalid_values() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, ADD_SESSION_OF_ADA).await;
    run(&store, ADD_CREDENTIAL_OF_ADA).await;
    for sql in [
        "UPDATE accounts SET role = 'root'",
        "UPDATE accounts SET status = ''",
        "UPDATE accounts SET created_at = 'yesterday'",
        "UPDATE accounts SET groups = 'staff'",
        "UPDATE accounts SET groups = '{}'",
        "UPDATE accounts SET groups = NULL",
        "UPDATE sessions SET groups = 'staff'",
        "UPDATE sessions SET groups = '{}'",
        "UPDATE sessions SET account_id = '01890000-0000-7000-8000-000000000009'",
        "UPDATE sessions SET provider = ''",
        "UPDATE sessions SET provider = NULL",
        "UPDATE sessions SET issuer = NULL",
        "UPDATE sessions SET issuer = ''",
        "UPDATE sessions SET subject = NULL",
        "UPDATE sessions SET subject = ''",
        "UPDATE sessions SET provider = NULL, issuer = NULL",
        "UPDATE sessions SET provider = NULL, issuer = NULL, subject = NULL, provider_session = NULL",
        "UPDATE sessions SET provider = NULL, issuer = NULL, subject = NULL, id_token_hint = NULL",
        "UPDATE sessions SET provider_session = ''",
        "UPDATE sessions SET id_token_hint = ''",
        "UPDATE sessions SET user_agent = ''",
        "UPDATE sessions SET address = ''",
        "UPDATE credentials SET account_id = '01890000-0000-7000-8000-000000000009'",
        "UPDATE credentials SET hash = ''",
        "UPDATE credentials SET hash = 'password'",
        "UPDATE credentials SET hash = '$' || hex(zeroblob(256))",
        "UPDATE credentials SET hash = NULL",
        "UPDATE credentials SET must_change = 2",
        "UPDATE credentials SET must_change = NULL",
        "INSERT INTO credentials VALUES ('01890000-0000-7000-8000-000000000001', '$second', 0)",
        "UPDATE external_identities SET subject = ''",
        "UPDATE external_identities SET email_verified = 1",
        "INSERT INTO spent_attempts VALUES (x'00', 0)",
    ] {
        let error = sqlx::query(sql).execute(&file(&store).writer).await.unwrap_err().to_string();
        assert!(!error.contains("$ada") && !error.contains("$second"), "{error}");
    }
    for sql in [
        "UPDATE sessions SET provider_session = NULL",
        "UPDATE sessions SET id_token_hint = NULL, user_agent = NULL, address = NULL",
        "UPDATE sessions SET provider = NULL, issuer = NULL, subject = NULL",
        "UPDATE credentials SET hash = '$' || hex(zeroblob(255))",
    ] {
        run(&store, sql).await;
    }
}

#[tokio::test]
async fn deleting_an_account_deletes_all_that_belongs_to_it() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, ADD_SESSION_OF_ADA).await;
    run(&store, ADD_CREDENTIAL_OF_ADA).await;
    run(&store, "DELETE FROM accounts").await;
    assert_eq!(SessionStore::find(&store, SessionId::parse(SESSION).unwrap()).await, Ok(None));
    for count in ["SELECT count(*) FROM external_identities", "SELECT count(*) FROM credentials"] {
        let left: i64 = sqlx::query_scalar(count).fetch_one(&file(&store).readers).await.unwrap();
        assert_eq!(left, 0, "{count}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_is_reported_by_its_place_without_its_content() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    run(&store, ADD_SESSION_OF_ADA).await;
    for (sql, place) in [
        ("UPDATE accounts SET username = 'Planted'", "accounts.username of row 1 "),
        ("UPDATE accounts SET username = 'ada@example.com', email = 'Planted'", "accounts.email of row 1 "),
        ("UPDATE accounts SET email = NULL, groups = '[\"Planted, b\"]'", "accounts.groups of row 1 "),
    ] {
        run(&store, sql).await;
        let error = AccountStore::find(&store, account().id).await.unwrap_err().to_string();
        assert!(error.contains(place) && !error.contains("Planted"), "{error}");
    }
    for (sql, place) in [
        ("UPDATE sessions SET groups = '[{\"Planted\": 1}]'", "sessions.groups of row 1 "),
        ("UPDATE sessions SET groups = '[]', provider = 'Planted'", "sessions.provider of row 1 "),
        ("UPDATE sessions SET provider = 'dex', issuer = 'Planted'", "sessions.issuer of row 1 "),
        (
            "UPDATE sessions SET issuer = 'https://op.example', provider_session = 'Planted' || char(9)",
            "sessions.provider_session of row 1 ",
        ),
        (
            "UPDATE sessions SET provider_session = NULL, id_token_hint = 'Planted' || char(9)",
            "sessions.id_token_hint of row 1 ",
        ),
        ("UPDATE sessions SET id_token_hint = NULL, address = 'Planted'", "sessions.address of row 1 "),
    ] {
        run(&store, sql).await;
        let session = SessionStore::find(&store, SessionId::parse(SESSION).unwrap()).await;
        let error = session.unwrap_err().to_string();
        assert!(error.contains(place) && !error.contains("Planted"), "{error}");
    }
    run(&store, "UPDATE external_identities SET issuer = 'Planted'").await;
    let error = store.identities(account().id).await.unwrap_err().to_string();
    let place = "external_identities.issuer of the account in row 1 ";
    assert!(error.contains(place) && !error.contains("Planted"), "{error}");
    run(&store, "INSERT INTO credentials VALUES ('01890000-0000-7000-8000-000000000001', '$ Planted', 0)")
        .await;
    let error = store.credential(account().id).await.unwrap_err().to_string();
    assert!(error.contains("credentials.hash of row 1 ") && !error.contains("Planted"), "{error}");
}

#[tokio::test]
async fn f46_an_account_with_a_role_of_a_newer_version_has_the_least_one() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    // The newer version permits it.
    run(&store, "PRAGMA ignore_check_constraints = ON; UPDATE accounts SET role = 'auditor'").await;
    assert_eq!(AccountStore::find(&store, account().id).await, Ok(Some(account())));
}

#[tokio::test]
async fn f34_the_administrators_of_a_database_are_read_as_it_is() {
    let (_folder, path) = folder();
    let store = store_with_ada(&path).await;
    let location = crate::Location::Sqlite(path.clone());
    assert_eq!(crate::administrators(&location).await.unwrap(), []);
    run(&store, "UPDATE accounts SET role = 'admin'; UPDATE external_identities SET groups = '[\"staff\"]'")
        .await;
    // Of a newer version: nothing is brought up to date.
    run(&store, "INSERT INTO _sqlx_migrations VALUES (99, 'from the future', 0, TRUE, x'00', 0)").await;
    let [ada] = crate::administrators(&location).await.unwrap().try_into().unwrap();
    assert_eq!((ada.username, ada.issuer), (account().username, Some(identity().issuer)));
    assert_eq!(ada.groups, ["staff"]);
    run(&store, "UPDATE accounts SET status = 'disabled'").await;
    assert_eq!(crate::administrators(&location).await.unwrap(), []);
    let missing = crate::Location::Sqlite(path.with_file_name("missing.db"));
    assert!(crate::administrators(&missing).await.is_err());
    assert!(!path.with_file_name("missing.db").exists());
}
