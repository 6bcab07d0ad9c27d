//! Behind a pooler that lends its sessions for a transaction each. All the other tests run behind it, too.

use std::str::FromStr as _;

use labgate_domain::ports::{AccountStore, SessionStore};
use labgate_store::{Location, OpenError, Store};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

use super::{Database, fresh, open};
use crate::store::lab::{account_id, at, session_id};

/// The URL without the word that there is a pooler.
fn unspoken(database: &Database) -> SecretString {
    let url = database.url().expose_secret();
    assert!(url.contains("pool_mode=transaction"), "run `cargo xtask e2e --replicas`: {url}");
    url.replace("pool_mode=transaction", "pool_mode=session").into()
}

#[tokio::test]
async fn a_pooler_that_the_url_does_not_speak_of_is_refused() {
    let database = fresh().await;
    let error = Store::open(&Location::Postgres(unspoken(&database))).await.unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("pool_mode=transaction"), "{error}");
}

#[tokio::test]
async fn nothing_is_left_in_a_session_that_others_get() {
    let database = fresh().await;
    let store = open(&database).await;
    assert!(AccountStore::find(&store, account_id(1)).await.unwrap().is_none());
    store.changes_since(None).await.unwrap();
    store.end(session_id(1), at(1000)).await.unwrap();
    let url = unspoken(&database).expose_secret().replace("&pool_mode=session", "");
    // A pooler refuses settings that it does not know.
    let options = PgConnectOptions::from_str(&url).unwrap().extra_float_digits(None);
    let mut connection = options.connect().await.unwrap();
    let left = "SELECT (SELECT count(*) FROM pg_prepared_statements), current_setting('lock_timeout')";
    let left = connection.fetch_one(left).await.unwrap();
    assert_eq!((left.get::<i64, _>(0), left.get::<String, _>(1)), (0, "0".to_owned()));
}
