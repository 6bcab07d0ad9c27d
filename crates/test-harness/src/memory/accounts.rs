use async_trait::async_trait;
use labgate_domain::identity::{EmailClaim, ExternalIdentity, LinkedIdentity};
use labgate_domain::people::{
    AcceptedTerms, Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, GroupPatch,
    PasswordHash, Role, Username,
};
use labgate_domain::ports::{
    AccountChange, AccountCreation, AccountPage, AccountRenaming, AccountStore, AdministrationStore, Changed,
    CredentialStore, FirstAdministrator, GroupChange, IdentityLink, IdentityMove, IdentityRemoval,
    IdentityStore, IdentitySuccession, ProfileUpdate, StoreError,
};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use super::{Link, MemoryStore, State};

#[async_trait]
impl AccountStore for MemoryStore {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.answering()?.accounts.get(&id).cloned())
    }

    async fn find_by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        let state = self.answering()?;
        Ok(state.accounts.values().find(|account| goes_by(account, name.as_str())).cloned())
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

    async fn set_name<'a>(&self, id: AccountId, name: Option<&'a DisplayName>) -> Result<(), StoreError> {
        let mut state = self.answering()?;
        if let Some(account) = state.accounts.get_mut(&id) {
            account.name = name.cloned();
            state.changes.push(Changed::Account(id));
        }
        Ok(())
    }

    async fn accept_terms(&self, id: AccountId, terms: &AcceptedTerms) -> Result<bool, StoreError> {
        let mut state = self.answering()?;
        let Some(account) = state.accounts.get_mut(&id) else { return Ok(false) };
        if account.accepted_terms.iter().any(|accepted| accepted.version == terms.version) {
            return Ok(false);
        }
        account.accepted_terms.push(terms.clone());
        account.accepted_terms.sort_by_key(|accepted| (accepted.at, accepted.version.to_string()));
        state.changes.push(Changed::Account(id));
        Ok(true)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.answering().map(drop)
    }
}

#[async_trait]
impl IdentityStore for MemoryStore {
    async fn find_by_identity(
        &self,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Account>, StoreError> {
        let state = self.answering()?;
        let link = state.identities.get(&(issuer.clone(), subject.clone()));
        Ok(link.and_then(|link| state.accounts.get(&link.account)).cloned())
    }

    async fn create(
        &self,
        account: &Account,
        identity: &ExternalIdentity,
    ) -> Result<AccountCreation, StoreError> {
        let mut state = self.answering()?;
        if state.owner(identity).is_some() {
            return Ok(AccountCreation::IdentityTaken);
        }
        if state.name_is_taken(account) {
            return Ok(AccountCreation::NameTaken);
        }
        state.add(account)?;
        state.link(account.id, identity, account.created_at);
        Ok(AccountCreation::Created)
    }

    async fn record_sign_in<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: Option<&'a EmailAddress>,
        at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        let mut state = self.answering()?;
        let taken = email.is_some_and(|email| state.name_is_anothers(id, email.as_str()));
        if state.owner(identity) != Some(id) {
            return Err(StoreError("the identity is not linked to the account".to_owned()));
        }
        state.link(id, identity, at);
        state.keep_admission(&identity.issuer, &identity.subject, Some(&identity.groups), at);
        if let Some(account) = state.accounts.get_mut(&id) {
            account.name = account.name.take().or(identity.name.clone());
            email.filter(|_| !taken).and_then(|email| account.take_address(email));
            state.changes.push(Changed::Account(id));
        }
        Ok(if taken { ProfileUpdate::EmailTaken } else { ProfileUpdate::Done })
    }

    async fn claim(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: &EmailAddress,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError> {
        let mut state = self.answering()?;
        let gives_way = |link: &Link| {
            link.successor.as_ref().is_some_and(|(issuer, until)| *issuer == identity.issuer && *until > at)
        };
        let has_address =
            state.accounts.get(&id).is_some_and(|account| account.email.as_ref() == Some(email));
        let mut links = state.identities.values().filter(|link| link.account == id);
        let is_admin = state.accounts.get(&id).is_some_and(|account| account.role == Role::Admin);
        let is_opened =
            state.credentials.contains_key(&id) || !links.all(|link| !is_admin && gives_way(link));
        if !state.is_active(id) || !has_address || is_opened {
            return Ok(IdentityLink::Refused);
        }
        if state.owner(identity).is_some() {
            return Ok(IdentityLink::IdentityTaken);
        }
        let before = state.identities.len();
        state.identities.retain(|_, link| link.account != id);
        state.delete_orphaned_tokens();
        if state.identities.len() < before {
            state.end_all_of(id, None, at);
        }
        state.link(id, identity, at);
        if let Some(account) = state.accounts.get_mut(&id) {
            account.name = account.name.take().or(identity.name.clone());
        }
        Ok(IdentityLink::Linked)
    }

    async fn link<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        credential: Option<&'a PasswordHash>,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError> {
        let mut state = self.answering()?;
        if !state.is_active(id) {
            return Ok(IdentityLink::Refused);
        }
        if state.credentials.get(&id).map(|present| &present.hash) != credential {
            return Ok(IdentityLink::CredentialChanged);
        }
        match state.owner(identity) {
            Some(owner) if owner != id => return Ok(IdentityLink::IdentityTaken),
            Some(_) => {}
            None => state.link(id, identity, at),
        }
        Ok(IdentityLink::Linked)
    }

