//! The stores in memory: they keep the ports' promises, and nothing beyond the test.

mod access_tokens;
mod accounts;
mod attempts;
mod services;
mod sessions;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use labgate_domain::access_token::{AccessToken, AccessTokenHash};
use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::{Account, AccountId, AccountStatus, Credential, EmailAddress};
use labgate_domain::ports::{Changed, StoreError};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::rate_limit::{Tally, ThrottleKey};
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

#[derive(Clone, Debug, Default)]
struct State {
    failing: bool,
    accounts: BTreeMap<AccountId, Account>,
    credentials: HashMap<AccountId, Credential>,
    identities: HashMap<(Issuer, Subject), Link>,
    sessions: HashMap<SessionId, Session>,
    access_tokens: HashMap<AccessTokenHash, AccessToken>,
    /// The feed of changes; a position is a number of them.
    changes: Vec<Changed>,
    services: BTreeMap<String, String>,
    /// The number of changes of services.
    service_changes: u64,
    spent_attempts: HashMap<SealId, Timestamp>,
    tallies: HashMap<ThrottleKey, Tally>,
}

impl State {
    /// The maps have no order, so their entries are hashed one by one and added.
    fn digest(&self) -> u64 {
        fn one(value: &impl Hash) -> u64 {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            hasher.finish()
        }
        let accounts = self.accounts.values().map(|account| {
            let names = (account.username.as_str(), account.email.as_ref().map(EmailAddress::as_str));
            one(&(
                account.id,
                names,
                format!("{:?}{:?}{:?}{:?}", account.name, account.role, account.status, account.groups),
            ))
        });
        let credentials = self
            .credentials
            .iter()
            .map(|(id, credential)| one(&(id, credential.hash.expose(), credential.must_change)));
        let identities = self.identities.iter().map(|((issuer, subject), link)| {
            let successor = format!("{:?}{:?}", link.successor, link.refused_at);
            one(&(issuer.as_str(), subject.as_str(), link.account, link.identity.last_sign_in_at, successor))
        });
        let sessions = self.sessions.values().map(|session| {
            let next = session.external.as_ref().and_then(|external| external.revalidation.as_ref());
            let next = next.map(|next| (next.refresh_token.as_str(), next.due_at));
            one(&(session.id, session.account, session.ended_at, session.last_seen_at, &session.groups, next))
        });
        let tokens = self.access_tokens.iter().map(|(hash, token)| one(&(hash, format!("{token:?}"))));
        let spent = self.spent_attempts.keys().map(|id| one(&id.as_bytes()));
        let wrong = self.tallies.iter().map(|(key, tally)| one(&(key, tally.count.failures().to_bits())));
        let parts = [one(&self.changes.len()), one(&(&self.services, self.service_changes))];
        let all = accounts
            .chain(credentials)
            .chain(identities)
            .chain(sessions)
            .chain(tokens)
            .chain(spent)
            .chain(wrong);
        all.chain(parts).fold(0, u64::wrapping_add)
    }
}

/// The account that an identity opens, and the person's view of it.
#[derive(Clone, Debug)]
struct Link {
    account: AccountId,
    identity: LinkedIdentity,
    /// The issuer whose first identity with the account's address takes its place, and until when.
    successor: Option<(Issuer, Timestamp)>,
    /// The last refusal, until the identity comes in again.
    refused_at: Option<Timestamp>,
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

    /// Returns another store with the same content, which goes its own way from now on.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().clone())) }
    }

    /// Returns a number that differs where the content differs, but for accidents of the hash.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.state().digest()
    }

    /// All accounts.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        self.state().accounts.values().cloned().collect()
    }

    /// The number of an account's sessions that have not been ended.
    #[must_use]
    pub fn open_sessions(&self, account: AccountId) -> usize {
        let state = self.state();
        state.sessions.values().filter(|it| it.account == account && it.ended_at.is_none()).count()
    }

    /// The number of an account's access tokens.
    #[must_use]
    pub fn access_tokens(&self, account: AccountId) -> usize {
        self.state().access_tokens.values().filter(|token| token.account == account).count()
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
