//! Rate limiting of sign-in attempts (brute-force protection): the arithmetic of every
//! [`Throttle`](crate::ports::Throttle). A store keeps only the results.
//!
//! Each attempt touches one to three counters; `docs/security.md` says what follows from them. Counters decay,
//! so no account is locked for good. The attempts of a day are those of an attacker who waits exactly as long
//! as told; one who polls gets fewer.
//!
//! | Counter                     | Free | Longest wait | Half-life | Attempts a day |
//! |-----------------------------|------|--------------|-----------|----------------|
//! | name and source             |    5 |        900 s |    3600 s |            230 |
//! | name, all sources           |   50 |         60 s |    3600 s |           1494 |
//! | source, all names           |   30 |         60 s |     900 s |           2347 |
//! | registrations of a source   |   50 |        600 s |    3600 s |            986 |
//! | turns at a name             |    2 |         60 s |    3600 s |           1446 |
//! | turns of a source           |   30 |         10 s |     900 s |           8669 |
//! | known device                |    5 |        300 s |    3600 s |            300 |
//! | session                     |    5 |        300 s |    3600 s |            300 |
//! | all sessions of an account  |   50 |         60 s |    3600 s |           1494 |
//!
//! **Names, not accounts.** A stranger is counted under the name as typed, whether an account has it or not:
//! no wait tells that there is an account, nor that two names are one account's.
//!
//! **Known devices and sessions** are counted alone: only their own failures make them wait.
//!
//! **Turns.** Strangers at one name compete for its attempts, and the fastest poller would win them all. So a
//! refused stranger gets a turn to wait for, of [`TURN_AFTER`], and comes back to counters that a poller
//! without turns does not touch. An attempt inside a wait lengthens the wait of its name and source.
//!
//! **Shared sources.** Clients behind a proxy that does not tell them apart are one source, with ten times the
//! free attempts, and are not counted by name and source.
//!
//! **Access tokens.** An unknown one is counted under its source, by the rule of "source, all names" and apart
//! from it: a job with a revoked token keeps nobody from signing in.
//!
//! **SP 800-63B-4 section 3.2.2** allows at most 100 failures in a row for one account and names means against
//! locking its owner out: growing waits, and attempts from where the person signed in before. Both are used
//! here, but the account is not locked after 100, because then any stranger could lock it. A password that was
//! judged strong takes 100 million guesses or more in the best order.

mod failure_count;
mod keys;
mod rule;

use std::time::Duration;

pub use failure_count::FailureCount;
pub use keys::{ThrottleKey, ThrottleKind};
pub use rule::Rule;
use rule::{NAME, NAME_FROM_SOURCE, OWN, REGISTRATION, SESSIONS_OF_ACCOUNT, SOURCE, TURN, TURN_FROM_SOURCE};

use crate::ports::{LoginAttempt, LoginTarget, Permit};
use crate::time::Timestamp;

/// The time that a refused stranger waits for a turn.
pub const TURN_AFTER: Duration = Duration::from_secs(20);

/// The time in which a turn can be used, once it has come.
pub const TURN_LASTS: Duration = Duration::from_mins(2);

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

    fn wait(&self, now: Timestamp) -> Option<Duration> {
        self.count.wait(self.counter.rule, now)
    }
}

impl LoginAttempt {
    /// Returns the counters that this attempt touches: at least one. Each kind occurs at most once and the
    /// order is fixed, so that a store can lock them one after the other.
    #[must_use]
    pub fn counters(&self) -> Vec<Counter> {
        let counter = |kind, rule, subject: &[&[u8]]| Counter { key: ThrottleKey::new(kind, subject), rule };
        let of_source = |rule: Rule, is_shared| if is_shared { rule.shared() } else { rule };
        match self {
            Self::Stranger { target: LoginTarget::Name(name), source } => {
                let (name, place) = (name.as_bytes(), source.bytes());
                let here = counter(ThrottleKind::NameFromSource, NAME_FROM_SOURCE, &[name, &place]);
                let others = [
                    counter(ThrottleKind::Name, NAME, &[name]),
                    counter(ThrottleKind::Source, of_source(SOURCE, source.is_shared()), &[&place]),
                ];
                (!source.is_shared()).then_some(here).into_iter().chain(others).collect()
            }
            Self::Stranger { target: LoginTarget::Registration, source } => {
                let rule = of_source(REGISTRATION, source.is_shared());
                vec![counter(ThrottleKind::Registration, rule, &[&source.bytes()])]
            }
            Self::AccessToken { source } => {
                let rule = of_source(SOURCE, source.is_shared());
                vec![counter(ThrottleKind::AccessToken, rule, &[&source.bytes()])]
            }
            Self::Turn { target, source } => {
                let (place, rule) = (source.bytes(), of_source(TURN_FROM_SOURCE, source.is_shared()));
                let at_target = match target {
                    LoginTarget::Name(name) => counter(ThrottleKind::Turn, TURN, &[name.as_bytes()]),
                    LoginTarget::Registration => counter(ThrottleKind::RegistrationTurn, TURN, &[&place]),
                };
                vec![at_target, counter(ThrottleKind::TurnFromSource, rule, &[&place])]
            }
            Self::Device { account, device } => {
                let subject = format!("{account}.{device}");
                vec![counter(ThrottleKind::Device, OWN, &[subject.as_bytes()])]
            }
            Self::Session { account, session } => {
                let (account, session) = (account.to_string(), session.to_string());
                vec![
                    counter(ThrottleKind::Session, OWN, &[session.as_bytes()]),
                    counter(ThrottleKind::SessionsOfAccount, SESSIONS_OF_ACCOUNT, &[account.as_bytes()]),
                ]
            }
        }
    }
}

/// Grants an attempt and counts it as a failure everywhere. When a counter limits it, returns the longest
/// wait instead; a name and source that did not wait for each other then wait longer.
pub fn admit(tallies: &mut [Tally], now: Timestamp) -> Permit {
    if tallies.iter().all(|tally| tally.wait(now).is_none()) {
        for tally in tallies {
            tally.count = tally.count.and_one_more(tally.counter.rule, now);
        }
        return Permit::Granted;
    }
    for tally in tallies.iter_mut() {
        // Only a count that is there already: made-up names do not fill the store by being refused.
        if tally.counter.key.kind() == ThrottleKind::NameFromSource && tally.wait(now).is_some() {
            tally.count = tally.count.and_a_part(tally.counter.rule, now);
        }
    }
    Permit::RetryAfter(tallies.iter().filter_map(|tally| tally.wait(now)).max().unwrap_or_default())
}

/// Records a right password of a granted attempt: forgets the failures of that party, and cancels the
/// attempt everywhere else. Forgetting more would make guessing free for a person who signs in often.
pub fn record_success(tallies: &mut [Tally]) {
    for tally in tallies {
        tally.count = match tally.counter.key.kind() {
            ThrottleKind::NameFromSource | ThrottleKind::Device | ThrottleKind::Session => {
                FailureCount::default()
            }
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
