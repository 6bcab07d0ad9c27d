use proptest::prelude::*;

use super::*;
use crate::device::DeviceId;
use crate::people::AccountId;
use crate::ports::Source;
use crate::session::SessionId;
use crate::world::MockEntropy;

const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn source(address: &str) -> Source {
    Source::of(address.parse().unwrap())
}

fn stranger(name: &str, source: Source) -> LoginAttempt {
    LoginAttempt::Stranger { target: LoginTarget::Name(name.to_owned()), source }
}

fn turn(name: &str, source: Source) -> LoginAttempt {
    LoginAttempt::Turn { target: LoginTarget::Name(name.to_owned()), source }
}

fn account(number: u8) -> AccountId {
    AccountId::parse(&format!("01900000-0000-7000-8000-0000000000{number:02}")).unwrap()
}

fn device(number: u8) -> DeviceId {
    let mut entropy = MockEntropy::new();
    entropy.expect_fill().returning(move |bytes| bytes.fill(number));
    DeviceId::fresh(&entropy)
}

fn session(letter: &str) -> SessionId {
    SessionId::parse(&format!("{}A", letter.repeat(21))).unwrap()
}

fn kinds(attempt: &LoginAttempt) -> Vec<ThrottleKind> {
    attempt.counters().iter().map(|counter| counter.key.kind()).collect()
}

