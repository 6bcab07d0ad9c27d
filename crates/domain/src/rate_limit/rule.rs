use std::time::Duration;

/// The limits of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) free: u32,
    pub(super) longest: Duration,
    pub(super) half_life: Duration,
}

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);
const QUARTER: Duration = Duration::from_mins(15);

pub(super) const NAME_FROM_SOURCE: Rule = Rule { free: 5, longest: QUARTER, half_life: HOUR };
pub(super) const NAME: Rule = Rule { free: 50, longest: MINUTE, half_life: HOUR };
pub(super) const SOURCE: Rule = Rule { free: 30, longest: MINUTE, half_life: QUARTER };
/// The size of a course behind one address.
pub(super) const REGISTRATION: Rule = Rule { free: 50, longest: Duration::from_mins(10), half_life: HOUR };
pub(super) const TURN: Rule = Rule { free: 2, longest: MINUTE, half_life: HOUR };
pub(super) const TURN_FROM_SOURCE: Rule =
    Rule { free: 30, longest: Duration::from_secs(10), half_life: QUARTER };
/// A person at their own browser, or in their own session.
pub(super) const OWN: Rule = Rule { free: 5, longest: Duration::from_mins(5), half_life: HOUR };
pub(super) const SESSIONS_OF_ACCOUNT: Rule = Rule { free: 50, longest: MINUTE, half_life: HOUR };

impl Rule {
    /// The clients behind a proxy that does not tell them apart are taken for so many.
    const CLIENTS_BEHIND_A_PROXY: u32 = 10;

    /// Returns the rule of a source that many clients share.
    pub(super) const fn shared(self) -> Self {
        Self { free: self.free * Self::CLIENTS_BEHIND_A_PROXY, ..self }
    }

    /// Returns the wait after so many failures, in whole seconds.
    pub(super) fn delay(self, failures: f64) -> Duration {
        // Rounded, so that decay during a wait does not shorten the next one.
        let doublings = failures.round() - f64::from(self.free);
        if doublings < 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(doublings.exp2()).map_or(self.longest, |delay| delay.min(self.longest))
    }

    /// Returns the number of failures from which on the wait is the longest.
    pub(super) fn enough(self) -> f64 {
        f64::from(self.free) + self.longest.as_secs_f64().log2().ceil()
    }
}
