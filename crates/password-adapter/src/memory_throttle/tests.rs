use std::sync::Arc;
use std::time::Duration;

use labgate_domain::ports::{LoginTarget, Source};
use proptest::prelude::*;

use super::bounded::{Bounded, CAPACITY};
use super::*;

const DAY: i64 = 86_400;
const LONGEST: Duration = Duration::from_mins(15);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn len(bounded: &Bounded) -> usize {
    let (tallies, expiries) = (bounded.tallies.len(), bounded.by_expiry.len());
    assert_eq!(tallies, expiries, "a count without an expiry, or an expiry without a count");
    tallies
}

fn source(address: &str) -> Source {
    Source::of(address.parse().unwrap())
}

fn from(address: &str, name: &str) -> LoginAttempt {
    LoginAttempt::Stranger { target: LoginTarget::Name(name.to_owned()), source: source(address) }
}

fn ada() -> LoginAttempt {
    from("203.0.113.77", "ada")
}

async fn is_admitted(throttle: &MemoryThrottle, attempt: LoginAttempt, now: i64) -> bool {
    throttle.admit(attempt, at(now)).await.unwrap() == Permit::Granted
}

#[tokio::test]
async fn c177_five_attempts_are_free_and_then_the_wait_grows() {
    let throttle = MemoryThrottle::new();
    for _ in 0..5 {
        assert!(is_admitted(&throttle, ada(), 0).await);
    }
    let (mut now, mut waits) = (0, Vec::new());
    for _ in 0..12 {
        let Ok(Permit::RetryAfter(wait)) = throttle.admit(ada(), at(now)).await else {
            panic!("not limited")
        };
        waits.push(wait.as_secs());
        now += i64::try_from(wait.as_secs()).unwrap();
        assert!(is_admitted(&throttle, ada(), now).await, "never shut out for good");
    }
    assert_eq!(waits, [1, 2, 8, 16, 32, 64, 256, 256, 512, 512, 512, 512]);
    let mut wait = Duration::ZERO;
    for _ in 0..20 {
        let Ok(Permit::RetryAfter(longer)) = throttle.admit(ada(), at(now)).await else {
            panic!("not limited")
        };
        assert!(wait <= longer && longer <= LONGEST, "{longer:?}");
        wait = longer;
    }
    assert_eq!(wait, LONGEST, "who polls waits the longest");
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
                is_admitted(&throttle, ada(), 0).await
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
        for (name, host, passed, then) in steps {
            now += passed;
            let attempt = match name {
                0 => ada(),
                1 => LoginAttempt::Turn {
                    target: LoginTarget::Name("ada".to_owned()),
                    source: source(&format!("192.0.2.{host}")),
                },
                name => from(&format!("192.0.2.{host}"), &format!("name{name}")),
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
            prop_assert!(throttle.memory().values().map(len).sum::<usize>() <= 25);
        }
    }
}

#[tokio::test]
async fn c177_a_thousand_sources_get_the_documented_attempts_a_day() {
    let throttle = MemoryThrottle::new();
    let mut attempts = 0;
    for now in 0..DAY {
        let attacker = from(&format!("10.0.{}.{}", now % 1000 / 250, now % 250), "ada");
        attempts += u32::from(is_admitted(&throttle, attacker, now).await);
    }
    assert!((1300..=1494).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn c177_knowing_the_password_gives_the_source_that_try_back_and_no_more() {
    let throttle = MemoryThrottle::new();
    for number in 0..29 {
        assert!(is_admitted(&throttle, from("192.0.2.1", &format!("name{number}")), 0).await);
    }
    // Many people behind one address, who all know their passwords.
    for number in 0..50 {
        let own = from("192.0.2.1", &format!("person{number}"));
        assert!(is_admitted(&throttle, own.clone(), 0).await);
        throttle.record_success(own, at(0)).await.unwrap();
    }
    assert!(is_admitted(&throttle, from("192.0.2.1", "a"), 0).await);
    assert!(!is_admitted(&throttle, from("192.0.2.1", "b"), 0).await);
}

#[tokio::test]
async fn c177_thirty_thousand_made_up_names_displace_no_name_that_is_guessed_for() {
    let throttle = MemoryThrottle::new();
    for number in 0..50 {
        assert!(is_admitted(&throttle, from(&format!("192.0.2.{number}"), "ada"), 0).await);
    }
    for number in 0..30_000 {
        let elsewhere = format!("198.18.{}.{}", number / 256, number % 256);
        throttle.admit(from(&elsewhere, &format!("name{number}")), at(1)).await.unwrap();
    }
    {
        let memory = throttle.memory();
        for kind in [ThrottleKind::Name, ThrottleKind::NameFromSource] {
            assert_eq!(len(&memory[&kind]), CAPACITY);
        }
    }
    assert!(!is_admitted(&throttle, from("192.0.2.77", "ada"), 0).await, "forgotten");
}

#[tokio::test]
async fn f03_refused_attempts_at_made_up_names_fill_no_memory() {
    let throttle = MemoryThrottle::new();
    for number in 0..5000 {
        throttle.admit(from("192.0.2.1", &format!("name{number}")), at(0)).await.unwrap();
    }
    assert_eq!(len(&throttle.memory()[&ThrottleKind::NameFromSource]), 30);
}

#[tokio::test]
async fn c177_one_source_is_limited_for_all_names_and_its_failures_decay() {
    let throttle = MemoryThrottle::new();
    for number in 0..30 {
        assert!(is_admitted(&throttle, from("2001:db8::1", &format!("name{number}")), 0).await);
    }
    assert!(!is_admitted(&throttle, from("2001:db8::ffff", "another"), 0).await);
    assert!(is_admitted(&throttle, from("2001:db8:1::1", "another"), 0).await);
    // After a quarter of an hour fifteen of them are left.
    for number in 0..15 {
        assert!(is_admitted(&throttle, from("2001:db8::1", &format!("later{number}")), 900).await);
    }
    assert!(!is_admitted(&throttle, from("2001:db8::1", "another"), 900).await);
}

#[tokio::test]
async fn c177_registrations_are_limited_per_source_and_are_no_failed_sign_ins() {
    let throttle = MemoryThrottle::new();
    let registration = |source| LoginAttempt::Stranger { target: LoginTarget::Registration, source };
    for _ in 0..50 {
        assert!(is_admitted(&throttle, registration(source("192.0.2.1")), 0).await);
    }
    assert!(!is_admitted(&throttle, registration(source("192.0.2.1")), 0).await);
    assert!(is_admitted(&throttle, registration(source("192.0.2.2")), 0).await);
    assert!(is_admitted(&throttle, from("192.0.2.1", "ada"), 0).await, "no failed sign-in");
    let mut registered = 0;
    for _ in 0..1000 {
        registered += u32::from(is_admitted(&throttle, registration(Source::default()), 0).await);
    }
    assert_eq!(registered, 500, "from nowhere known");
}
