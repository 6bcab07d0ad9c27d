use std::cmp::Reverse;

use async_trait::async_trait;
use labgate_domain::access_token::{AccessToken, AccessTokenHash, AccessTokenId};
use labgate_domain::people::{Account, AccountId, Role};
use labgate_domain::ports::{AccessTokenCreation, AccessTokenStore, Changed, StoreError};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::session::{Session, SessionId};
use labgate_domain::time::Timestamp;

use super::{Link, MemoryStore, State};

#[async_trait]
impl AccessTokenStore for MemoryStore {
    async fn create(
        &self,
        token: &AccessToken,
        hash: &AccessTokenHash,
        session: SessionId,
        at_most: u32,
    ) -> Result<AccessTokenCreation, StoreError> {
        let mut state = self.answering()?;
        let may_have = |it: &Account| it.is_active() && (it.role == Role::Admin || !token.scope.has_admin());
        let goes_on = |it: &Session| {
            it.account == token.account && it.ended_at.is_none() && token.made_at < it.expires_at
        };
        if !state.accounts.get(&token.account).is_some_and(may_have)
            || !state.sessions.get(&session).is_some_and(goes_on)
            || !state.has_its_identity(token)
            || state.was_refused(token)
        {
            return Ok(AccessTokenCreation::Refused);
        }
        let of_account = |it: &AccessToken| it.account == token.account;
        let live = state.access_tokens.values().filter(|it| of_account(it) && it.expires_at > token.made_at);
        if live.count() >= at_most as usize {
            return Ok(AccessTokenCreation::TooMany);
        }
        state.delete_tokens(|it| of_account(it) && it.expires_at <= token.made_at);
        state.access_tokens.insert(*hash, token.clone());
        Ok(AccessTokenCreation::Created)
    }

    async fn find(&self, hash: &AccessTokenHash) -> Result<Option<AccessToken>, StoreError> {
        Ok(self.answering()?.access_tokens.get(hash).cloned())
    }

    async fn list_of(&self, account: AccountId) -> Result<Vec<AccessToken>, StoreError> {
        let state = self.answering()?;
        let mut listed: Vec<AccessToken> =
            state.access_tokens.values().filter(|token| token.account == account).cloned().collect();
        listed.sort_by_key(|token| (Reverse(token.made_at), token.id.to_string()));
        Ok(listed)
    }

    async fn touch(&self, id: AccessTokenId, at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.answering()?;
        for token in state.access_tokens.values_mut().filter(|token| token.id == id) {
            token.last_used_at = token.last_used_at.max(Some(at));
        }
        Ok(())
    }

    async fn revoke(&self, account: AccountId, id: AccessTokenId) -> Result<Option<AccessToken>, StoreError> {
        let mut state = self.answering()?;
        Ok(state.delete_tokens(|token| token.account == account && token.id == id).pop())
    }

    async fn keep_admission<'a>(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        groups: Option<&'a [String]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.answering()?.keep_admission(issuer, subject, groups, at);
        Ok(())
    }
}

impl State {
    pub(super) fn keep_admission(
        &mut self,
        issuer: &Issuer,
        subject: &Subject,
        groups: Option<&[String]>,
        at: Timestamp,
    ) {
        let identity = (issuer.clone(), subject.clone());
        let is_newer = |it: &&mut Link| {
            it.refused_at <= Some(at) && (groups.is_some() || it.identity.last_sign_in_at <= at)
        };
        if let Some(link) = self.identities.get_mut(&identity).filter(is_newer) {
            link.refused_at = groups.is_none().then_some(at);
        }
        let identity = Some(identity);
        let is_older = |token: &&mut AccessToken| token.identity == identity && token.told_at <= at;
        for token in self.access_tokens.values_mut().filter(is_older) {
            token.told_at = at;
            let before = token.clone();
            token.is_admitted = groups.is_some();
            token.groups = groups.map_or_else(|| before.groups.clone(), <[String]>::to_vec);
            if *token != before {
                self.changes.push(Changed::Session(token.id.in_checks()));
            }
        }
    }

    /// Deletes these tokens, and returns them.
    pub(super) fn delete_tokens(&mut self, which: impl Fn(&AccessToken) -> bool) -> Vec<AccessToken> {
        let deleted: Vec<AccessToken> =
            self.access_tokens.extract_if(|_, token| which(token)).map(|(_, token)| token).collect();
        self.changes.extend(deleted.iter().map(|token| Changed::Session(token.id.in_checks())));
        deleted
    }

    /// Deletes the tokens whose account or identity is gone.
    pub(super) fn delete_orphaned_tokens(&mut self) {
        let orphaned: Vec<AccessTokenId> = self
            .access_tokens
            .values()
            .filter(|token| !self.accounts.contains_key(&token.account) || !self.has_its_identity(token))
            .map(|token| token.id)
            .collect();
        self.delete_tokens(|token| orphaned.contains(&token.id));
    }

    fn was_refused(&self, token: &AccessToken) -> bool {
        let link = token.identity.as_ref().and_then(|identity| self.identities.get(identity));
        link.is_some_and(|link| link.refused_at.is_some())
    }

    /// Takes a service out of all scopes, and deletes the tokens that open nothing else.
    pub(super) fn forget_service(&mut self, id: &str) {
        self.delete_tokens(|token| token.scope.without(id).is_none());
        for token in self.access_tokens.values_mut() {
            let rest = token.scope.without(id).filter(|rest| *rest != token.scope);
            if let Some(rest) = rest {
                token.scope = rest;
                self.changes.push(Changed::Session(token.id.in_checks()));
            }
        }
    }

    fn has_its_identity(&self, token: &AccessToken) -> bool {
        token.identity.as_ref().is_none_or(|identity| {
            self.identities.get(identity).is_some_and(|link| link.account == token.account)
        })
    }
}
