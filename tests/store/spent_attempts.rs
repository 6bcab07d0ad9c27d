//! `SpentAttempts`.

use labgate_domain::ports::Consumption;

use super::lab::{at, at_once, attempt};
use super::replicas;

#[tokio::test]
async fn c027_an_attempt_is_spent_once_whichever_replica_is_asked() {
    let [store, other] = replicas().await;
    assert_eq!(store.spent_attempts.is_spent(attempt(1)).await, Ok(false));
    assert_eq!(store.spent_attempts.consume(attempt(1), at(2000)).await, Ok(Consumption::First));
    assert_eq!(other.spent_attempts.is_spent(attempt(1)).await, Ok(true));
    assert_eq!(other.spent_attempts.is_spent(attempt(2)).await, Ok(false));
    assert_eq!(store.spent_attempts.consume(attempt(1), at(2000)).await, Ok(Consumption::Again));
    assert_eq!(other.spent_attempts.consume(attempt(1), at(9000)).await, Ok(Consumption::Again));
    assert_eq!(other.spent_attempts.consume(attempt(2), at(2000)).await, Ok(Consumption::First));
}

#[tokio::test(flavor = "multi_thread")]
async fn c027_of_many_calls_at_once_one_is_the_first() {
    for round in 0..10 {
        let replicas = replicas().await;
        let spent = at_once(&replicas, 32, move |store, _| async move {
            store.spent_attempts.consume(attempt(round), at(2000)).await.unwrap()
        })
        .await;
        let first = spent.iter().filter(|it| **it == Consumption::First).count();
        assert_eq!((first, spent.len()), (1, 32));
    }
}

#[tokio::test]
async fn only_what_is_past_its_time_is_forgotten_and_counted() {
    let [store, other] = replicas().await;
    for (number, until) in [(1, 100), (2, 200), (3, 200), (4, 201)] {
        store.spent_attempts.consume(attempt(number), at(until)).await.unwrap();
    }
    assert_eq!(other.spent_attempts.delete_expired(at(100)).await, Ok(0), "after its time, not at it");
    assert_eq!(other.spent_attempts.delete_expired(at(201)).await, Ok(3));
    assert_eq!(other.spent_attempts.delete_expired(at(201)).await, Ok(0));
    assert_eq!(store.spent_attempts.consume(attempt(4), at(201)).await, Ok(Consumption::Again));
}

#[tokio::test]
async fn an_expired_attempt_is_spent_until_it_is_deleted() {
    let [store, _] = replicas().await;
    store.spent_attempts.consume(attempt(1), at(i64::MIN)).await.unwrap();
    assert_eq!(store.spent_attempts.consume(attempt(1), at(2000)).await, Ok(Consumption::Again));
}
