//! Opening and refusing a database.

use labgate_domain::ports::AccountStore;
use labgate_store::{Location, OpenError, Store};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinSet;
use url::Url;

use super::{fresh, open};
use crate::store::lab;

/// Returns a changed URL.
fn changed(url: &SecretString, change: impl FnOnce(&mut Url)) -> SecretString {
    let mut url = Url::parse(url.expose_secret()).unwrap();
    change(&mut url);
    String::from(url).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_agree_on_one_schema() {
    let database = fresh().await;
    let mut starting = JoinSet::new();
    for _ in 0..8 {
        let url = database.url().clone();
        starting.spawn(async move { Store::open(&Location::Postgres(url)).await });
    }
    for store in starting.join_all().await {
        store.unwrap().check().await.unwrap();
    }
    let mut connection = database.connect().await;
    let steps: i64 =
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&mut connection).await.unwrap();
    assert_eq!(steps, 11);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let database = fresh().await;
    open(&database).await.close().await;
    let mut connection = database.connect().await;
    let future = "INSERT INTO _sqlx_migrations VALUES (99, 'from the future', now(), true, 'x', 0)";
    sqlx::raw_sql(future).execute(&mut connection).await.unwrap();
    let error = Store::open(&database.location()).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 11, .. }), "{error}");
}

#[tokio::test]
async fn a_changed_history_is_refused() {
    let database = fresh().await;
    open(&database).await.close().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql("UPDATE _sqlx_migrations SET checksum = 'x'").execute(&mut connection).await.unwrap();
    let error = Store::open(&database.location()).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { version: 1, .. }), "{error}");
}

#[tokio::test]
async fn foreign_tables_are_refused_and_nothing_is_left_behind() {
    let database = fresh().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql("CREATE TABLE sessions (mine text)").execute(&mut connection).await.unwrap();
    let error = Store::open(&database.location()).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("sessions"), "{error}");
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    assert_eq!(tables, ["sessions"]);
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let database = fresh().await;
    let open = async |url: SecretString| Store::open(&Location::Postgres(url)).await.unwrap_err();
    let url = Url::parse(database.url().expose_secret()).unwrap();
    let place = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));

    let wrong = open(changed(database.url(), |url| url.set_password(Some("planted")).unwrap())).await;
    let nobody = open(changed(database.url(), |url| {
        url.set_username("nobody-here").unwrap();
        url.set_password(Some("planted")).unwrap();
    }))
    .await;
    let nowhere = open(changed(database.url(), |url| url.set_path("/not-there"))).await;
    for error in [&wrong, &nobody, &nowhere] {
        assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
        assert!(error.to_string().contains(&place), "{error}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
    }

    // A port that is taken, so that nobody else listens there.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = taken.local_addr().unwrap().port();
    let nobody_listens = open(format!("postgres://ada:planted@127.0.0.1:{free}/lab").into()).await;
    let text = nobody_listens.to_string();
    assert!(text.contains(&format!("127.0.0.1:{free}/lab")) && text.contains("refused"), "{text}");
    assert!(!format!("{nobody_listens:?}").contains("planted"));
}

#[tokio::test]
async fn the_url_says_whether_the_connection_is_encrypted() {
    let database = fresh().await;
    let mut connection = database.connect().await;
    let server_can: String = sqlx::query_scalar("SHOW ssl").fetch_one(&mut connection).await.unwrap();
    let required = changed(database.url(), |url| {
        url.query_pairs_mut().append_pair("sslmode", "require");
    });
    let opened = Store::open(&Location::Postgres(required)).await;
    assert_eq!(opened.is_ok(), server_can == "on", "{opened:?}");
    let never = changed(database.url(), |url| {
        url.query_pairs_mut().append_pair("sslmode", "disable");
    });
    Store::open(&Location::Postgres(never)).await.unwrap();
}

#[tokio::test]
async fn a_store_shows_no_password() {
    let database = fresh().await;
    let store = open(&database).await;
    let url = Url::parse(database.url().expose_secret()).unwrap();
    let password = url.password().expect("the server of the tests asks for a password");
    assert!(!format!("{store:?}").contains(password));
}

#[tokio::test]
async fn a_server_that_was_away_is_found_again() {
    let database = fresh().await;
    let store = open(&database).await;
    let ada = lab::add_ada(&lab::Replica::new(open(&database).await)).await;
    store.check().await.unwrap();

    let mut connection = database.connect().await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()";
    let cut: i64 = sqlx::query_scalar(cut).fetch_one(&mut connection).await.unwrap();
    assert!(cut > 0);
    assert_eq!(AccountStore::find(&store, ada.id).await, Ok(Some(ada)));
}

#[tokio::test]
async fn c027_a_restart_keeps_everything() {
    let database = fresh().await;
    let before = open(&database).await;
    let ada = lab::add_ada(&lab::Replica::new(before.clone())).await;
    before.close().await;
    assert!(before.check().await.is_err());
    let after = open(&database).await;
    assert_eq!(AccountStore::find(&after, ada.id).await, Ok(Some(ada)));
}