    async fn unlink(
        &self,
        id: AccountId,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<IdentityRemoval, StoreError> {
        let mut state = self.answering()?;
        let key = (issuer.clone(), subject.clone());
        if state.identities.get(&key).is_none_or(|link| link.account != id) {
            return Ok(IdentityRemoval::NotFound);
        }
        let identities = state.identities.values().filter(|link| link.account == id).count();
        if identities == 1 && !state.credentials.contains_key(&id) {
            return Ok(IdentityRemoval::LastCredential);
        }
        state.identities.remove(&key);
        state.delete_orphaned_tokens();
        Ok(IdentityRemoval::Removed)
    }

    async fn identities(&self, id: AccountId) -> Result<Vec<LinkedIdentity>, StoreError> {
        let state = self.answering()?;
        let links = state.identities.values().filter(|link| link.account == id);
        let mut identities: Vec<LinkedIdentity> = links.map(|link| link.identity.clone()).collect();
        identities.sort_by_key(|it| {
            (it.first_sign_in_at, it.issuer.as_str().to_owned(), it.subject.as_str().to_owned())
        });
        Ok(identities)
    }
}

#[async_trait]
impl CredentialStore for MemoryStore {
    async fn credential(&self, id: AccountId) -> Result<Option<Credential>, StoreError> {
        Ok(self.answering()?.credentials.get(&id).cloned())
    }

    async fn strengthen_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
    ) -> Result<bool, StoreError> {
        Ok(self.answering()?.replace_credential(id, credential, only_if))
    }

    async fn change_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let mut state = self.answering()?;
        let replaced = state.replace_credential(id, credential, only_if);
        Ok(replaced.then(|| state.end_all_of(id, None, at)))
    }

    async fn reset_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let mut state = self.answering()?;
        if !state.accounts.contains_key(&id) {
            return Ok(None);
        }
        if state.credentials.insert(id, credential.clone()).is_some() {
            state.identities.retain(|_, link| link.account != id);
        }
        state.delete_tokens(|token| token.account == id);
        Ok(Some(state.end_all_of(id, None, at)))
    }
}

#[async_trait]
impl AdministrationStore for MemoryStore {
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

    async fn set_status(
        &self,
        id: AccountId,
        status: AccountStatus,
        at: Timestamp,
    ) -> Result<AccountChange, StoreError> {
        let mut state = self.answering()?;
        let change = state.change(id, |account| Some(Account { status, ..account }));
        if change == AccountChange::Done && status == AccountStatus::Disabled {
            state.end_all_of(id, None, at);
            state.delete_tokens(|token| token.account == id);
        }
        Ok(change)
    }

    async fn set_role(&self, id: AccountId, role: Role, at: Timestamp) -> Result<AccountChange, StoreError> {
        let mut state = self.answering()?;
        let change = state.change(id, |account| Some(Account { role, ..account }));
        if change == AccountChange::Done && role == Role::User {
            state.end_all_of(id, None, at);
            state.delete_tokens(|token| token.account == id);
        }
        Ok(change)
    }

    async fn rename(&self, id: AccountId, name: &Username) -> Result<AccountRenaming, StoreError> {
        let mut state = self.answering()?;
        if state.name_is_anothers(id, name.as_str()) {
            return Ok(AccountRenaming::NameTaken);
        }
        let Some(account) = state.accounts.get_mut(&id) else { return Ok(AccountRenaming::NotFound) };
        account.username = name.clone();
        state.changes.push(Changed::Account(id));
        Ok(AccountRenaming::Renamed)
    }

    async fn change_groups(&self, id: AccountId, patch: &GroupPatch) -> Result<GroupChange, StoreError> {
        let mut state = self.answering()?;
        let Some(account) = state.accounts.get_mut(&id) else { return Ok(GroupChange::NotFound) };
        let after = match account.groups.patched(patch) {
            Ok(after) => after,
            Err(error) => return Ok(GroupChange::TooMany(error)),
        };
        let before = std::mem::replace(&mut account.groups, after.clone());
        if before != after {
            state.changes.push(Changed::Account(id));
        }
        Ok(GroupChange::Done { before, after })
    }

    async fn delete(&self, id: AccountId) -> Result<AccountChange, StoreError> {
        Ok(self.answering()?.change(id, |_| None))
    }

