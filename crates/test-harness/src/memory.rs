//! The stores in memory: they keep the ports' promises, and nothing beyond the test.

mod accounts;
mod attempts;
mod sessions;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::{Account, AccountId, AccountStatus, Credential};
use labgate_domain::ports::{Changed, LoginTarget, StoreError};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::sealed::SealId;
use labgate_domain::session::{Session, SessionId};
use labgate_domain::time::Timestamp;

/// Accounts, sessions and spent attempts in memory. Every clone is the same store.
///
/// It passes the same contract suite as the real stores, so a test that uses it learns what those would do.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    failing: bool,
    accounts: BTreeMap<AccountId, Account>,
    credentials: HashMap<AccountId, Credential>,
    identities: HashMap<(Issuer, Subject), Link>,
    sessions: HashMap<SessionId, Session>,
    /// The feed of changes; a position is a number of them.
    changes: Vec<Changed>,
    spent_attempts: HashMap<SealId, Timestamp>,
    wrong_attempts: HashMap<LoginTarget, (u32, Timestamp)>,
}

/// The account that an identity opens, and the person's view of it.
#[derive(Debug)]
struct Link {
    account: AccountId,
    identity: LinkedIdentity,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every call of a port fail from now on, or work again. The questions below work regardless.
    pub fn set_failing(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// Switches an account off, as an administrator does. One that is not there stays so.
    pub fn disable(&self, id: AccountId) {
        let mut state = self.state();
        if let Some(account) = state.accounts.get_mut(&id) {
            account.status = AccountStatus::Disabled;
            state.changes.push(Changed::Account(id));
        }
    }

    /// The number of accounts.
    #[must_use]
    pub fn account_count(&self) -> usize {
        self.state().accounts.len()
    }

    /// The number of sessions, live or not.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.state().sessions.len()
    }

    /// The sessions that hold at this time under this idle limit.
    #[must_use]
    pub fn live_sessions(&self, now: Timestamp, idle_limit: Duration) -> Vec<Session> {
        self.state().sessions.values().filter(|session| session.is_live(now, idle_limit)).cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state for one call of a port, which is atomic because it holds the lock.
    fn answering(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        if state.failing { Err(StoreError("a test switched it off".to_owned())) } else { Ok(state) }
    }
}
