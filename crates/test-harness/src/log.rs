//! The events and trails of a lab, in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use labgate_domain::people::AccountId;
use labgate_domain::ports::{Observer, SignInEvent, SignInRecords, StoreError};
use labgate_domain::sign_in::{Outcome, Trail};

/// Keeps events, and the last trails, for a test to look at.
#[derive(Debug, Default)]
pub struct MemoryLog {
    events: Mutex<Vec<SignInEvent>>,
    refusals: Mutex<Vec<&'static str>>,
    records: Mutex<VecDeque<Trail>>,
}

impl MemoryLog {
    /// How many trails are kept; of more, the oldest go.
    pub const CAPACITY: usize = 1000;

    /// Returns all events so far.
    #[must_use]
    pub fn events(&self) -> Vec<SignInEvent> {
        locked(&self.events).clone()
    }

    /// Returns the stored trails, oldest first.
    #[must_use]
    pub fn trails(&self) -> Vec<Trail> {
        locked(&self.records).iter().cloned().collect()
    }

    /// Returns the trails with this reference, newest first.
    #[must_use]
    pub fn trails_of(&self, reference: &str) -> Vec<Trail> {
        self.trails().into_iter().rev().filter(|trail| trail.reference.as_str() == reference).collect()
    }

    /// Returns the trails of an account, newest first.
    #[must_use]
    pub fn trails_of_account(&self, account: AccountId) -> Vec<Trail> {
        self.trails().into_iter().rev().filter(|trail| trail.account() == Some(account)).collect()
    }

    /// Returns the codes of the refusals so far.
    #[must_use]
    pub fn refusals(&self) -> Vec<&'static str> {
        locked(&self.refusals).clone()
    }
}

impl Observer for MemoryLog {
    fn observe(&self, event: &SignInEvent) {
        if let SignInEvent::Refused { code, .. } = event {
            locked(&self.refusals).push(code.as_str());
        }
        locked(&self.events).push(event.clone());
    }

    fn finished(&self, trail: &Trail) {
        if let Outcome::Refused { code, .. } = &trail.outcome {
            locked(&self.refusals).push(code.as_str());
        }
    }
}

#[async_trait]
impl SignInRecords for MemoryLog {
    async fn store(&self, trail: &Trail) -> Result<(), StoreError> {
        let mut records = locked(&self.records);
        if records.len() == Self::CAPACITY {
            records.pop_front();
        }
        records.push_back(trail.clone());
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
