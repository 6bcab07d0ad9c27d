use std::sync::Arc;

use super::act::OwnAct;
use super::end_sessions::SessionEnder;
use super::policy::Policy;
use super::prove_act::{ActProver, Proof};
use super::refusals::Refusals;
use super::trail::Way;
use super::trails::OpenTrail;
use super::visitor::Visitor;
use crate::access::Service;
use crate::access_token::{AccessToken, AccessTokenId, AccessTokenText, NewAccessToken, TokenScope};
use crate::error::{AccessError, AccessTokenError, AccountError, Refusal, SignInError};
use crate::people::{DisplayName, Role};
use crate::ports::{AccessTokenCreation, AccessTokenStore, Author, Person, SignInEvent, Source};
use crate::time::Timestamp;
use crate::world::Entropy;

/// A person's own access tokens.
#[derive(Clone, Copy)]
pub struct AccessTokens<'a> {
    /// Keeps them.
    pub store: &'a dyn AccessTokenStore,
    /// Takes the proof that the person wants one.
    pub acts: ActProver<'a>,
    /// Ends what a recent check vouches for.
    pub ender: SessionEnder<'a>,
    /// Makes them up.
    pub entropy: &'a dyn Entropy,
    /// The services, and the longest life.
    pub policy: &'a Policy,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

/// An access token just made, with its text, which is told this once.
#[derive(Debug)]
pub struct MadeAccessToken {
    /// The token.
    pub token: AccessToken,
    /// Its text.
    pub text: AccessTokenText,
}

/// A fit request for an access token.
struct Wanted {
    name: DisplayName,
    scope: TokenScope,
    expires_at: Timestamp,
}

impl AccessTokens<'_> {
    /// Makes an access token for the visitor's account, on proof of this very act.
    ///
    /// # Errors
    /// When it was not made.
    pub async fn make(
        &self,
        new: NewAccessToken,
        proof: Proof,
        visitor: &Visitor<'_>,
    ) -> Result<MadeAccessToken, Refusal> {
        let mut trail = self.acts.trails.begin(Way::Proof, visitor.source);
        let made = self.try_make(new, proof, visitor, &mut trail).await;
        self.acts.trails.end(trail, made).await
    }

    async fn try_make(
        &self,
        new: NewAccessToken,
        proof: Proof,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<MadeAccessToken, SignInError> {
        let now = self.ender.clock.now();
        // Before a ticket is spent.
        let account = self.acts.requests.account_of(visitor).await?;
        let wanted = self.wanted(&new, now).await?;
        if wanted.scope.has_admin() && account.role != Role::Admin {
            return Err(AccessError::NotAdministrator.into());
        }
        let kept = self.store.list_of(account.id).await?;
        if kept.iter().filter(|token| now < token.expires_at).count() >= AccessToken::MOST as usize {
            return Err(AccessTokenError::TooMany.into());
        }
        let account = self.acts.prove(&OwnAct::MakeToken(new).digest(), proof, visitor, trail).await?;
        let session = self.acts.requests.session_of(visitor).await?.person.session;
        let session = self.ender.sessions.find(session).await?.ok_or(AccessError::NotSignedIn)?;
        let Wanted { name, scope, expires_at } = wanted;
        let text = AccessTokenText::fresh(self.entropy);
        let token = AccessToken {
            id: AccessTokenId::fresh(self.entropy),
            account: account.id,
            name,
            scope,
            identity: session.external.map(|external| (external.issuer, external.subject)),
            groups: session.groups,
            is_admitted: true,
            told_at: session.created_at,
            made_at: now,
            expires_at,
            last_used_at: None,
        };
        match self.store.create(&token, &text.hash(), session.id, AccessToken::MOST).await? {
            AccessTokenCreation::Created => {}
            AccessTokenCreation::Refused => return Err(AccountError::ChangedMeanwhile.into()),
            AccessTokenCreation::TooMany => return Err(AccessTokenError::TooMany.into()),
        }
        self.ender.observer.observe(&SignInEvent::AccessTokenMade {
            person: trail.person(&account),
            token: token.id,
            scope: token.scope.clone(),
            until: token.expires_at,
        });
        Ok(MadeAccessToken { token, text })
    }

    /// Checks a request before its person is asked for proof.
    ///
    /// # Errors
    /// When such a token is not made.
    pub async fn check(&self, new: &NewAccessToken, source: Source) -> Result<(), Refusal> {
        let checked = async { Ok(self.wanted(new, self.ender.clock.now()).await.map(drop)?) };
        self.refusals.from(source).run(checked).await
    }

    /// Reads a request. A scope of services that are not there would open whatever gets their ids later.
    async fn wanted(&self, new: &NewAccessToken, now: Timestamp) -> Result<Wanted, AccessTokenError> {
        let name = DisplayName::new(&new.name).ok_or(AccessTokenError::Name)?;
        let scope = TokenScope::parse(&new.scope).map_err(|_| AccessTokenError::Scope)?;
        let in_force = self.acts.requests.services().await;
        let unknown = scope.services().iter().find(|id| in_force.services().find(id.as_str()).is_none());
        if let Some(service) = unknown {
            return Err(AccessTokenError::ServiceUnknown(service.clone()));
        }
        let most = self.policy.access_token_days;
        let days = match new.days.trim() {
            "" => AccessToken::DEFAULT_DAYS.min(most),
            days => days.parse().map_err(|_| AccessTokenError::Days { most })?,
        };
        if !(1..=most).contains(&days) {
            return Err(AccessTokenError::Days { most });
        }
        let day = std::time::Duration::from_hours(24);
        Ok(Wanted { name, scope, expires_at: now.plus(day * days) })
    }

    /// Returns the visitor's tokens, newest first, and the services that take tokens and that the person may
    /// open.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed.
    pub async fn own(&self, visitor: &Visitor<'_>) -> Result<(Vec<AccessToken>, Vec<Arc<Service>>), Refusal> {
        let listed = async {
            let person = self.acts.requests.session_of(visitor).await?.person;
            let takes_tokens =
                |service: &&Arc<Service>| service.takes_tokens() && service.condition.admits(&person);
            let in_force = self.acts.requests.services().await;
            let services = in_force.services().iter().filter(takes_tokens).cloned().collect();
            let (now, limit) = (self.ender.clock.now(), self.policy.session_absolute_limit);
            let tokens = self.store.list_of(person.account).await?;
            Ok((tokens.into_iter().map(|token| token.as_of(now, limit)).collect(), services))
        };
        self.refusals.from(visitor.source).run(listed).await
    }

    /// Revokes a token of the visitor. One that is not theirs, or not there, is left alone without saying so.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed: the token may still be there.
    pub async fn revoke(&self, id: AccessTokenId, visitor: &Visitor<'_>) -> Result<(), Refusal> {
        let revoked = async {
            let account = self.acts.requests.account_of(visitor).await?;
            if let Some(token) = self.store.revoke(account.id, id).await? {
                let by = Author::Person(Person::of(&account, visitor.source));
                self.ender.revoked(&token, Some(account.username), by);
            }
            Ok(())
        };
        self.refusals.from(visitor.source).run(revoked).await
    }
}

#[cfg(test)]
mod tests;
