use proptest::prelude::*;

use super::*;
use crate::people::AccountId;
use crate::ports::Source;

const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn source(address: &str) -> Source {
    Source::of(address.parse().unwrap())
}

fn owner(source: Option<Source>) -> LoginAttempt {
    let id = AccountId::parse("01900000-0000-7000-8000-000000000001").unwrap();
    LoginAttempt { target: LoginTarget::Account(id), source }
}

fn nobody(name: &str, source: Option<Source>) -> LoginAttempt {
    LoginAttempt { target: LoginTarget::UnknownName(name.to_owned()), source }
}

fn kinds(guess: &LoginAttempt, known: bool) -> Vec<ThrottleKind> {
    guess.counters(known).iter().map(|counter| counter.key.kind()).collect()
}

fn fresh(guess: &LoginAttempt) -> Vec<Tally> {
    let tally = |counter| Tally { counter, count: FailureCount::default() };
    guess.counters(false).into_iter().map(tally).collect()
}

/// Returns the number of attempts of one counter that polling each second gets through.
fn let_through(rule: Rule, span: i64) -> u32 {
    let mut count = FailureCount::default();
    let mut admitted = 0;
    for now in 0..span {
        if count.wait(rule, at(now)).is_none() {
            count = count.and_one_more(rule, at(now));
            admitted += 1;
        }
    }
    admitted
}

const RULES: [Rule; 4] = [FROM_ONE_SOURCE, FROM_ALL_SOURCES, OF_SOURCE, REGISTERING];

#[test]
fn c177_polling_for_a_day_gets_through_what_the_table_says() {
    let day = RULES.map(|rule| let_through(rule, DAY));
    for (about, admitted) in [230_u32, 2940, 2350, 990].into_iter().zip(day) {
        assert!(about.abs_diff(admitted) <= about / 50, "{day:?}");
    }
}

#[test]
fn c177_the_free_failures_cost_nothing_and_then_the_wait_doubles() {
    for rule in RULES {
        let mut count = FailureCount::default();
        for _ in 0..rule.free {
            assert_eq!(count.wait(rule, at(0)), None);
            count = count.and_one_more(rule, at(0));
        }
        let longest = rule.longest.as_secs();
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048] {
            assert_eq!(count.wait(rule, at(0)).unwrap().as_secs(), longest.min(expected));
            count = count.and_one_more(rule, at(0));
        }
    }
}

#[test]
fn c177_twenty_failures_an_hour_behind_one_address_cause_no_wait() {
    let mut count = FailureCount::default();
    for failure in 0..20 {
        count = count.and_one_more(OF_SOURCE, at(failure * 180));
        assert_eq!(count.wait(OF_SOURCE, at(failure * 180)), None);
    }
    assert!(count.failures() < 10.0, "failures of a source decay: {count:?}");
}

#[test]
fn c177_a_known_source_is_limited_by_its_own_attempts_alone() {
    use ThrottleKind::{Account, AccountFromSource, Name, NameFromSource, Registration};
    let here = Some(source("192.0.2.1"));
    assert_eq!(kinds(&owner(here), false), [AccountFromSource, Account, ThrottleKind::Source]);
    assert_eq!(kinds(&owner(None), false), [Account], "nowhere known may be many places");
    assert_eq!(kinds(&owner(here), true), [AccountFromSource]);
    assert_eq!(kinds(&nobody("ada", here), false), [NameFromSource, Name, ThrottleKind::Source]);

    assert!(owner(here).known_key().is_some() && owner(None).known_key().is_none());
    assert!(nobody("ada", here).known_key().is_none());
    assert_eq!(known_until(at(0)), at(30 * DAY));

    let registration = |source| LoginAttempt { target: LoginTarget::Registration, source };
    assert_eq!(kinds(&registration(here), false), [Registration]);
    assert!(registration(None).counters(false).is_empty());
}

#[test]
fn c177_the_wait_does_not_reveal_whether_an_account_exists() {
    let rules =
        |guess: &LoginAttempt| guess.counters(false).iter().map(|counter| counter.rule).collect::<Vec<_>>();
    let here = Some(source("192.0.2.1"));
    assert_eq!(rules(&owner(here)), rules(&nobody("ada", here)));
}

#[test]
fn a_key_is_stable_and_names_one_thing() {
    let here = Some(source("192.0.2.1"));
    let guesses = [
        owner(here),
        owner(None),
        owner(Some(source("192.0.2.2"))),
        nobody("ada", here),
        // The bytes of an address behind a name.
        nobody("ada\u{1}", None),
        nobody("ada", None),
        nobody("", here),
        LoginAttempt { target: LoginTarget::Registration, source: here },
        // A name that looks like an account.
        nobody("01900000-0000-7000-8000-000000000001", here),
    ];
    let mut digests = std::collections::HashMap::new();
    for guess in &guesses {
        let keys = guess.counters(false).into_iter().map(|counter| counter.key).chain(guess.known_key());
        for key in keys {
            let known = digests.insert(*key.digest(), key);
            assert!(known.is_none_or(|known| known == key), "two things have one digest");
        }
    }
    // Counters outlive an update: what is in stores must be found again.
    let digest = owner(here).counters(true)[0].key.digest().map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(digest, "d22117035c4db504d149303a4d10f2c20ae0255e585892c9c79850fab2b48d10");
}

