use std::sync::Arc;

use super::claims::{self, claims};
use super::live_services::{LiveServices, ServicesInForce};
use super::policy::Policy;
use super::presented::Presented;
use super::recent_checks::{Checked, RecentChecks};
use super::trail::{Outcome, SessionState, Step};
use super::trails::Trails;
use super::visitor::Visitor;
use crate::access_token::TokenScope;
use crate::error::{AccessError, SignInError};
use crate::people::Account;
use crate::ports::{
    AccessTokenStore, AccountStore, SessionStore, SignInEvent, StoreError, Throttle, TokenFault, TokenIssuer,
};
use crate::session::{Session, SessionClaims, SessionPerson, SessionToken};
use crate::time::Timestamp;

/// The forward-auth check: who makes a request of the lab.
#[derive(Clone, Copy)]
pub struct Requests<'a> {
    /// Recognises session tokens, and renews them.
    pub tokens: &'a dyn TokenIssuer,
    /// Says whether a session is live.
    pub sessions: &'a dyn SessionStore,
    /// Knows access tokens.
    pub access_tokens: &'a dyn AccessTokenStore,
    /// Says what the account may do.
    pub accounts: &'a dyn AccountStore,
    /// Counts unknown access tokens.
    pub throttle: &'a dyn Throttle,
    /// The checks that still hold.
    pub recent: &'a RecentChecks,
    /// The services in force.
    pub services: LiveServices<'a>,
    /// Keeps renewals and failures; the check of a token that stays as it is leaves no trail.
    pub trails: Trails<'a>,
    /// The limits of sessions and tokens.
    pub policy: &'a Policy,
}

/// A request of a person who is signed in.
#[derive(Clone, Debug)]
pub struct CheckedRequest {
    /// The person who makes the request.
    pub person: Arc<SessionPerson>,
    /// The token that replaces the presented one, which has expired, or states another role or other groups
    /// than the person has by now.
    pub renewed: Option<SessionToken>,
    /// What the access token opens that the request brings; `None` for one with a session or a pass.
    pub scope: Option<Arc<TokenScope>>,
}

/// The reason for which a request is not one of a person who may use the lab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSignedIn {
    /// The token is not one of this lab.
    #[error(transparent)]
    NotAToken(#[from] TokenFault),
    /// The session has ended: by sign-out, by its limits, or it was deleted.
    #[error("the session has ended")]
    SessionEnded,
    /// The account was disabled or deleted.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The session is live, and its person has yet to accept the present terms of service.
    #[error("the person has not accepted the present version of the terms of service")]
    TermsDue,
    /// The answer could not be found out: the request is refused, but not for a missing session.
    #[error("the session could not be checked")]
    Unavailable,
}

impl From<NotSignedIn> for SignInError {
    fn from(reason: NotSignedIn) -> Self {
        match reason {
            NotSignedIn::Unavailable => StoreError(reason.to_string()).into(),
            NotSignedIn::TermsDue => AccessError::TermsDue.into(),
            NotSignedIn::NotAToken(_) | NotSignedIn::SessionEnded | NotSignedIn::AccountDisabled => {
                AccessError::NotSignedIn.into()
            }
        }
    }
}

