use std::time::Duration;

use super::rule::Rule;
use crate::time::Timestamp;

/// A number of failures that decays with time.
///
/// A store keeps its three values unchanged, failures as a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureCount {
    /// The failures as of `last`.
    failures: f64,
    last: Timestamp,
    /// The time of the next attempt; not after `last` when it may come at once.
    until: Timestamp,
}

/// The largest difference between the clocks of several processes. A clock that is farther behind was set
/// back.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);
/// The failures that an attempt inside a wait counts for.
const PART_OF_A_REFUSED_ATTEMPT: f64 = 0.25;
/// The greatest count: any rule's longest wait comes much earlier.
const MOST: f64 = 1e6;

impl Default for FailureCount {
    /// Returns no failure.
    fn default() -> Self {
        let epoch = Timestamp::from_unix_seconds(0);
        Self { failures: 0.0, last: epoch, until: epoch }
    }
}

impl FailureCount {
    /// Restores a count from a store; a malformed one becomes zero.
    #[must_use]
    pub fn from_store(failures: f64, last: Timestamp, until: Timestamp) -> Self {
        Self { failures: if failures.is_finite() { failures.clamp(0.0, MOST) } else { 0.0 }, last, until }
    }

    /// Returns the failures as of [`Self::last`]: zero or more.
    #[must_use]
    pub fn failures(&self) -> f64 {
        self.failures
    }

    /// Returns the time of the last failure.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// Returns the time of the next attempt, as of [`Self::last`].
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Returns the wait before the next attempt: one second after the last free failure, then twice as long
    /// after each, up to the rule's longest wait (and ten seconds, the clock skew). A clock that was set back
    /// causes no wait.
    #[must_use]
    pub fn wait(&self, rule: Rule, now: Timestamp) -> Option<Duration> {
        let until = self.until.min(self.last.plus(rule.longest));
        let clock_was_set_back = now.plus(CLOCKS_DIFFER) < self.last;
        (self.last < until && now < until && !clock_was_set_back).then(|| until.since(now))
    }

    /// Adds a failure now.
    pub(super) fn and_one_more(self, rule: Rule, now: Timestamp) -> Self {
        let half_lives = now.since(self.last).as_secs_f64() / rule.half_life.as_secs_f64();
        let failures = (self.failures * (-half_lives).exp2() + 1.0).min(MOST);
        Self { failures, last: now, until: now.plus(rule.delay(failures)) }
    }

    /// Adds a part of a failure for an attempt that did not wait: who polls waits longer, but never longer
    /// afterwards than the rule's longest wait.
    pub(super) fn and_a_part(self, rule: Rule, now: Timestamp) -> Self {
        let full = self.and_one_more(rule, now).failures - 1.0;
        let failures = (full + PART_OF_A_REFUSED_ATTEMPT).min(full.max(rule.enough()));
        Self { failures, last: now, until: self.until.max(now.plus(rule.delay(failures))) }
    }

    /// Removes the last failure, as if it had not been: the next attempt need not wait, for this one did not
    /// have to.
    pub(super) fn and_one_less(self) -> Self {
        Self { failures: (self.failures - 1.0).max(0.0), until: self.last, ..self }
    }

    /// Returns the time from which on it is less than half a failure.
    pub(super) fn expires_at(&self, rule: Rule) -> Timestamp {
        let half_lives = (2.0 * self.failures).log2();
        let seconds = half_lives * rule.half_life.as_secs_f64();
        Duration::try_from_secs_f64(seconds.ceil()).map_or(self.last, |span| self.last.plus(span))
    }
}