    async fn move_identities(
        &self,
        from: &Issuer,
        to: &Issuer,
        dry_run: bool,
        at: Timestamp,
    ) -> Result<Vec<IdentityMove>, StoreError> {
        let mut state = self.answering()?;
        let mut moves = Vec::new();
        for ((issuer, subject), link) in &state.identities {
            if let Some(account) = state.accounts.get(&link.account).filter(|_| issuer == from) {
                let there = state.identities.get(&(to.clone(), subject.clone())).map(|link| link.account);
                let (name, subject) = (account.username.clone(), subject.clone());
                moves.push(IdentityMove { account: account.id, name, subject, there });
            }
        }
        moves.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
        if dry_run || from == to || moves.iter().any(IdentityMove::is_blocked) {
            return Ok(moves);
        }
        for it in &moves {
            if let Some(mut link) = state.identities.remove(&(from.clone(), it.subject.clone()))
                && it.there.is_none()
            {
                link.identity.issuer = to.clone();
                link.successor = None;
                state.identities.insert((to.clone(), it.subject.clone()), link);
                let before = Some((from.clone(), it.subject.clone()));
                for token in state.access_tokens.values_mut().filter(|token| token.identity == before) {
                    token.identity = Some((to.clone(), it.subject.clone()));
                    token.is_admitted = false;
                }
            }
            state.end_all_of(it.account, None, at);
        }
        state.delete_orphaned_tokens();
        Ok(moves)
    }

    async fn let_give_way(
        &self,
        from: &Issuer,
        to: &Issuer,
        until: Timestamp,
        dry_run: bool,
    ) -> Result<Vec<IdentitySuccession>, StoreError> {
        let mut state = self.answering()?;
        let is_of = |issuer: &Issuer, account: AccountId, state: &State| {
            state.identities.iter().any(|(key, link)| key.0 == *issuer && link.account == account)
        };
        let mut successions: Vec<_> = state
            .accounts
            .values()
            .filter(|account| is_of(from, account.id, &state))
            .map(|account| IdentitySuccession {
                account: account.id,
                name: account.username.clone(),
                email: account.email.clone(),
                needs_proof: account.role == Role::Admin
                    || state.credentials.contains_key(&account.id)
                    || state.identities.iter().any(|(key, it)| {
                        let gives_way = it.successor.as_ref().is_some_and(|(issuer, _)| issuer == to);
                        it.account == account.id && key.0 != *from && !gives_way
                    }),
            })
            .collect();
        successions.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
        if !dry_run && from != to {
            for (_, link) in state.identities.iter_mut().filter(|(key, _)| key.0 == *from) {
                link.successor = Some((to.clone(), until));
            }
        }
        Ok(successions)
    }
}

impl State {
    fn replace_credential(&mut self, id: AccountId, credential: &Credential, only_if: &PasswordHash) -> bool {
        let replaces = self.credentials.get(&id).is_some_and(|present| present.hash == *only_if);
        if replaces {
            self.credentials.insert(id, credential.clone());
        }
        replaces
    }

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

    /// The account that the identity opens.
    fn owner(&self, identity: &ExternalIdentity) -> Option<AccountId> {
        let link = self.identities.get(&(identity.issuer.clone(), identity.subject.clone()));
        link.map(|link| link.account)
    }

    /// Lets the identity open the account, or keeps that it did again.
    fn link(&mut self, account: AccountId, identity: &ExternalIdentity, at: Timestamp) {
        let key = (identity.issuer.clone(), identity.subject.clone());
        let before = self.identities.get(&key).map(|link| &link.identity);
        let email = match &identity.email {
            EmailClaim::Missing | EmailClaim::Malformed => None,
            EmailClaim::Stated { address, .. } => Some(address.clone()),
        };
        let identity = LinkedIdentity {
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            email,
            first_sign_in_at: before.map_or(at, |before| before.first_sign_in_at),
            last_sign_in_at: before.map_or(at, |before| before.last_sign_in_at.max(at)),
        };
        let before = self.identities.get(&key);
        let successor = before.and_then(|link| link.successor.clone());
        let refused_at = before.and_then(|link| link.refused_at);
        self.identities.insert(key, Link { account, identity, successor, refused_at });
    }

    fn is_active(&self, id: AccountId) -> bool {
        self.accounts.get(&id).is_some_and(|account| account.status == AccountStatus::Active)
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
        self.changes.push(Changed::Account(id));
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
        self.identities.retain(|_, link| link.account != id);
        self.sessions.retain(|_, session| session.account != id);
        self.delete_orphaned_tokens();
    }
}

/// Returns true for the account's username or e-mail address; both are one set of names.
fn goes_by(account: &Account, name: &str) -> bool {
    account.username.as_str() == name || account.email.as_ref().is_some_and(|email| email.as_str() == name)
}