impl Requests<'_> {
    /// Checks a session token, and returns the person who presents it. This runs on every request of the lab.
    ///
    /// A token of a live session is renewed once it has expired, and when the role or the groups have
    /// changed. That is idempotent: requests at the same time may each get a token, all of the same session.
    ///
    /// # Errors
    /// When the token belongs to no live session, the person has yet to accept the terms of service, or the store
    /// cannot answer.
    pub async fn check(&self, token: &str) -> Result<CheckedRequest, NotSignedIn> {
        self.check_presented(Presented::Session(token)).await
    }

    /// Returns the person who presents a session token, also one who has yet to accept the terms of service. That
    /// opens the person's own pages, and no part of the lab.
    ///
    /// # Errors
    /// When the token belongs to no live session, or the store cannot answer.
    pub async fn recognize(&self, token: &str) -> Result<CheckedRequest, NotSignedIn> {
        self.recognize_presented(Presented::Session(token)).await
    }

    /// Checks a session token or a pass.
    pub(super) async fn check_presented(
        &self,
        presented: Presented<'_>,
    ) -> Result<CheckedRequest, NotSignedIn> {
        let checked = self.recognize_presented(presented).await?;
        match self.policy.terms_due(&checked.person.accepted_terms) {
            Some(_) => Err(NotSignedIn::TermsDue),
            None => Ok(checked),
        }
    }

    async fn recognize_presented(&self, presented: Presented<'_>) -> Result<CheckedRequest, NotSignedIn> {
        let now = self.trails.clock.now();
        self.catch_up(now).await;
        let remembered = self.recent.find(presented.into());
        let vouched =
            remembered.filter(|checked| self.recent.vouches(checked, now, self.policy.database_grace));
        let checked = match vouched {
            Some(checked) => checked,
            None => self.check_thoroughly(presented, now).await?,
        };
        Ok(CheckedRequest { person: checked.person, renewed: checked.renewed, scope: None })
    }

    /// Returns the services in force.
    pub async fn services(&self) -> Arc<ServicesInForce> {
        let now = self.trails.clock.now();
        self.catch_up(now).await;
        self.services.at(now)
    }

    pub(super) async fn catch_up(&self, now: Timestamp) {
        self.recent.catch_up(self.sessions, self.services, self.trails.observer, now).await;
    }

    /// Has every token checked thoroughly once more: the keys that signed them are others now.
    pub fn forget_checks(&self) {
        self.recent.forget_all();
    }

    async fn check_thoroughly(
        &self,
        presented: Presented<'_>,
        now: Timestamp,
    ) -> Result<Checked, NotSignedIn> {
        let turn = self.recent.turn();
        let claims = presented.authenticate(self.tokens)?;
        if self.recent.has_ended(claims.sid) {
            return Err(NotSignedIn::SessionEnded);
        }
        let looked_up =
            async { Ok((self.sessions.find(claims.sid).await?, self.accounts.find(claims.sub).await?)) };
        let (session, account) =
            looked_up.await.map_err(|error: StoreError| self.unavailable(&error.into()))?;
        let state = SessionState::of(session.as_ref(), claims.sub, now, self.policy.session_idle_limit);
        if state == SessionState::Ended {
            // It stays ended: presenting its token again and again costs the store nothing more.
            self.recent.mark_ended([claims.sid], now);
        }
        let session = session
            .filter(|_| state == SessionState::Live)
            .ok_or_else(|| self.refused(&claims, Step::SessionFound(state), NotSignedIn::SessionEnded))?;
        let account = account
            .filter(Account::is_active)
            .ok_or_else(|| self.refused(&claims, Step::AccountDisabled, NotSignedIn::AccountDisabled))?;

        // What a person may do must not outlive the change of it by a token's life.
        let (claims, renewed, seen_at) = if now < claims.exp && claims::hold(&claims, &account, &session) {
            (claims, None, session.last_seen_at)
        } else {
            let (claims, token, seen_at) = self
                .renew(presented, &account, &session, now)
                .await
                .map_err(|error| self.unavailable(&error))?;
            (claims, Some(token), seen_at)
        };
        let id = session.id;
        let groups = claims::all_groups(&account.groups, &session.groups);
        let session_until = session.expires_at.min(seen_at.plus(self.policy.session_idle_limit));
        let checked = Checked {
            until: claims.exp.min(session_until),
            person: Arc::new(SessionPerson::new(claims, groups, account.clone())),
            renewed,
            scope: None,
            at: now,
            session_until,
            turn,
        };
        self.recent.remember(presented.into(), checked.clone());
        if checked.renewed.is_some() {
            self.trails.renewed(account.id, id).await;
        }
        Ok(checked)
    }

    fn refused(&self, claims: &SessionClaims, step: Step, error: NotSignedIn) -> NotSignedIn {
        let outcome = Outcome::NotSignedIn { account: claims.sub, session: claims.sid };
        self.trails.end_check(Some(step), outcome);
        error
    }

    fn unavailable(&self, error: &SignInError) -> NotSignedIn {
        self.trails.end_check(
            None,
            Outcome::Refused { code: error.code(), error: error.to_string(), explanation: None },
        );
        NotSignedIn::Unavailable
    }

    /// Returns the claims of a new token, the token, and the time from which the idle limit counts.
    async fn renew(
        &self,
        presented: Presented<'_>,
        account: &Account,
        session: &Session,
        now: Timestamp,
    ) -> Result<(SessionClaims, SessionToken, Timestamp), SignInError> {
        let lab = self.policy.public_url.to_string();
        let claims =
            claims(self.policy, presented.audience(&lab), self.trails.entropy, account, session, now);
        let token = presented.issue(self.tokens, &claims)?;
        let seen_at = match self.sessions.touch(session.id, now).await {
            Ok(()) => now,
            Err(error) => {
                // The session is live. That the store cannot write it down is no reason to refuse its person.
                self.trails.observer.observe(&SignInEvent::RenewalNotStored {
                    account: account.id,
                    session: session.id,
                    error: error.to_string(),
                });
                session.last_seen_at
            }
        };
        Ok((claims, token, seen_at))
    }

    /// Returns the visitor's session, if its person may use the lab.
    pub(super) async fn admitted(&self, visitor: &Visitor<'_>) -> Result<CheckedRequest, SignInError> {
        let token = visitor.session_token.ok_or(AccessError::NotSignedIn)?;
        Ok(self.check(token).await?)
    }

    /// Returns the visitor's session, for what is the person's own.
    pub(super) async fn session_of(&self, visitor: &Visitor<'_>) -> Result<CheckedRequest, SignInError> {
        let token = visitor.session_token.ok_or(AccessError::NotSignedIn)?;
        Ok(self.recognize(token).await?)
    }

    /// Returns the account behind the visitor's session, both as the store has them now: what changes an
    /// account is never answered from memory.
    pub(super) async fn account_of(&self, visitor: &Visitor<'_>) -> Result<Account, SignInError> {
        Ok(self.account_with_session(visitor).await?.0)
    }

    /// The same with the session.
    async fn account_with_session(&self, visitor: &Visitor<'_>) -> Result<(Account, Session), SignInError> {
        let checked = self.session_of(visitor).await?;
        let session = self.sessions.find(checked.person.session).await?;
        let now = self.trails.clock.now();
        let session = session.filter(|it| it.is_live(now, self.policy.session_idle_limit));
        let account = self.accounts.find(checked.person.account).await?.filter(Account::is_active);
        account.zip(session).ok_or(AccessError::NotSignedIn.into())
    }

    /// Returns a new token of the visitor's session. What any replica remembers of the present one says nothing
    /// about it.
    pub(super) async fn reissue(&self, visitor: &Visitor<'_>) -> Result<SessionToken, SignInError> {
        let (account, session) = self.account_with_session(visitor).await?;
        let presented = Presented::Session(visitor.session_token.unwrap_or_default());
        let (_, token, _) = self.renew(presented, &account, &session, self.trails.clock.now()).await?;
        Ok(token)
    }

    /// Returns the visitor's session, if there is one.
    pub(super) async fn session_if_any(
        &self,
        visitor: &Visitor<'_>,
    ) -> Result<Option<CheckedRequest>, SignInError> {
        match self.session_of(visitor).await {
            Ok(checked) => Ok(Some(checked)),
            Err(SignInError::Access(AccessError::NotSignedIn)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the visitor's session, if it did not begin before this time.
    pub(super) async fn session_since(
        &self,
        time: Timestamp,
        visitor: &Visitor<'_>,
    ) -> Result<Option<Session>, SignInError> {
        let Some(checked) = self.session_if_any(visitor).await? else { return Ok(None) };
        let session = self.sessions.find(checked.person.session).await?;
        let now = self.trails.clock.now();
        let is_new = |session: &Session| {
            session.is_live(now, self.policy.session_idle_limit) && session.created_at >= time
        };
        Ok(session.filter(is_new))
    }
}

#[cfg(test)]
mod tests;
