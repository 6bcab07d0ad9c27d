use std::collections::{BTreeSet, HashMap};

use labgate_domain::rate_limit::ThrottleKey;
use labgate_domain::time::Timestamp;

/// So many are remembered of each kind.
pub(super) const CAPACITY: usize = 16_000;

/// A map that forgets what was used longest ago when it is full.
#[derive(Debug)]
pub(super) struct Bounded<V> {
    pub(super) entries: HashMap<ThrottleKey, (Timestamp, V)>,
    pub(super) by_age: BTreeSet<(Timestamp, ThrottleKey)>,
}

impl<V> Default for Bounded<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), by_age: BTreeSet::new() }
    }
}

impl<V> Bounded<V> {
    pub(super) fn get(&self, key: &ThrottleKey) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn put(&mut self, key: ThrottleKey, used: Timestamp, value: V) {
        if let Some((before, _)) = self.entries.insert(key, (used, value)) {
            self.by_age.remove(&(before, key));
        }
        self.by_age.insert((used, key));
        while self.entries.len() > CAPACITY {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            self.entries.remove(&oldest);
        }
    }

    pub(super) fn remove(&mut self, key: &ThrottleKey) {
        if let Some((used, _)) = self.entries.remove(key) {
            self.by_age.remove(&(used, *key));
        }
    }

    /// Removes all others, and answers how many those were.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&V) -> bool) -> u64 {
        let by_age = &mut self.by_age;
        let mut removed = 0;
        self.entries.retain(|key, (used, value)| {
            let kept = is_kept(value);
            if !kept {
                by_age.remove(&(*used, *key));
                removed += 1;
            }
            kept
        });
        removed
    }
}