#[test]
fn c177_a_right_password_forgets_failures_here_and_cancels_elsewhere() {
    let mut tallies = fresh(&owner(Some(source("192.0.2.1"))));
    for _ in 0..4 {
        assert_eq!(admit(&mut tallies, at(0)), Permit::Granted);
    }
    record_success(&mut tallies);
    let failures: Vec<f64> = tallies.iter().map(|tally| tally.count.failures().round()).collect();
    assert_eq!(failures, [0.0, 3.0, 3.0]);
}

#[test]
fn c177_a_cancelled_attempt_causes_no_wait() {
    let mut tallies = fresh(&owner(Some(source("192.0.2.1"))));
    let mut now = 0;
    for _ in 0..8 {
        if let Permit::RetryAfter(wait) = admit(&mut tallies, at(now)) {
            now += i64::try_from(wait.as_secs()).unwrap();
            assert_eq!(admit(&mut tallies, at(now)), Permit::Granted);
        }
    }
    let before = tallies[0].count.failures();
    cancel(&mut tallies);
    assert!((before - tallies[0].count.failures() - 1.0).abs() < 1e-9);
    assert_eq!(admit(&mut tallies, at(now)), Permit::Granted, "it need not wait once more");
    assert!(matches!(admit(&mut tallies, at(now)), Permit::RetryAfter(_)), "it is not free for ever");
}

#[test]
fn an_attempt_that_must_wait_is_not_counted() {
    let mut tallies = fresh(&owner(Some(source("192.0.2.1"))));
    for _ in 0..5 {
        admit(&mut tallies, at(0));
    }
    tallies[1].count = FailureCount::from_store(54.0, at(0), at(16));
    let before = tallies.clone();
    assert_eq!(admit(&mut tallies, at(0)), Permit::RetryAfter(Duration::from_secs(16)));
    assert_eq!(tallies, before);
}

#[test]
fn c177_a_clock_set_back_causes_no_wait_and_clock_skew_saves_none() {
    let count = FailureCount::from_store(9.0, at(1000), at(1016));
    assert_eq!(count.wait(FROM_ONE_SOURCE, at(1000 - DAY)), None);
    assert_eq!(count.wait(FROM_ONE_SOURCE, at(999)), Some(Duration::from_secs(17)));
    assert_eq!(count.wait(FROM_ONE_SOURCE, at(1016)), None);
    let again = count.and_one_more(FROM_ONE_SOURCE, at(1000 - DAY));
    assert!(again.wait(FROM_ONE_SOURCE, at(1000 - DAY)).is_some(), "but only once");
}

#[test]
fn invented_counts_of_a_store_lock_no_account() {
    let end = at(i64::MAX);
    for failures in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let count = FailureCount::from_store(failures, at(0), end);
        for rule in RULES {
            assert_eq!(count.wait(rule, at(0).plus(rule.longest)), None);
            let next = count.and_one_more(rule, at(0));
            assert!(next.failures() >= 1.0 && next.until() <= at(0).plus(rule.longest));
        }
    }
}

#[test]
fn less_than_half_a_failure_expires() {
    let expires = |failures| {
        FailureCount::from_store(failures, at(100), at(100)).expires_at(FROM_ONE_SOURCE).as_unix_seconds()
    };
    assert_eq!([expires(0.0), expires(0.5), expires(1.0), expires(2.0)], [100, 100, 3700, 7300]);
}

proptest! {
    /// Whatever happens, and however the clock goes.
    #[test]
    fn c177_no_wait_is_longer_than_the_longest_and_waiting_helps(
        rule in prop::sample::select(RULES.to_vec()),
        steps in prop::collection::vec((-5000_i64..5000, 0_u8..8), 1..300),
    ) {
        let mut count = FailureCount::default();
        let mut now = 0;
        for (passed, what) in steps {
            now += passed / if what < 6 { 500 } else { 1 };
            if let Some(wait) = count.wait(rule, at(now)) {
                prop_assert!(!wait.is_zero() && wait <= rule.longest + Duration::from_secs(10));
                now += i64::try_from(wait.as_secs()).unwrap();
                prop_assert_eq!(count.wait(rule, at(now)), None);
            }
            count = count.and_one_more(rule, at(now));
            if what == 0 {
                let less = count.and_one_less();
                prop_assert_eq!(less.wait(rule, at(now)), None);
                count = less;
            }
            prop_assert!(count.failures().is_finite() && count.failures() >= 0.0);
        }
    }

    /// For any distribution of the failures.
    #[test]
    fn c177_free_failures_never_cause_a_wait(
        rule in prop::sample::select(RULES.to_vec()),
        gaps in prop::collection::vec(0_i64..10_000, 50),
    ) {
        let mut count = FailureCount::default();
        let mut now = 0;
        for (gap, _) in gaps.into_iter().zip(0..rule.free) {
            now += gap;
            prop_assert_eq!(count.wait(rule, at(now)), None);
            count = count.and_one_more(rule, at(now));
        }
    }

    /// Time never makes a wait longer, nor a count greater.
    #[test]
    fn c177_counts_decay(failures in 0.0..1000.0_f64, sooner in 0_i64..100_000, later in 0_i64..100_000) {
        let (sooner, later) = (sooner.min(later), sooner.max(later));
        let count = FailureCount::from_store(failures, at(0), at(0));
        for rule in RULES {
            let soon = count.and_one_more(rule, at(sooner));
            let late = count.and_one_more(rule, at(later));
            prop_assert!(late.failures() <= soon.failures());
            let half = count.and_one_more(rule, at(0).plus(rule.half_life)).failures();
            prop_assert!((half - (failures / 2.0 + 1.0)).abs() < 1e-6);
        }
    }
}
