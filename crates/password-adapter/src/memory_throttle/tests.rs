use std::sync::Arc;
use std::time::Duration;

use labgate_domain::people::AccountId;
use labgate_domain::ports::{LoginTarget, Source};
use proptest::prelude::*;

use super::bounded::{Bounded, CAPACITY};
use super::*;

const DAY: i64 = 86_400;
const LONGEST: Duration = Duration::from_mins(15);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn len<V>(bounded: &Bounded<V>) -> usize {
    let (entries, ages) = (bounded.entries.len(), bounded.by_age.len());
    assert_eq!(entries, ages, "an entry without an age, or an age without an entry");
    entries
}

fn somewhere() -> Source {
    Source::of([203, 0, 113, 77].into())
}

fn nobody(name: &str) -> LoginAttempt {
    LoginAttempt { target: LoginTarget::UnknownName(name.to_owned()), source: Some(somewhere()) }
}

fn from(source: &str, attempt: LoginAttempt) -> LoginAttempt {
    LoginAttempt { source: Some(Source::of(source.parse().unwrap())), ..attempt }
}

fn account(number: u32) -> LoginAttempt {
    let id = AccountId::parse(&format!("01900000-0000-7000-8000-{number:012}")).unwrap();
    LoginAttempt { target: LoginTarget::Account(id), source: Some(somewhere()) }
}

fn owner() -> LoginAttempt {
    account(1)
}

async fn is_admitted(throttle: &MemoryThrottle, attempt: LoginAttempt, now: i64) -> bool {
    throttle.admit(attempt, at(now)).await.unwrap() == Permit::Granted
}

#[tokio::test]
async fn c177_five_attempts_are_free_and_then_the_wait_doubles() {
    let throttle = MemoryThrottle::new();
    for _ in 0..5 {
        assert!(is_admitted(&throttle, owner(), 0).await);
    }
    let (mut now, mut longest) = (0, Duration::ZERO);
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 128, 256, 512, 256] {
        let Ok(Permit::RetryAfter(wait)) = throttle.admit(owner(), at(now)).await else {
            panic!("not slowed down")
        };
        assert_eq!(wait.as_secs(), expected);
        longest = longest.max(wait);
        now += i64::try_from(wait.as_secs()).unwrap();
        assert!(is_admitted(&throttle, owner(), now).await, "never shut out for good");
    }
    assert!(longest <= LONGEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c177_of_a_hundred_tries_at_once_five_are_admitted() {
    let throttle = Arc::new(MemoryThrottle::new());
    let start = Arc::new(tokio::sync::Barrier::new(100));
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (throttle, start) = (Arc::clone(&throttle), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                is_admitted(&throttle, owner(), 0).await
            })
        })
        .collect();
    let mut admitted = 0;
    for admission in tries {
        admitted += u32::from(admission.await.unwrap());
    }
    assert_eq!(admitted, 5);
}

