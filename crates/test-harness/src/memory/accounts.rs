use async_trait::async_trait;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::people::{
    Account, AccountId, AccountStatus, Credential, EmailAddress, PasswordHash, Role, Username,
};
use labgate_domain::ports::{
    AccountChange, AccountCreation, AccountPage, AccountStore, FirstAdministrator, ProfileUpdate, StoreError,
};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;

use super::{MemoryStore, State};

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
        if state.name_is_taken(account) {
            return Ok(AccountCreation::NameTaken);
        }
        state.add(account)?;
        state.identities.insert(key, account.id);
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

    async fn find_by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        let state = self.answering()?;
        Ok(state.accounts.values().find(|account| goes_by(account, name.as_str())).cloned())
    }

    async fn credential(&self, id: AccountId) -> Result<Option<Credential>, StoreError> {
        Ok(self.answering()?.credentials.get(&id).cloned())
    }

    async fn create_local<'a>(
        &self,
        account: &Account,
        credential: Option<&'a Credential>,
    ) -> Result<AccountCreation, StoreError> {
        let mut state = self.answering()?;
        if state.name_is_taken(account) {
            return Ok(AccountCreation::NameTaken);
        }
        state.add(account)?;
        state.credentials.extend(credential.map(|credential| (account.id, credential.clone())));
        Ok(AccountCreation::Created)
    }

    async fn create_first_administrator(
        &self,
        account: &Account,
        credential: &Credential,
    ) -> Result<FirstAdministrator, StoreError> {
        let mut state = self.answering()?;
        if state.has_administrator() {
            return Ok(FirstAdministrator::AlreadyThere);
        }
        if state.name_is_taken(account) {
            return Ok(FirstAdministrator::NameTaken);
        }
        state.add(account)?;
        state.credentials.insert(account.id, credential.clone());
        Ok(FirstAdministrator::Created)
    }

    async fn has_administrator(&self) -> Result<bool, StoreError> {
        Ok(self.answering()?.has_administrator())
    }

    async fn set_credential<'a>(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: Option<&'a PasswordHash>,
    ) -> Result<bool, StoreError> {
        let mut state = self.answering()?;
        let replaces = match only_if {
            None => state.accounts.contains_key(&id),
            Some(hash) => state.credentials.get(&id).is_some_and(|credential| credential.hash == *hash),
        };
        if replaces {
            state.credentials.insert(id, credential.clone());
        }
        Ok(replaces)
    }

    async fn list<'a>(
        &self,
        search: Option<&'a str>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, StoreError> {
        let state = self.answering()?;
        let mut found = state
            .accounts
            .values()
            .filter(|account| after.is_none_or(|after| account.id > after))
            .filter(|account| search.is_none_or(|search| account.is_found_by(search)));
        let accounts = found.by_ref().take(limit as usize).cloned().collect();
        Ok(AccountPage { accounts, more: found.next().is_some() })
    }

    async fn set_status(&self, id: AccountId, status: AccountStatus) -> Result<AccountChange, StoreError> {
        Ok(self.answering()?.change(id, |account| Some(Account { status, ..account })))
    }

    async fn set_role(&self, id: AccountId, role: Role) -> Result<AccountChange, StoreError> {
        Ok(self.answering()?.change(id, |account| Some(Account { role, ..account })))
    }

    async fn delete(&self, id: AccountId) -> Result<AccountChange, StoreError> {
        Ok(self.answering()?.change(id, |_| None))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.answering().map(drop)
    }
}

impl State {
    fn name_is_anothers(&self, id: AccountId, name: &str) -> bool {
        self.accounts.values().any(|account| account.id != id && goes_by(account, name))
    }

    fn name_is_taken(&self, account: &Account) -> bool {
        let mut names = account.email.iter().map(EmailAddress::as_str).chain([account.username.as_str()]);
        names.any(|name| self.name_is_anothers(account.id, name))
    }

    fn add(&mut self, account: &Account) -> Result<(), StoreError> {
        if self.accounts.contains_key(&account.id) {
            return Err(StoreError("there is an account with this id".to_owned()));
        }
        self.accounts.insert(account.id, account.clone());
        Ok(())
    }

    fn has_administrator(&self) -> bool {
        self.accounts.values().any(|account| account.role == Role::Admin)
    }

    /// Replaces an account, or with `None` removes it; but the last active administrator only by another.
    fn change(&mut self, id: AccountId, change: impl FnOnce(Account) -> Option<Account>) -> AccountChange {
        let Some(before) = self.accounts.get(&id) else {
            return AccountChange::NotFound;
        };
        let administers =
            |account: &Account| account.role == Role::Admin && account.status == AccountStatus::Active;
        let others = self.accounts.values().filter(|other| other.id != id && administers(other)).count();
        let after = change(before.clone());
        if others == 0 && administers(before) && !after.as_ref().is_some_and(administers) {
            return AccountChange::LastAdministrator;
        }
        match after {
            Some(account) => drop(self.accounts.insert(id, account)),
            None => self.remove(id),
        }
        AccountChange::Done
    }

    /// Removes an account with all that belongs to it.
    fn remove(&mut self, id: AccountId) {
        self.accounts.remove(&id);
        self.credentials.remove(&id);
        self.identities.retain(|_, account| *account != id);
        self.sessions.retain(|_, session| session.account != id);
    }
}

/// Whether this is the account's username or e-mail address; both are one set of names.
fn goes_by(account: &Account, name: &str) -> bool {
    account.username.as_str() == name || account.email.as_ref().is_some_and(|email| email.as_str() == name)
}
