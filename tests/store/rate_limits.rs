//! The `Throttle` port: the counts that it keeps, alike in every store and on every replica.

use std::time::Duration;

use labgate_domain::device::DeviceId;
use labgate_domain::ports::{LoginAttempt, LoginTarget, Permit, Source};
use labgate_domain::session::SessionId;
use labgate_test_harness::SeededEntropy;

use super::throttles;
use crate::store::lab::{account_id, at};

fn stranger(name: &str, source: &str) -> LoginAttempt {
    let source = Source::of(source.parse().unwrap());
    LoginAttempt::Stranger { target: LoginTarget::Name(name.to_owned()), source }
}

fn wait(seconds: u64) -> Permit {
    Permit::RetryAfter(Duration::from_secs(seconds))
}

#[tokio::test]
async fn c177_counts_of_one_replica_hold_on_the_other_and_are_reset_there() {
    let (_kept, [one, other]) = throttles().await;
    let ada = || stranger("ada", "192.0.2.1");
    for _ in 0..5 {
        assert_eq!(one.admit(ada(), at(1000)).await, Ok(Permit::Granted));
    }
    assert_eq!(other.admit(ada(), at(1000)).await, Ok(wait(1)));
    assert_eq!(other.admit(stranger("ada", "192.0.2.2"), at(1000)).await, Ok(Permit::Granted), "elsewhere");
    assert_eq!(other.admit(stranger("bob", "192.0.2.1"), at(1000)).await, Ok(Permit::Granted), "another");

    other.record_success(ada(), at(1000)).await.unwrap();
    for _ in 0..5 {
        assert_eq!(one.admit(ada(), at(1000)).await, Ok(Permit::Granted));
    }
    assert_eq!(one.admit(ada(), at(1000)).await, Ok(wait(1)));
}

#[tokio::test]
async fn c177_an_attempt_that_was_cancelled_is_not_counted() {
    let (_kept, [one, other]) = throttles().await;
    let ada = || stranger("ada", "192.0.2.1");
    for _ in 0..100 {
        assert_eq!(one.admit(ada(), at(1000)).await, Ok(Permit::Granted));
        other.cancel(ada(), at(1000)).await.unwrap();
    }
    assert_eq!(one.delete_expired(at(i64::MAX)).await, Ok(0));
}

#[tokio::test]
async fn f03_who_polls_waits_longer_and_no_other_counter_does() {
    let (_kept, [one, other]) = throttles().await;
    let ada = || stranger("ada", "192.0.2.1");
    for _ in 0..5 {
        one.admit(ada(), at(1000)).await.unwrap();
    }
    let mut waits = Vec::new();
    for _ in 0..9 {
        waits.push(other.admit(ada(), at(1000)).await.unwrap());
    }
    assert_eq!(waits, [1, 2, 2, 2, 2, 4, 4, 4, 4].map(wait));
    assert_eq!(one.admit(stranger("ada", "192.0.2.2"), at(1000)).await, Ok(Permit::Granted));
    assert_eq!(one.admit(stranger("bob", "192.0.2.1"), at(1000)).await, Ok(Permit::Granted));
}

#[tokio::test]
async fn f03_turns_devices_and_sessions_are_counted_apart_from_strangers() {
    let (_kept, [one, other]) = throttles().await;
    let entropy = SeededEntropy::new(1);
    let ada = stranger("ada", "192.0.2.1");
    for _ in 0..5 {
        one.admit(ada.clone(), at(1000)).await.unwrap();
    }
    assert!(matches!(one.admit(ada, at(1000)).await, Ok(Permit::RetryAfter(_))));
    let (account, source) = (account_id(1), Source::of("192.0.2.1".parse().unwrap()));
    let turn = LoginAttempt::Turn { target: LoginTarget::Name("ada".to_owned()), source };
    let device = LoginAttempt::Device { account, device: DeviceId::fresh(&entropy) };
    let session = LoginAttempt::Session { account, session: SessionId::fresh(&entropy) };
    for (attempt, free) in [(turn, 2), (device, 5), (session, 5)] {
        for _ in 0..free {
            assert_eq!(one.admit(attempt.clone(), at(1000)).await, Ok(Permit::Granted), "{attempt:?}");
        }
        assert_eq!(other.admit(attempt.clone(), at(1000)).await, Ok(wait(1)), "{attempt:?}");
        assert_eq!(other.admit(attempt.clone(), at(1001)).await, Ok(Permit::Granted), "{attempt:?}");
    }
}

#[tokio::test]
async fn f03_a_clock_that_jumps_locks_nobody_for_ever() {
    let (_kept, [one, other]) = throttles().await;
    let ada = || stranger("ada", "192.0.2.1");
    for _ in 0..5 {
        one.admit(ada(), at(1_000_000)).await.unwrap();
    }
    assert!(matches!(other.admit(ada(), at(1_000_000)).await, Ok(Permit::RetryAfter(_))));
    // Set back by a day: once without a wait, and then as before.
    assert_eq!(other.admit(ada(), at(913_600)).await, Ok(Permit::Granted));
    assert!(matches!(one.admit(ada(), at(913_600)).await, Ok(Permit::RetryAfter(_))));
    assert_eq!(one.admit(ada(), at(913_600 + 60)).await, Ok(Permit::Granted));
}

#[tokio::test]
async fn expired_counters_are_deleted_and_counted() {
    let (_kept, [store, _]) = throttles().await;
    store.admit(stranger("ada", "192.0.2.1"), at(1000)).await.unwrap();
    store.admit(stranger("bob", "192.0.2.1"), at(1000)).await.unwrap();
    assert_eq!(store.delete_expired(at(1000)).await, Ok(0));
    // Two names, each from the source and over all, and the source.
    assert_eq!(store.delete_expired(at(1000 + 24 * 3600)).await, Ok(5));
    assert_eq!(store.delete_expired(at(i64::MAX)).await, Ok(0));
}
