use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::people::AccountId;
use labgate_domain::ports::{Admission, Guess, GuessTarget, Source, StoreError, Throttle};
use labgate_domain::time::Timestamp;

/// Slows guessing down in the memory of one process.
///
/// The first five failures of a target are free, and the first twenty of a source; then each next try must wait twice as
/// long as the one before, up to 15 minutes for a target and 5 for a source. After a day without a try all is forgotten.
#[derive(Debug, Default)]
pub struct MemoryThrottle(Mutex<Counters>);

/// Accounts, names of nobody and sources are counted apart, so that a flood of made-up names pushes out no account.
#[derive(Debug, Default)]
struct Counters {
    accounts: Failures<AccountId>,
    nobodies: Failures<String>,
    sources: Failures<Source>,
}

const TARGET: Rule = Rule { free: 5, longest: Duration::from_mins(15) };
const SOURCE: Rule = Rule { free: 20, longest: Duration::from_mins(5) };
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);
/// How many of each of the three kinds are remembered, 48,000 in all; the one that was tried longest ago goes first.
const CAPACITY: usize = 16_000;

#[derive(Clone, Copy)]
struct Rule {
    free: u32,
    longest: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    last: Timestamp,
}

impl Rule {
    /// How long the next try must wait after so many failures.
    fn delay(self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(self.free) else { return Duration::ZERO };
        1_u64.checked_shl(doublings).map_or(self.longest, Duration::from_secs).min(self.longest)
    }
}

