//! The stores in memory: what the ports promise, and nothing that outlives the test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::attempt::AttemptId;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::people::{Account, AccountId, AccountStatus, EmailAddress};
use labgate_domain::ports::{
    AccountCreation, AccountStore, Consumption, ProfileUpdate, SessionStore, SpentAttempts, StoreError,
};
use labgate_domain::protocol::{Issuer, Subject};
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
    accounts: HashMap<AccountId, Account>,
    identities: HashMap<(Issuer, Subject), AccountId>,
    sessions: HashMap<SessionId, Session>,
    spent_attempts: HashMap<AttemptId, Timestamp>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every call of a port fail from now on, or work again. What is asked below works regardless.
    pub fn set_failing(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// Switches an account off, as an administrator does. One that is not there stays so.
    pub fn disable(&self, id: AccountId) {
        if let Some(account) = self.state().accounts.get_mut(&id) {
            account.status = AccountStatus::Disabled;
        }
    }

    /// How many accounts there are.
    #[must_use]
    pub fn account_count(&self) -> usize {
        self.state().accounts.len()
    }

    /// How many sessions there are, live or not.
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

    /// The state for one call of a port, which is atomic because nobody else has it meanwhile.
    fn answering(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        if state.failing { Err(StoreError("a test switched it off".to_owned())) } else { Ok(state) }
    }
}

impl State {
    /// Whether another account has this username or e-mail address; both are one set of names.
    fn name_is_anothers(&self, id: AccountId, name: &str) -> bool {
        self.accounts.values().filter(|account| account.id != id).any(|account| {
            account.username.as_str() == name
                || account.email.as_ref().is_some_and(|email| email.as_str() == name)
        })
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.answering()?.accounts.get(&id).cloned())
    }

    async fn find_by_identity(
        &self,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Account>, StoreError> {
        let state = self.answering()?;
        let id = state.identities.get(&(issuer.clone(), subject.clone()));
        Ok(id.and_then(|id| state.accounts.get(id)).cloned())
    }

    async fn create(
        &self,
        account: &Account,
        identity: &ExternalIdentity,
    ) -> Result<AccountCreation, StoreError> {
        let mut state = self.answering()?;
        let key = (identity.issuer.clone(), identity.subject.clone());
        if state.identities.contains_key(&key) {
            return Ok(AccountCreation::IdentityTaken);
        }
        let mut names = account.email.iter().map(EmailAddress::as_str).chain([account.username.as_str()]);
        if names.any(|name| state.name_is_anothers(account.id, name)) {
            return Ok(AccountCreation::NameTaken);
        }
        if state.accounts.contains_key(&account.id) {
            return Err(StoreError("there is an account with this id".to_owned()));
        }
        state.identities.insert(key, account.id);
        state.accounts.insert(account.id, account.clone());
        Ok(AccountCreation::Created)
    }

    async fn record_sign_in(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: &EmailAddress,
        _at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        let mut state = self.answering()?;
        let taken = state.name_is_anothers(id, email.as_str());
        let linked = state.identities.get(&(identity.issuer.clone(), identity.subject.clone())) == Some(&id);
        let account = state.accounts.get_mut(&id).filter(|_| linked);
        let account =
            account.ok_or_else(|| StoreError("the identity is not linked to the account".to_owned()))?;
        account.name = identity.name.clone().or(account.name.take());
        if taken {
            return Ok(ProfileUpdate::EmailTaken);
        }
        account.email = Some(email.clone());
        Ok(ProfileUpdate::Done)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.answering().map(drop)
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        let mut state = self.answering()?;
        if !state.accounts.contains_key(&session.account) {
            return Err(StoreError("there is no such account".to_owned()));
        }
        if state.sessions.contains_key(&session.id) {
            return Err(StoreError("there is a session with this id".to_owned()));
        }
        state.sessions.insert(session.id, session.clone());
        Ok(())
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.answering()?.sessions.get(&id).cloned())
    }

    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.answering()?;
        if let Some(session) = state.sessions.get_mut(&id).filter(|session| session.ended_at.is_none()) {
            session.last_seen_at = session.last_seen_at.max(at);
        }
        Ok(())
    }

    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.answering()?;
        if let Some(session) = state.sessions.get_mut(&id) {
            session.ended_at.get_or_insert(at);
        }
        Ok(())
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.answering()?;
        let deleted = state.sessions.extract_if(|_, session| session.expires_at < before).count();
        Ok(deleted as u64)
    }
}

#[async_trait]
impl SpentAttempts for MemoryStore {
    async fn consume(&self, id: AttemptId, until: Timestamp) -> Result<Consumption, StoreError> {
        let mut state = self.answering()?;
        if state.spent_attempts.contains_key(&id) {
            return Ok(Consumption::Again);
        }
        state.spent_attempts.insert(id, until);
        Ok(Consumption::First)
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.answering()?;
        let deleted = state.spent_attempts.extract_if(|_, until| *until < now).count();
        Ok(deleted as u64)
    }
}
