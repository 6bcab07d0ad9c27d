//! How guessing of passwords is slowed down: the arithmetic of every [`Throttle`](crate::ports::Throttle). A store only
//! keeps what is decided here.
//!
//! Each try touches up to three counters: the one of its target and source, the one of its target over all sources, and
//! the one of its source over all targets. A counter decays: whoever waits is forgiven, and nobody is shut out for good.
//!
//! | Counter             | Free | Longest wait | Half-life | What somebody who polls without end gets through |
//! |---------------------|------|--------------|-----------|--------------------------------------------------|
//! | target and source   |    5 |       15 min |       1 h | about 230 a day                                  |
//! | target, all sources |   50 |         30 s |       1 h | 2 a minute, so 2,880 a day, and 60 at first      |
//! | source, all targets |   30 |         60 s |    15 min | about 2,350 a day                                |
//! | registering, source |   50 |       10 min |       1 h | about 990 a day                                  |
//!
//! **SP 800-63B-4 section 3.2.2** wants no more than 100 failures in a row for one account and names two means against
//! locking its owner out: waits that grow, and addresses that the person signed in from before. Both are taken here, but
//! the account is not shut after 100: anybody could shut it. What that costs: about 3,000 guesses a day, or 1.1 million
//! a year, from however many sources. A password that was judged strong takes 100 million guesses or more in the best
//! order, so a year of guessing finds the weakest of them with a chance of about 1 %.
//!
//! **Known sources.** A source from which the account's person signed in within the last 30 days is held back by the
//! counter of target and source alone, and counts there alone. So nobody elsewhere can keep the person out, nor can
//! somebody behind the same address by trying other names. Each known source adds about 230 guesses a day. Somebody
//! behind the same address who tries the same account can still keep it busy, and so can many strangers keep its
//! person from signing in at a new place; sessions that are open stay open.

mod failure_count;
mod keys;

use std::time::Duration;

pub use failure_count::FailureCount;
pub use keys::{ThrottleKey, ThrottleKind};

use crate::ports::{LoginAttempt, LoginTarget, Permit};
use crate::time::Timestamp;

/// How much a counter lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    free: u32,
    longest: Duration,
    half_life: Duration,
}

const FROM_ONE_SOURCE: Rule =
    Rule { free: 5, longest: Duration::from_mins(15), half_life: Duration::from_hours(1) };
const FROM_ALL_SOURCES: Rule =
    Rule { free: 50, longest: Duration::from_secs(30), half_life: Duration::from_hours(1) };
const OF_SOURCE: Rule =
    Rule { free: 30, longest: Duration::from_mins(1), half_life: Duration::from_mins(15) };
/// As many as a course has people, behind one address.
const REGISTERING: Rule =
    Rule { free: 50, longest: Duration::from_mins(10), half_life: Duration::from_hours(1) };

/// How long a source stays known after its person signed in there.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

/// Until when a source is known from which somebody signs in `now`.
#[must_use]
pub fn known_until(now: Timestamp) -> Timestamp {
    now.plus(KNOWN_FOR)
}

/// A counter that a try touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Names it in a store.
    pub key: ThrottleKey,
    /// How much it lets pass.
    pub rule: Rule,
}

/// A counter and what it has counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// Which.
    pub counter: Counter,
    /// What it has counted; [`FailureCount::default`] where the store knows nothing.
    pub count: FailureCount,
}

impl Tally {
    /// When the store may forget it: it is less than half a failure from then on.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.count.expires_at(self.counter.rule)
    }
}

impl LoginAttempt {
    /// The counters that this try touches, given whether [`LoginAttempt::known_key`] is known. One of each kind at most and the
    /// kinds always in the same order, so that a store can lock them one after the other. What comes from a source that is
    /// not known may come from many, so it is counted for its target over all sources alone; a registration not at all.
    #[must_use]
    pub fn counters(&self, known: bool) -> Vec<Counter> {
        let counter = |key, rule| Counter { key, rule };
        if self.target == LoginTarget::Registration {
            let key = self.source.map(ThrottleKey::registration);
            return key.into_iter().map(|key| counter(key, REGISTERING)).collect();
        }
        let from_all_sources = counter(ThrottleKey::from_all_sources(self), FROM_ALL_SOURCES);
        let Some(source) = self.source else { return vec![from_all_sources] };
        let from_one_source = counter(ThrottleKey::from_one_source(self), FROM_ONE_SOURCE);
        if known {
            return vec![from_one_source];
        }
        vec![from_one_source, from_all_sources, counter(ThrottleKey::source(source), OF_SOURCE)]
    }

    /// Under which it is remembered that the person signed in from here, if that can be: with an account and a source.
    #[must_use]
    pub fn known_key(&self) -> Option<ThrottleKey> {
        match (&self.target, self.source) {
            (LoginTarget::Account(_), Some(_)) => Some(ThrottleKey::known_source(self)),
            _ => None,
        }
    }
}

/// Admits a try and counts it as a failure everywhere; or, when a counter holds it back, answers the longest wait and
/// counts nothing.
pub fn admit(tallies: &mut [Tally], now: Timestamp) -> Permit {
    let wait = tallies.iter().filter_map(|tally| tally.count.wait(tally.counter.rule, now)).max();
    if let Some(wait) = wait {
        return Permit::RetryAfter(wait);
    }
    for tally in tallies {
        tally.count = tally.count.and_one_more(tally.counter.rule, now);
    }
    Permit::Granted
}

/// The password of an admitted try was right: forgets the failures for its target from its source, and takes the try back
/// everywhere else. No more than that: else a person who signs in often would make guessing free.
pub fn record_success(tallies: &mut [Tally]) {
    for tally in tallies {
        tally.count = match tally.counter.key.kind() {
            ThrottleKind::AccountFromSource | ThrottleKind::NameFromSource => FailureCount::default(),
            _ => tally.count.and_one_less(),
        };
    }
}

/// The password of an admitted try was never looked at: takes the try back everywhere.
pub fn cancel(tallies: &mut [Tally]) {
    for tally in tallies {
        tally.count = tally.count.and_one_less();
    }
}

#[cfg(test)]
mod tests;