proptest! {
    /// Whatever is tried, forgiven, taken back, and done to the clock.
    #[test]
    fn c177_no_wait_is_longer_than_a_quarter_of_an_hour_and_waiting_helps(
        steps in prop::collection::vec((0_u8..4, 0_u8..3, -2000_i64..2000, 0_u8..6), 1..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let throttle = MemoryThrottle::new();
        let mut now = 0;
        for (name, source, passed, then) in steps {
            now += passed;
            let attempt = match name {
                0 => owner(),
                1 => from(&format!("192.0.2.{source}"), owner()),
                name => from(&format!("192.0.2.{source}"), nobody(&format!("name{name}"))),
            };
            if let Permit::RetryAfter(wait) = runtime.block_on(throttle.admit(attempt.clone(), at(now))).unwrap() {
                // Ten seconds for clocks that differ.
                prop_assert!(!wait.is_zero() && wait <= LONGEST + Duration::from_secs(10));
                now += i64::try_from(wait.as_secs()).unwrap();
                let again = runtime.block_on(throttle.admit(attempt.clone(), at(now))).unwrap();
                prop_assert_eq!(again, Permit::Granted);
            }
            match then {
                0 => runtime.block_on(throttle.record_success(attempt, at(now))).unwrap(),
                1 => runtime.block_on(throttle.cancel(attempt, at(now))).unwrap(),
                2 => drop(runtime.block_on(throttle.delete_expired(at(now))).unwrap()),
                _ => {}
            }
            prop_assert!(throttle.memory().counts.values().map(len).sum::<usize>() <= 20);
        }
    }
}

/// 1,000 sources, one of which polls each second: no other of them would get more through, for the wait is
/// the account's.
#[tokio::test]
async fn c177_a_thousand_sources_get_3000_attempts_a_day_and_delay_no_owner() {
    let throttle = MemoryThrottle::new();
    let home = from("2001:db8::1", owner());
    assert!(is_admitted(&throttle, home.clone(), 0).await);
    throttle.record_success(home.clone(), at(0)).await.unwrap();

    let mut attempts = 0;
    for now in 0..DAY {
        let attacker = from(&format!("10.0.{}.{}", now % 1000 / 250, now % 250), owner());
        attempts += u32::from(is_admitted(&throttle, attacker, now).await);
        if now % 600 == 0 {
            // A typing error, and then the right one.
            assert!(is_admitted(&throttle, home.clone(), now).await, "held back after {now} s");
            assert!(is_admitted(&throttle, home.clone(), now).await, "held back after {now} s");
            throttle.record_success(home.clone(), at(now)).await.unwrap();
        }
    }
    assert!((2500..=2940).contains(&attempts), "{attempts}");
    let elsewhere = from("2001:db8:1::1", owner());
    assert!(!is_admitted(&throttle, elsewhere, DAY - 1).await, "where its person never was it is held back");
}

#[tokio::test]
async fn c177_attempts_for_other_names_from_a_known_source_delay_no_owner() {
    let throttle = MemoryThrottle::new();
    let office = "192.0.2.1";
    throttle.record_success(from(office, owner()), at(0)).await.unwrap();
    for number in 0..60 {
        is_admitted(&throttle, from(office, nobody(&format!("name{number}"))), 0).await;
    }
    assert!(is_admitted(&throttle, from(office, owner()), 0).await);
    assert!(!is_admitted(&throttle, from(office, account(2)), 0).await, "not known here");
}

#[tokio::test]
async fn c177_a_source_is_known_for_thirty_days_to_the_account_it_signed_in() {
    let throttle = MemoryThrottle::new();
    let home = from("192.0.2.1", owner());
    throttle.record_success(home.clone(), at(0)).await.unwrap();
    for (now, is_known) in [(30 * DAY - 1, true), (30 * DAY, false)] {
        // Attempts from everywhere.
        for number in 0..50 {
            is_admitted(&throttle, from(&format!("10.0.0.{number}"), owner()), now).await;
        }
        assert_eq!(is_admitted(&throttle, home.clone(), now).await, is_known, "{now}");
    }
    assert!(throttle.delete_expired(at(30 * DAY)).await.unwrap() >= 1);
    assert_eq!(len(&throttle.memory().known), 0);
}

#[tokio::test]
async fn c177_knowing_the_password_gives_the_source_that_try_back_and_no_more() {
    let throttle = MemoryThrottle::new();
    for number in 0..29 {
        assert!(is_admitted(&throttle, from("192.0.2.1", nobody(&format!("name{number}"))), 0).await);
    }
    // Many people behind one address, who all know their passwords.
    for number in 0..50 {
        let own = from("192.0.2.1", account(number));
        assert!(is_admitted(&throttle, own.clone(), 0).await);
        throttle.record_success(own, at(0)).await.unwrap();
    }
    assert!(is_admitted(&throttle, from("192.0.2.1", nobody("a")), 0).await);
    assert!(!is_admitted(&throttle, from("192.0.2.1", nobody("b")), 0).await);
}

#[tokio::test]
async fn c177_ten_thousand_made_up_names_push_out_no_account() {
    let throttle = MemoryThrottle::new();
    for _ in 0..5 {
        throttle.admit(owner(), at(0)).await.unwrap();
    }
    for number in 0..30_000 {
        let elsewhere = format!("198.18.{}.{}", number / 256, number % 256);
        throttle.admit(from(&elsewhere, nobody(&format!("name{number}"))), at(1)).await.unwrap();
    }
    assert!(!is_admitted(&throttle, owner(), 0).await);
    for number in 0..30_000 {
        throttle.record_success(from("192.0.2.1", account(number)), at(1)).await.unwrap();
    }
    let memory = throttle.memory();
    for kind in [ThrottleKind::Name, ThrottleKind::NameFromSource] {
        assert_eq!(len(&memory.counts[&kind]), CAPACITY);
    }
    assert_eq!(len(&memory.known), CAPACITY);
}

#[tokio::test]
async fn c177_one_source_is_limited_for_all_names_and_its_failures_decay() {
    let throttle = MemoryThrottle::new();
    for number in 0..30 {
        assert!(is_admitted(&throttle, from("2001:db8::1", nobody(&format!("name{number}"))), 0).await);
    }
    assert!(!is_admitted(&throttle, from("2001:db8::ffff", nobody("another")), 0).await);
    assert!(is_admitted(&throttle, from("2001:db8:1::1", nobody("another")), 0).await);
    // After a quarter of an hour fifteen of them are left.
    for number in 0..15 {
        assert!(is_admitted(&throttle, from("2001:db8::1", nobody(&format!("later{number}"))), 900).await);
    }
    assert!(!is_admitted(&throttle, from("2001:db8::1", nobody("another")), 900).await);
}

#[tokio::test]
async fn c177_registrations_are_limited_per_source_and_are_no_failed_sign_ins() {
    let throttle = MemoryThrottle::new();
    let registration = LoginAttempt { target: LoginTarget::Registration, source: None };
    let here = from("192.0.2.1", registration.clone());
    for _ in 0..50 {
        assert!(is_admitted(&throttle, here.clone(), 0).await);
    }
    assert!(!is_admitted(&throttle, here, 0).await);
    assert!(is_admitted(&throttle, from("192.0.2.2", registration.clone()), 0).await);
    assert!(is_admitted(&throttle, from("192.0.2.1", owner()), 0).await, "no failed sign-in");
    for _ in 0..1000 {
        assert!(is_admitted(&throttle, registration.clone(), 0).await, "from nowhere known");
    }
}

#[tokio::test]
async fn c177_a_try_whose_password_was_never_looked_at_is_taken_back_everywhere() {
    let throttle = MemoryThrottle::new();
    let attempt = from("192.0.2.1", owner());
    for _ in 0..200 {
        assert!(is_admitted(&throttle, attempt.clone(), 0).await);
        throttle.cancel(attempt.clone(), at(0)).await.unwrap();
    }
    assert_eq!(throttle.memory().counts.values().map(len).sum::<usize>(), 0);
}

#[tokio::test]
async fn a_right_password_forgives_and_a_day_forgets() {
    let throttle = MemoryThrottle::new();
    for _ in 0..5 {
        throttle.admit(owner(), at(0)).await.unwrap();
    }
    throttle.record_success(owner(), at(0)).await.unwrap();
    for _ in 0..5 {
        assert!(is_admitted(&throttle, owner(), 0).await);
    }
    assert!(!is_admitted(&throttle, owner(), 0).await);
    assert_eq!(throttle.delete_expired(at(0)).await, Ok(0));
    assert_eq!(throttle.delete_expired(at(DAY)).await, Ok(3));
    for _ in 0..5 {
        assert!(is_admitted(&throttle, owner(), DAY).await);
    }
}