fn fresh(guess: &LoginAttempt) -> Vec<Tally> {
    let tally = |counter| Tally { counter, count: FailureCount::default() };
    guess.counters().into_iter().map(tally).collect()
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

const RULES: [Rule; 9] =
    [NAME_FROM_SOURCE, NAME, SOURCE, REGISTRATION, TURN, TURN_FROM_SOURCE, OWN, OWN, SESSIONS_OF_ACCOUNT];

/// Returns the cells of a Markdown table's rows, without spaces and units.
fn rows(document: &str, first_header: &str) -> Vec<Vec<String>> {
    let lines = document.lines().map(|line| line.trim_start_matches("//!").trim());
    let table = lines.skip_while(|line| !line.starts_with(&format!("| {first_header}"))).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.take_while(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn c177_the_documented_tables_are_what_the_arithmetic_gives() {
    let computed: Vec<Vec<String>> = RULES
        .iter()
        .map(|rule| {
            let (longest, half_life) = (rule.longest.as_secs(), rule.half_life.as_secs());
            let day = let_through(*rule, DAY);
            vec![rule.free.to_string(), format!("{longest} s"), format!("{half_life} s"), day.to_string()]
        })
        .collect();
    for (document, header) in
        [(include_str!("mod.rs"), "Counter"), (include_str!("../../../../docs/security.md"), "counter")]
    {
        let documented: Vec<Vec<String>> =
            rows(document, header).into_iter().map(|row| row[1..].to_vec()).collect();
        assert_eq!(documented, computed, "{header}");
    }
}

#[test]
fn c177_the_documented_guesses_of_a_day_are_sums_of_the_table() {
    let day = |rule| let_through(rule, DAY);
    let (at_name, own) = (day(NAME) + day(TURN), day(OWN));
    let computed = [
        at_name,
        2 * at_name,
        day(NAME_FROM_SOURCE) + day(TURN),
        day(SOURCE) + day(TURN_FROM_SOURCE),
        own,
        own,
    ];
    let documented: Vec<u32> = rows(include_str!("../../../../docs/security.md"), "guesses")
        .into_iter()
        .map(|row| row[1].replace(',', "").parse().unwrap())
        .collect();
    assert_eq!(documented, computed);
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
        count = count.and_one_more(SOURCE, at(failure * 180));
        assert_eq!(count.wait(SOURCE, at(failure * 180)), None);
    }
    assert!(count.failures() < 10.0, "failures of a source decay: {count:?}");
}

#[test]
fn f03_each_attempt_touches_the_counters_of_what_is_known_of_it() {
    use ThrottleKind::{
        Device, Name, NameFromSource, Registration, RegistrationTurn, Session, SessionsOfAccount, Turn,
        TurnFromSource,
    };
    let here = source("192.0.2.1");
    assert_eq!(kinds(&stranger("ada", here)), [NameFromSource, Name, ThrottleKind::Source]);
    assert_eq!(kinds(&turn("ada", here)), [Turn, TurnFromSource]);
    assert_eq!(kinds(&LoginAttempt::Device { account: account(1), device: device(1) }), [Device]);
    assert_eq!(kinds(&LoginAttempt::AccessToken { source: here }), [ThrottleKind::AccessToken]);
    let inside = LoginAttempt::Session { account: account(1), session: session("A") };
    assert_eq!(kinds(&inside), [Session, SessionsOfAccount]);
    let registration = LoginAttempt::Stranger { target: LoginTarget::Registration, source: here };
    assert_eq!(kinds(&registration), [Registration]);
    let registration = LoginAttempt::Turn { target: LoginTarget::Registration, source: here };
    assert_eq!(kinds(&registration), [RegistrationTurn, TurnFromSource]);
}

#[test]
fn f04_a_shared_or_unknown_source_has_ten_times_the_allowance_and_never_none() {
    let proxy = "10.0.0.1".parse().unwrap();
    for shared in [Source::behind(proxy), Source::default()] {
        for target in [LoginTarget::Name("ada".to_owned()), LoginTarget::Registration] {
            for attempt in [
                LoginAttempt::Stranger { target: target.clone(), source: shared },
                LoginAttempt::Turn { target: target.clone(), source: shared },
            ] {
                let own = attempt.counters().last().unwrap().rule;
                let alone = match attempt {
                    LoginAttempt::Turn { .. } => TURN_FROM_SOURCE,
                    _ if target == LoginTarget::Registration => REGISTRATION,
                    _ => SOURCE,
                };
                assert_eq!((own.free, own.longest), (alone.free * 10, alone.longest));
            }
        }
    }
    let mut names = 0;
    let sprayed = |number: u32| stranger(&format!("name{number}"), Source::behind(proxy));
    let mut counts = std::collections::HashMap::new();
    for number in 0..1000 {
        let mut tallies: Vec<Tally> = sprayed(number)
            .counters()
            .into_iter()
            .map(|counter| Tally { counter, count: counts.get(&counter.key).copied().unwrap_or_default() })
            .collect();
        names += u32::from(admit(&mut tallies, at(0)) == Permit::Granted);
        counts.extend(tallies.iter().map(|tally| (tally.counter.key, tally.count)));
    }
    assert_eq!(names, 300, "sprayed names behind an unknown proxy");
}

#[test]
fn a_key_is_stable_and_names_one_thing() {
    let here = source("192.0.2.1");
    let elsewhere = source("192.0.2.2");
    let guesses = [
        stranger("ada", here),
        stranger("ada", elsewhere),
        stranger("ada", Source::default()),
        stranger("ada", Source::behind("192.0.2.1".parse().unwrap())),
        // The bytes of an address behind a name.
        stranger("ada\u{1}", Source::default()),
        stranger("", here),
        turn("ada", here),
        LoginAttempt::Stranger { target: LoginTarget::Registration, source: here },
        LoginAttempt::Turn { target: LoginTarget::Registration, source: here },
        LoginAttempt::Device { account: account(1), device: device(1) },
        LoginAttempt::Device { account: account(1), device: device(2) },
        LoginAttempt::Device { account: account(2), device: device(1) },
        LoginAttempt::Session { account: account(1), session: session("A") },
        LoginAttempt::Session { account: account(1), session: session("B") },
    ];
    let mut digests = std::collections::HashMap::new();
    for guess in &guesses {
        for key in guess.counters().into_iter().map(|counter| counter.key) {
            let known = digests.insert(*key.digest(), key);
            assert!(known.is_none_or(|known| known == key), "two things have one digest");
        }
    }
    // Of each attempt's first counter there is one.
    let first: std::collections::HashSet<_> =
        guesses.iter().map(|guess| *guess.counters()[0].key.digest()).collect();
    assert_eq!(first.len(), guesses.len() - 1, "a name at unknown places is the same everywhere");
    // Counters outlive an update: what is in stores must be found again.
    let digest = guesses[0].counters()[0].key.digest().map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(digest, "f0715d7ff6fa9b5937e5c10b4b933c7c01aeca2ed5fde704ecc74d88c0a61130");
}

#[test]
fn c177_a_right_password_forgets_failures_here_and_cancels_elsewhere() {
    let mut tallies = fresh(&stranger("ada", source("192.0.2.1")));
    for _ in 0..4 {
        assert_eq!(admit(&mut tallies, at(0)), Permit::Granted);
    }
    record_success(&mut tallies);
    let failures: Vec<f64> = tallies.iter().map(|tally| tally.count.failures().round()).collect();
    assert_eq!(failures, [0.0, 3.0, 3.0]);
}

#[test]
fn c177_a_cancelled_attempt_causes_no_wait() {
    let mut tallies = fresh(&stranger("ada", source("192.0.2.1")));
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
fn f03_polling_inside_a_wait_lengthens_the_pollers_own_wait_alone() {
    let mut tallies = fresh(&stranger("ada", source("192.0.2.1")));
    for _ in 0..5 {
        assert_eq!(admit(&mut tallies, at(0)), Permit::Granted);
    }
    let before = tallies.clone();
    assert_eq!(admit(&mut tallies, at(0)), Permit::RetryAfter(Duration::from_secs(1)));
    assert!(tallies[0].count.failures() > before[0].count.failures());
    assert_eq!(tallies[1..], before[1..], "other sources and other names are not held up by it");
    // 20 a second, for an hour.
    let mut granted = 0;
    for now in 0..3600 {
        for _ in 0..20 {
            granted += u32::from(admit(&mut tallies, at(now)) == Permit::Granted);
        }
    }
    assert_eq!(granted, 0);
    let Permit::RetryAfter(wait) = admit(&mut tallies, at(3600)) else { panic!("not limited") };
    assert_eq!(wait, NAME_FROM_SOURCE.longest, "never longer than the longest");
    // Once it stops, it is forgotten as soon as ordinary failures are.
    assert!(tallies[0].expires_at() <= at(3600 + 6 * 3600), "{:?}", tallies[0].expires_at());
}

#[test]
fn an_attempt_that_waits_for_other_counters_is_not_counted() {
    let mut tallies = fresh(&stranger("ada", source("192.0.2.1")));
    tallies[1].count = FailureCount::from_store(54.0, at(0), at(16));
    let before = tallies.clone();
    assert_eq!(admit(&mut tallies, at(0)), Permit::RetryAfter(Duration::from_secs(16)));
    assert_eq!(tallies, before, "made-up names do not fill a store by being refused");
}

#[test]
fn f03_a_clock_that_jumps_forth_and_back_locks_nobody_for_ever_and_frees_no_attacker() {
    for rule in RULES {
        let mut count = FailureCount::default();
        for _ in 0..rule.free + 12 {
            count = count.and_one_more(rule, at(1000));
        }
        // A day ahead, where the attacker tries once more; then the clock is set right.
        let ahead = count.and_one_more(rule, at(1000 + DAY));
        let mut count = ahead;
        let mut granted = 0;
        for now in 1000..1600 {
            if count.wait(rule, at(now)).is_none() {
                count = count.and_one_more(rule, at(now));
                granted += 1;
            }
        }
        assert!(granted >= 1, "locked");
        let honest = let_through(rule, 600);
        assert!(granted <= honest, "{granted} instead of {honest}");
    }
}

#[test]
fn c177_a_clock_set_back_causes_no_wait_and_clock_skew_saves_none() {
    let count = FailureCount::from_store(9.0, at(1000), at(1016));
    assert_eq!(count.wait(NAME_FROM_SOURCE, at(1000 - DAY)), None);
    assert_eq!(count.wait(NAME_FROM_SOURCE, at(999)), Some(Duration::from_secs(17)));
    assert_eq!(count.wait(NAME_FROM_SOURCE, at(1016)), None);
    let again = count.and_one_more(NAME_FROM_SOURCE, at(1000 - DAY));
    assert!(again.wait(NAME_FROM_SOURCE, at(1000 - DAY)).is_some(), "but only once");
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
        FailureCount::from_store(failures, at(100), at(100)).expires_at(NAME_FROM_SOURCE).as_unix_seconds()
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