#[derive(Debug)]
struct Failures<K> {
    counts: HashMap<K, Count>,
    by_age: BTreeSet<(Timestamp, K)>,
}

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self { counts: HashMap::new(), by_age: BTreeSet::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord> Failures<K> {
    fn wait(&self, key: &K, rule: Rule, now: Timestamp) -> Option<Duration> {
        let count = self.counts.get(key)?;
        let until = count.last.plus(rule.delay(count.failures));
        (count.last <= now && now < until).then(|| until.since(now))
    }

    fn count(&mut self, key: &K, now: Timestamp) {
        let known = self.counts.get(key).copied();
        if let Some(known) = known {
            self.by_age.remove(&(known.last, key.clone()));
        }
        let failures = known
            .filter(|known| now.since(known.last) < FORGOTTEN_AFTER)
            .map_or(1, |known| known.failures.saturating_add(1));
        self.counts.insert(key.clone(), Count { failures, last: now });
        self.by_age.insert((now, key.clone()));
        while self.counts.len() > CAPACITY {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.counts.remove(&oldest);
        }
    }

    fn forget(&mut self, key: &K) {
        if let Some(count) = self.counts.remove(key) {
            self.by_age.remove(&(count.last, key.clone()));
        }
    }

    fn give_back(&mut self, key: &K) {
        if let Some(count) = self.counts.get_mut(key) {
            count.failures = count.failures.saturating_sub(1);
        }
    }
}

impl MemoryThrottle {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Throttle for MemoryThrottle {
    async fn admit(&self, guess: Guess, now: Timestamp) -> Result<Admission, StoreError> {
        let mut counters = self.counters();
        let target = match &guess.target {
            GuessTarget::Account(id) => counters.accounts.wait(id, TARGET, now),
            GuessTarget::Nobody(name) => counters.nobodies.wait(name, TARGET, now),
        };
        let source = guess.source.and_then(|source| counters.sources.wait(&source, SOURCE, now));
        if let Some(wait) = target.max(source) {
            return Ok(Admission::Wait(wait));
        }
        match &guess.target {
            GuessTarget::Account(id) => counters.accounts.count(id, now),
            GuessTarget::Nobody(name) => counters.nobodies.count(name, now),
        }
        if let Some(source) = guess.source {
            counters.sources.count(&source, now);
        }
        Ok(Admission::Admitted)
    }

    async fn forgive(&self, guess: Guess) -> Result<(), StoreError> {
        let mut counters = self.counters();
        match &guess.target {
            GuessTarget::Account(id) => counters.accounts.forget(id),
            GuessTarget::Nobody(name) => counters.nobodies.forget(name),
        }
        if let Some(source) = guess.source {
            counters.sources.give_back(&source);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn nobody(name: &str) -> Guess {
        Guess { target: GuessTarget::Nobody(name.to_owned()), source: None }
    }

    fn from(source: &str, name: &str) -> Guess {
        Guess { source: Some(Source::of(source.parse().unwrap())), ..nobody(name) }
    }

    fn owner() -> Guess {
        let id = AccountId::parse("01900000-0000-7000-8000-000000000001").unwrap();
        Guess { target: GuessTarget::Account(id), source: None }
    }

    #[tokio::test]
    async fn c177_five_tries_are_free_and_then_the_wait_doubles_up_to_a_quarter_of_an_hour() {
        let throttle = MemoryThrottle::new();
        for _ in 0..5 {
            assert_eq!(throttle.admit(owner(), at(0)).await, Ok(Admission::Admitted));
        }
        let (mut now, mut longest) = (0, Duration::ZERO);
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            let Ok(Admission::Wait(wait)) = throttle.admit(owner(), at(now)).await else {
                panic!("not slowed down")
            };
            assert_eq!(wait.as_secs(), expected);
            longest = longest.max(wait);
            now += i64::try_from(wait.as_secs()).unwrap();
            assert_eq!(
                throttle.admit(owner(), at(now)).await,
                Ok(Admission::Admitted),
                "never shut out for good"
            );
        }
        assert_eq!(longest, Duration::from_mins(15));
        for failures in [0, 5, 60, 70, 200, u32::MAX] {
            assert!(TARGET.delay(failures) <= TARGET.longest);
        }
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
                    throttle.admit(owner(), at(0)).await
                })
            })
            .collect();
        let mut admitted = 0;
        for admission in tries {
            admitted += u32::from(admission.await.unwrap() == Ok(Admission::Admitted));
        }
        assert_eq!(admitted, 5);
    }

    proptest! {
        /// Whatever is tried, forgiven and done to the clock.
        #[test]
        fn c177_no_wait_is_longer_than_a_quarter_of_an_hour_and_waiting_helps(
            steps in prop::collection::vec((0_u8..4, 0_u8..3, -2000_i64..2000, any::<bool>()), 1..200),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let throttle = MemoryThrottle::new();
            let mut now = 0;
            for (name, source, passed, forgiven) in steps {
                now += passed;
                let guess = match name {
                    0 => owner(),
                    name => from(&format!("192.0.2.{source}"), &format!("name{name}")),
                };
                if let Admission::Wait(wait) = runtime.block_on(throttle.admit(guess.clone(), at(now))).unwrap() {
                    prop_assert!(!wait.is_zero() && wait <= TARGET.longest);
                    now += i64::try_from(wait.as_secs()).unwrap();
                    let again = runtime.block_on(throttle.admit(guess.clone(), at(now))).unwrap();
                    prop_assert_eq!(again, Admission::Admitted);
                }
                if forgiven {
                    runtime.block_on(throttle.forgive(guess)).unwrap();
                }
                let counters = throttle.counters();
                prop_assert_eq!(counters.nobodies.counts.len(), counters.nobodies.by_age.len());
            }
        }
    }

    #[tokio::test]
    async fn c177_knowing_the_password_gives_the_source_that_try_back_and_no_more() {
        let throttle = MemoryThrottle::new();
        for number in 0..19 {
            throttle.admit(from("192.0.2.1", &format!("name{number}")), at(0)).await.unwrap();
        }
        // Many people behind one address, who all know their passwords.
        for _ in 0..50 {
            let own = from("192.0.2.1", "own");
            assert_eq!(throttle.admit(own.clone(), at(0)).await, Ok(Admission::Admitted));
            throttle.forgive(own).await.unwrap();
        }
        assert_eq!(throttle.admit(from("192.0.2.1", "a"), at(0)).await, Ok(Admission::Admitted));
        assert!(matches!(throttle.admit(from("192.0.2.1", "b"), at(0)).await, Ok(Admission::Wait(_))));
    }

    #[tokio::test]
    async fn c177_ten_thousand_made_up_names_push_out_no_account_and_memory_is_bounded() {
        let throttle = MemoryThrottle::new();
        for _ in 0..5 {
            throttle.admit(owner(), at(0)).await.unwrap();
        }
        for number in 0..30_000 {
            throttle.admit(nobody(&format!("name{number}")), at(1)).await.unwrap();
        }
        assert!(matches!(throttle.admit(owner(), at(0)).await, Ok(Admission::Wait(_))));
        let counters = throttle.counters();
        assert_eq!(counters.nobodies.counts.len(), CAPACITY);
        assert_eq!(counters.nobodies.by_age.len(), CAPACITY);
    }

    #[tokio::test]
    async fn c177_one_source_is_slowed_down_whatever_names_it_tries() {
        let throttle = MemoryThrottle::new();
        for number in 0..20 {
            let guess = from("2001:db8::1", &format!("name{number}"));
            assert_eq!(throttle.admit(guess, at(0)).await, Ok(Admission::Admitted));
        }
        assert!(matches!(
            throttle.admit(from("2001:db8::ffff", "another"), at(0)).await,
            Ok(Admission::Wait(_))
        ));
        assert_eq!(throttle.admit(from("2001:db8:1::1", "another"), at(0)).await, Ok(Admission::Admitted));
    }

    #[tokio::test]
    async fn a_right_password_forgives_and_a_day_forgets() {
        let throttle = MemoryThrottle::new();
        for _ in 0..5 {
            throttle.admit(owner(), at(0)).await.unwrap();
        }
        throttle.forgive(owner()).await.unwrap();
        assert_eq!(throttle.admit(owner(), at(0)).await, Ok(Admission::Admitted));
        for _ in 0..4 {
            throttle.admit(owner(), at(0)).await.unwrap();
        }
        assert!(matches!(throttle.admit(owner(), at(0)).await, Ok(Admission::Wait(_))));
        for _ in 0..5 {
            assert_eq!(throttle.admit(owner(), at(86_400)).await, Ok(Admission::Admitted));
        }
    }
}
