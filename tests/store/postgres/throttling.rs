//! The login throttle that all replicas share.

use std::sync::Arc;

use labgate_domain::ports::{LoginAttempt, LoginTarget, Permit, Source, Throttle};
use tokio::task::JoinSet;

use super::{Database, fresh, open};
use crate::store::lab::at;

async fn throttle(database: &Database) -> Arc<dyn Throttle> {
    open(database).await.throttle().unwrap()
}

fn attempt(source: &str) -> LoginAttempt {
    let source = Source::of(source.parse().unwrap());
    LoginAttempt::Stranger { target: LoginTarget::Name("ada".to_owned()), source }
}

#[tokio::test(flavor = "multi_thread")]
async fn c177_of_a_hundred_tries_at_once_on_two_replicas_five_are_admitted() {
    let database = fresh().await;
    let replicas = [throttle(&database).await, throttle(&database).await];
    let mut tries = JoinSet::new();
    for replica in replicas.iter().cycle().take(100) {
        let replica = replica.clone();
        tries.spawn(async move { replica.admit(attempt("192.0.2.1"), at(1000)).await.unwrap() });
    }
    let admitted = tries.join_all().await.into_iter().filter(|it| *it == Permit::Granted).count();
    assert_eq!(admitted, 5);
}

#[tokio::test]
async fn c177_a_flood_of_made_up_names_is_bounded_and_displaces_no_name_that_is_guessed_for() {
    let database = fresh().await;
    let store = throttle(&database).await;
    for _ in 0..5 {
        store.admit(attempt("192.0.2.1"), at(1000)).await.unwrap();
    }
    let mut connection = database.connect().await;
    // Each with a failure, after the five.
    let flood = "INSERT INTO failure_counts
        SELECT decode(md5(n::text) || md5('-' || n), 'hex'), 'name', 1, 2000, 0, 2000 + n % 3600
        FROM generate_series(1, 100007) AS n";
    sqlx::raw_sql(flood).execute(&mut connection).await.unwrap();
    // With Ada's name they are eight too many.
    assert_eq!(store.delete_expired(at(1000)).await, Ok(8));
    let guessed_for = "SELECT failures FROM failure_counts WHERE kind = 'name' AND failures > 4";
    let failures: f64 = sqlx::query_scalar(guessed_for).fetch_one(&mut connection).await.unwrap();
    assert!(failures >= 5.0, "{failures}");
    let admission = store.admit(attempt("192.0.2.1"), at(1000)).await.unwrap();
    assert!(matches!(admission, Permit::RetryAfter(_)));
}
