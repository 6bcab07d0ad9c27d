use std::collections::{BTreeSet, HashMap};

use labgate_domain::rate_limit::{Tally, ThrottleKey};
use labgate_domain::time::Timestamp;

/// So many are remembered of each kind.
pub(super) const CAPACITY: usize = 16_000;

/// Counts of one kind. When they are too many, those that would be forgotten first are: so a flood of made-up
/// names, each with an attempt or two, displaces no name that somebody guesses for.
#[derive(Debug, Default)]
pub(super) struct Bounded {
    pub(super) tallies: HashMap<ThrottleKey, Tally>,
    pub(super) by_expiry: BTreeSet<(Timestamp, ThrottleKey)>,
}

impl Bounded {
    pub(super) fn get(&self, key: &ThrottleKey) -> Option<&Tally> {
        self.tallies.get(key)
    }

    pub(super) fn put(&mut self, tally: Tally) {
        let key = tally.counter.key;
        self.remove(&key);
        self.tallies.insert(key, tally);
        self.by_expiry.insert((tally.expires_at(), key));
        while self.tallies.len() > CAPACITY {
            let Some((_, first)) = self.by_expiry.pop_first() else { break };
            self.tallies.remove(&first);
        }
    }

    pub(super) fn remove(&mut self, key: &ThrottleKey) {
        if let Some(tally) = self.tallies.remove(key) {
            self.by_expiry.remove(&(tally.expires_at(), *key));
        }
    }

    /// Removes those that are over, and returns their number.
    pub(super) fn remove_expired(&mut self, now: Timestamp) -> u64 {
        let mut removed = 0;
        while let Some(first) = self.by_expiry.first().copied().filter(|(expiry, _)| *expiry <= now) {
            self.by_expiry.remove(&first);
            self.tallies.remove(&first.1);
            removed += 1;
        }
        removed
    }
}
