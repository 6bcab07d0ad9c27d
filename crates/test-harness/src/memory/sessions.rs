use std::cmp::Reverse;

use async_trait::async_trait;
use labgate_domain::people::{Account, AccountId};
use labgate_domain::ports::{Changed, FeedPosition, SessionChanges, SessionStore, SessionTerms, StoreError};
use labgate_domain::protocol::{IdTokenHint, Issuer, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{ExternalSession, NextRevalidation, Session, SessionId};
use labgate_domain::time::Timestamp;

use super::{MemoryStore, State};

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, session: &Session, terms: SessionTerms) -> Result<bool, StoreError> {
        let mut state = self.answering()?;
        let may_open = |account: &Account| account.is_active() && account.role == terms.role;
        if !state.accounts.get(&session.account).is_some_and(may_open) {
            return Ok(false);
        }
        if state.sessions.contains_key(&session.id) {
            return Err(StoreError("there is a session with this id".to_owned()));
        }
        let at = session.created_at;
        let is_live = |it: &Session| at < it.expires_at && terms.seen_after < it.last_seen_at;
        let others =
            state.sessions.values().filter(|it| it.account == session.account && it.ended_at.is_none());
        let mut others: Vec<&Session> = others.collect();
        others.sort_by_key(|it| {
            Reverse((is_live(it), it.created_at, it.last_seen_at, Reverse(it.id.to_string())))
        });
        let surplus = others.into_iter().skip(terms.at_most.max(1) as usize - 1);
        for id in surplus.map(|it| it.id).collect::<Vec<_>>() {
            if let Some(surplus) = state.sessions.get_mut(&id) {
                end(surplus, at);
            }
            state.changes.push(Changed::Session(id));
        }
        state.sessions.insert(session.id, session.clone());
        Ok(true)
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
        if let Some(session) = state.sessions.get_mut(&id).filter(|session| session.ended_at.is_none()) {
            end(session, at);
            state.changes.push(Changed::Session(id));
        }
        Ok(())
    }

    async fn list_of(&self, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let state = self.answering()?;
        let listed = state.sessions.values().filter(|session| {
            session.account == account && session.ended_at.is_none() && now < session.expires_at
        });
        let mut listed: Vec<Session> = listed.cloned().collect();
        listed.sort_by_key(|session| (Reverse(session.created_at), session.id.to_string()));
        Ok(listed)
    }

    async fn end_all_of(
        &self,
        account: AccountId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.answering()?.end_all_of(account, except, at))
    }

    async fn end_all_from<'a>(
        &self,
        issuer: &Issuer,
        session: Option<&'a ProviderSessionId>,
        subject: Option<&'a Subject>,
        at: Timestamp,
    ) -> Result<Vec<(SessionId, AccountId)>, StoreError> {
        let mut state = self.answering()?;
        if session.is_none() && subject.is_none() {
            return Ok(Vec::new());
        }
        let began_there = |external: &ExternalSession| {
            external.issuer == *issuer
                && session.is_none_or(|session| external.id.as_ref() == Some(session))
                && subject.is_none_or(|subject| external.subject == *subject)
        };
        let to_end = state.sessions.values_mut().filter(|session| {
            session.ended_at.is_none() && session.external.as_ref().is_some_and(began_there)
        });
        let ended: Vec<_> = to_end
            .map(|session| {
                end(session, at);
                (session.id, session.account)
            })
            .collect();
        state.changes.extend(ended.iter().map(|(session, _)| Changed::Session(*session)));
        Ok(ended)
    }

    async fn take_due(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        seen_after: Timestamp,
        again_at: Timestamp,
        at_most: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let mut state = self.answering()?;
        let due_at = |session: &Session| {
            let external = session.external.as_ref().filter(|external| external.provider == *provider)?;
            external.revalidation.as_ref().map(|revalidation| revalidation.due_at)
        };
        let counts = |session: &Session| session.ended_at.is_none() && now < session.expires_at;
        let is_due = |session: &&Session| {
            counts(session)
                && seen_after < session.last_seen_at
                && due_at(session).is_some_and(|due_at| due_at <= now)
        };
        let person = |session: &Session| {
            session.external.as_ref().map(|external| (external.issuer.clone(), external.subject.clone()))
        };
        let mut due: Vec<&Session> = state.sessions.values().filter(is_due).collect();
        due.sort_by_key(|session| (due_at(session), session.id.to_string()));
        due.truncate(at_most as usize);
        let people: Vec<_> = due.into_iter().map(person).collect();
        let is_taken = |session: &&mut Session| {
            counts(session) && due_at(session).is_some() && people.contains(&person(session))
        };
        let mut taken: Vec<Session> = Vec::new();
        for session in state.sessions.values_mut().filter(is_taken) {
            if let Some(revalidation) =
                session.external.as_mut().and_then(|external| external.revalidation.as_mut())
            {
                revalidation.due_at = again_at;
            }
            taken.push(session.clone());
        }
        taken.sort_by_key(|session| session.id.to_string());
        Ok(taken)
    }

    async fn keep_answer<'a>(
        &self,
        id: SessionId,
        groups: &'a [String],
        newer_hint: Option<&'a IdTokenHint>,
        revalidation: Option<&'a NextRevalidation>,
    ) -> Result<(), StoreError> {
        let mut state = self.answering()?;
        if let Some(session) = state.sessions.get_mut(&id).filter(|session| session.ended_at.is_none()) {
            session.groups = groups.to_vec();
            if let Some(external) = &mut session.external {
                external.revalidation = revalidation.cloned();
                if let Some(hint) = newer_hint {
                    external.id_token_hint = Some(hint.clone());
                }
            }
            state.changes.push(Changed::Session(id));
        }
        Ok(())
    }

    async fn changes_since<'a>(
        &self,
        position: Option<&'a FeedPosition>,
    ) -> Result<SessionChanges, StoreError> {
        let state = self.answering()?;
        let seen = position.and_then(|position| position.0.parse().ok());
        let changed = seen.and_then(|seen: usize| state.changes.get(seen..));
        Ok(SessionChanges {
            position: FeedPosition(state.changes.len().to_string()),
            changed: changed.filter(|changed| changed.len() <= SessionChanges::MOST).map(<[Changed]>::to_vec),
            services: state.services_revision(),
        })
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.answering()?;
        let deleted = state.sessions.extract_if(|_, session| session.expires_at < before).count();
        Ok(deleted as u64)
    }
}

impl State {
    pub(super) fn end_all_of(
        &mut self,
        account: AccountId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> Vec<SessionId> {
        let to_end = self.sessions.values_mut().filter(|session| {
            session.account == account && session.ended_at.is_none() && Some(session.id) != except
        });
        let ended: Vec<SessionId> = to_end
            .map(|session| {
                end(session, at);
                session.id
            })
            .collect();
        self.changes.extend(ended.iter().copied().map(Changed::Session));
        ended
    }
}

/// Ends a session that has not been ended, and forgets what would end it at the provider.
fn end(session: &mut Session, at: Timestamp) {
    session.ended_at = Some(at);
    if let Some(external) = &mut session.external {
        external.id_token_hint = None;
        external.revalidation = None;
    }
}
