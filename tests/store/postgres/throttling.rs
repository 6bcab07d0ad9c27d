//! The login throttle that all replicas share.

use std::sync::Arc;
use std::time::Duration;

use labgate_domain::people::AccountId;
use labgate_domain::ports::{LoginAttempt, LoginTarget, Permit, Source, Throttle};
use tokio::task::JoinSet;

use super::{Database, fresh, open};
use crate::store::lab::{account_id, at};

async fn throttle(database: &Database) -> Arc<dyn Throttle> {
    open(database).await.throttle().unwrap()
}

fn attempt(number: u8, source: &str) -> LoginAttempt {
    let account: AccountId = account_id(number);
    LoginAttempt { target: LoginTarget::Account(account), source: Some(Source::of(source.parse().unwrap())) }
}

#[tokio::test(flavor = "multi_thread")]
async fn c177_of_a_hundred_tries_at_once_on_two_replicas_five_are_admitted() {
    let database = fresh().await;
    let replicas = [throttle(&database).await, throttle(&database).await];
    let mut tries = JoinSet::new();
    for replica in replicas.iter().cycle().take(100) {
        let replica = replica.clone();
        tries.spawn(async move { replica.admit(attempt(1, "192.0.2.1"), at(1000)).await.unwrap() });
    }
    let admitted = tries.join_all().await.into_iter().filter(|it| *it == Permit::Granted).count();
    assert_eq!(admitted, 5);
}

#[tokio::test]
async fn c177_counts_of_one_replica_hold_on_the_other_and_are_reset_there() {
    let database = fresh().await;
    let [store, other] = [throttle(&database).await, throttle(&database).await];
    let ada = || attempt(1, "192.0.2.1");
    for _ in 0..5 {
        assert_eq!(store.admit(ada(), at(1000)).await, Ok(Permit::Granted));
    }
    let wait = Ok(Permit::RetryAfter(Duration::from_secs(1)));
    assert_eq!(other.admit(ada(), at(1000)).await, wait);
    assert_eq!(other.admit(attempt(1, "192.0.2.2"), at(1000)).await, Ok(Permit::Granted), "from elsewhere");

    other.cancel(ada(), at(1000)).await.unwrap();
    assert_eq!(store.admit(ada(), at(1000)).await, Ok(Permit::Granted), "one was taken back");
    assert_eq!(store.admit(ada(), at(1000)).await, wait);
    other.record_success(ada(), at(1000)).await.unwrap();
    for _ in 0..5 {
        assert_eq!(store.admit(ada(), at(1000)).await, Ok(Permit::Granted));
    }
    assert_eq!(store.admit(ada(), at(1000)).await, wait);
}

#[tokio::test]
async fn c177_a_known_source_is_held_back_by_its_own_tries_alone() {
    let database = fresh().await;
    let store = throttle(&database).await;
    let home = || attempt(1, "192.0.2.1");
    store.admit(home(), at(1000)).await.unwrap();
    store.record_success(home(), at(1000)).await.unwrap();
    for stranger in 0..50 {
        let address = format!("198.51.100.{stranger}");
        assert_eq!(store.admit(attempt(1, &address), at(1000)).await, Ok(Permit::Granted));
    }
    let admission = store.admit(attempt(1, "203.0.113.1"), at(1000)).await.unwrap();
    assert!(matches!(admission, Permit::RetryAfter(_)), "from all sources together it is too much");
    assert_eq!(store.admit(home(), at(1000)).await, Ok(Permit::Granted));
}

#[tokio::test]
async fn expired_counters_are_deleted_and_counted() {
    let database = fresh().await;
    let store = throttle(&database).await;
    store.admit(attempt(1, "192.0.2.1"), at(1000)).await.unwrap();
    store.admit(LoginAttempt { source: None, ..attempt(2, "192.0.2.1") }, at(1000)).await.unwrap();
    store.admit(attempt(3, "192.0.2.1"), at(1000)).await.unwrap();
    store.record_success(attempt(3, "192.0.2.1"), at(1000)).await.unwrap();
    let delete_expired = async |seconds| store.delete_expired(at(seconds)).await.unwrap();
    assert_eq!(delete_expired(1000).await, 0);
    // The two of Ada, the one of the second, that of the source.
    assert_eq!(delete_expired(1000 + 24 * 3600).await, 4);
    assert_eq!(delete_expired(1000 + 30 * 24 * 3600).await, 1, "the known source");
    assert_eq!(delete_expired(i64::MAX).await, 0);
}

#[tokio::test]
async fn c177_a_flood_of_made_up_names_is_bounded_and_pushes_out_no_account() {
    let database = fresh().await;
    let store = throttle(&database).await;
    for _ in 0..5 {
        store.admit(attempt(1, "192.0.2.1"), at(0)).await.unwrap();
    }
    let mut connection = database.connect().await;
    let flood = "INSERT INTO failure_counts
        SELECT decode(md5(n::text) || md5('-' || n), 'hex'), 'name', 1, 1000 + n, 0, 1000000
        FROM generate_series(1, 100007) AS n";
    sqlx::raw_sql(flood).execute(&mut connection).await.unwrap();
    assert_eq!(store.delete_expired(at(0)).await, Ok(7));
    let oldest: i64 = sqlx::query_scalar("SELECT min(last) FROM failure_counts WHERE kind = 'name'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(oldest, 1008, "those of longest ago went");
    let admission = store.admit(attempt(1, "192.0.2.1"), at(0)).await.unwrap();
    assert!(matches!(admission, Permit::RetryAfter(_)));
}
