//! Rate limiting of sign-in attempts (brute-force protection): the arithmetic of every
//! [`Throttle`](crate::ports::Throttle). A store keeps only the results.
//!
//! Each attempt touches up to three counters: one of its target and source, one of its target over all
//! sources, and one of its source over all targets. Counters decay, so no account is locked for good.
//!
//! | Counter             | Free | Longest wait | Half-life | Attempts that get through when polling for ever  |
//! |---------------------|------|--------------|-----------|--------------------------------------------------|
//! | target and source   |    5 |       15 min |       1 h | about 230 a day                                  |
//! | target, all sources |   50 |         30 s |       1 h | 2 a minute, so 2,880 a day, and 60 at first      |
//! | source, all targets |   30 |         60 s |    15 min | about 2,350 a day                                |
//! | registering, source |   50 |       10 min |       1 h | about 990 a day                                  |
//!
//! **SP 800-63B-4 section 3.2.2** allows at most 100 failures in a row for one account and names two means
//! against locking its owner out: growing waits, and addresses that the person signed in from before. Both
//! are used here, but the account is not locked after 100, because then any stranger could lock it. The price
//! is about 3,000 guesses a day, or 1.1 million a year, from any number of sources. A password that was
//! judged strong takes 100 million guesses or more in the best order, so a year of guessing finds the weakest
//! of them with a chance of about 1 %.
//!
//! **Known sources.** A source that the account's person signed in from within the last 30 days is limited by
//! the counter of target and source alone, and counts there alone. So a stranger elsewhere cannot lock the
//! person out, nor can a neighbour behind the same address by trying other names. Each known source adds
//! about 230 guesses a day. A neighbour who tries the same account can still keep it busy, and many strangers
//! can keep its person from signing in at a new place; open sessions stay open.

mod failure_count;
mod keys;
mod rule;

use std::time::Duration;

pub use failure_count::FailureCount;
pub use keys::{ThrottleKey, ThrottleKind};
pub use rule::Rule;
use rule::{FROM_ALL_SOURCES, FROM_ONE_SOURCE, OF_SOURCE, REGISTERING};

use crate::ports::{LoginAttempt, LoginTarget, Permit};
use crate::time::Timestamp;

/// The time that a source stays known after its person signed in there.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

/// Returns the time until which a source stays known after a sign-in `now`.
#[must_use]
pub fn known_until(now: Timestamp) -> Timestamp {
    now.plus(KNOWN_FOR)
}

/// A counter that an attempt touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its key in a store.
    pub key: ThrottleKey,
    /// Its limits.
    pub rule: Rule,
}

/// A counter and its count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// The counter.
    pub counter: Counter,
    /// The count; [`FailureCount::default`] for a counter that the store does not know.
    pub count: FailureCount,
}

impl Tally {
    /// Returns the time from which on the store may forget the tally: less than half a failure is left then.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.count.expires_at(self.counter.rule)
    }
}

impl LoginAttempt {
    /// Returns the counters that this attempt touches, given whether [`LoginAttempt::known_key`] is known.
    /// Each kind occurs at most once and the order is fixed, so that a store can lock them one after the
    /// other. An unknown source may be one of many, so the target is counted over all sources, too; a
    /// registration has no target.
    #[must_use]
    pub fn counters(&self, known: bool) -> Vec<Counter> {
        let counter =
            |kind, target, source, rule| Counter { key: ThrottleKey::new(kind, target, source), rule };
        let (target, source) = (Some(&self.target), self.source);
        let (from_one_source, from_all_sources) = match self.target {
            LoginTarget::Account(_) => (ThrottleKind::AccountFromSource, ThrottleKind::Account),
            LoginTarget::UnknownName(_) => (ThrottleKind::NameFromSource, ThrottleKind::Name),
            LoginTarget::Registration if source.is_none() => return Vec::new(),
            LoginTarget::Registration => {
                return vec![counter(ThrottleKind::Registration, None, source, REGISTERING)];
            }
        };
        let from_all_sources = counter(from_all_sources, target, None, FROM_ALL_SOURCES);
        if source.is_none() {
            return vec![from_all_sources];
        }
        let from_one_source = counter(from_one_source, target, source, FROM_ONE_SOURCE);
        if known {
            return vec![from_one_source];
        }
        vec![from_one_source, from_all_sources, counter(ThrottleKind::Source, None, source, OF_SOURCE)]
    }

    /// Returns the key that marks this source as known for this account; only an attempt with an account and
    /// a source has one.
    #[must_use]
    pub fn known_key(&self) -> Option<ThrottleKey> {
        match (&self.target, self.source) {
            (target @ LoginTarget::Account(_), source @ Some(_)) => {
                Some(ThrottleKey::new(ThrottleKind::KnownSource, Some(target), source))
            }
            _ => None,
        }
    }
}

/// Grants an attempt and counts it as a failure everywhere; or, when a counter limits it, returns the longest
/// wait and counts nothing.
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

/// Records a right password of a granted attempt: forgets the failures for its target from its source, and
/// cancels the attempt everywhere else. Forgetting more would make guessing free for a person who signs in
/// often.
pub fn record_success(tallies: &mut [Tally]) {
    for tally in tallies {
        tally.count = match tally.counter.key.kind() {
            ThrottleKind::AccountFromSource | ThrottleKind::NameFromSource => FailureCount::default(),
            _ => tally.count.and_one_less(),
        };
    }
}

/// Cancels a granted attempt without a password check.
pub fn cancel(tallies: &mut [Tally]) {
    for tally in tallies {
        tally.count = tally.count.and_one_less();
    }
}

#[cfg(test)]
mod tests;
