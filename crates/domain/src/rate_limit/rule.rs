use std::time::Duration;

/// The limits of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) free: u32,
    pub(super) longest: Duration,
    pub(super) half_life: Duration,
}

pub(super) const FROM_ONE_SOURCE: Rule =
    Rule { free: 5, longest: Duration::from_mins(15), half_life: Duration::from_hours(1) };
pub(super) const FROM_ALL_SOURCES: Rule =
    Rule { free: 50, longest: Duration::from_secs(30), half_life: Duration::from_hours(1) };
pub(super) const OF_SOURCE: Rule =
    Rule { free: 30, longest: Duration::from_mins(1), half_life: Duration::from_mins(15) };
/// The size of a course behind one address.
pub(super) const REGISTERING: Rule =
    Rule { free: 50, longest: Duration::from_mins(10), half_life: Duration::from_hours(1) };

impl Rule {
    /// Returns the wait after so many failures, in whole seconds.
    pub(super) fn delay(self, failures: f64) -> Duration {
        // Rounded, so that decay during a wait does not shorten the next one.
        let doublings = failures.round() - f64::from(self.free);
        if doublings < 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(doublings.exp2()).map_or(self.longest, |delay| delay.min(self.longest))
    }
}
