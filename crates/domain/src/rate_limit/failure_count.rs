use std::time::Duration;

use super::Rule;
use crate::time::Timestamp;

/// How many failures there were, of which old ones count less and less.
///
/// A store keeps its three values as they are, failures as a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureCount {
    /// As of `last`.
    failures: f64,
    last: Timestamp,
    /// When the next try may come; not after `last` when it may come at once.
    until: Timestamp,
}

/// So much do the clocks of several processes differ. One that is farther behind was set back.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);
/// More are not told apart: any rule's longest wait comes much earlier.
const MOST: f64 = 1e6;

impl Default for FailureCount {
    /// No failure.
    fn default() -> Self {
        let epoch = Timestamp::from_unix_seconds(0);
        Self { failures: 0.0, last: epoch, until: epoch }
    }
}

impl FailureCount {
    /// One from a store. What is no count is taken for none.
    #[must_use]
    pub fn from_store(failures: f64, last: Timestamp, until: Timestamp) -> Self {
        Self { failures: if failures.is_finite() { failures.clamp(0.0, MOST) } else { 0.0 }, last, until }
    }

    /// The failures as of [`Self::last`]: zero or more.
    #[must_use]
    pub fn failures(&self) -> f64 {
        self.failures
    }

    /// When the last one was counted.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// When the next try may come, as of [`Self::last`].
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// How long the next try must wait: one second after the last free failure, then twice as long after each, up to the
    /// rule's longest wait (and ten seconds, where clocks differ). A clock that was set back makes nobody wait.
    #[must_use]
    pub fn wait(&self, rule: Rule, now: Timestamp) -> Option<Duration> {
        let until = self.until.min(self.last.plus(rule.longest));
        let clock_was_set_back = now.plus(CLOCKS_DIFFER) < self.last;
        (self.last < until && now < until && !clock_was_set_back).then(|| until.since(now))
    }

    /// With a failure now.
    pub(super) fn and_one_more(self, rule: Rule, now: Timestamp) -> Self {
        let half_lives = now.since(self.last).as_secs_f64() / rule.half_life.as_secs_f64();
        let failures = (self.failures * (-half_lives).exp2() + 1.0).min(MOST);
        Self { failures, last: now, until: now.plus(rule.delay(failures)) }
    }

    /// Without the last failure, as if it had not been: the next try need not wait, for this one did not have to.
    pub(super) fn and_one_less(self) -> Self {
        Self { failures: (self.failures - 1.0).max(0.0), until: self.last, ..self }
    }

    /// From when on it is less than half a failure.
    pub(super) fn expires_at(&self, rule: Rule) -> Timestamp {
        let half_lives = (2.0 * self.failures).log2();
        let seconds = half_lives * rule.half_life.as_secs_f64();
        Duration::try_from_secs_f64(seconds.ceil()).map_or(self.last, |span| self.last.plus(span))
    }
}

impl Rule {
    /// How long the next try must wait after so many failures, in whole seconds.
    pub(super) fn delay(self, failures: f64) -> Duration {
        // Rounded, so that what decayed while somebody waited does not shorten the next wait.
        let doublings = failures.round() - f64::from(self.free);
        if doublings < 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(doublings.exp2()).map_or(self.longest, |delay| delay.min(self.longest))
    }
}
