use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::admit::admit;
use super::assign_role::Roles;
use super::end_sessions::SessionEnder;
use super::policy::Policy;
use super::provider_list::ProviderList;
use super::refresh_token::KeptRefreshToken;
use super::ticket::Tickets;
use crate::error::{AccountError, AttemptError, LinkError, SignInError};
use crate::people::Account;
use crate::ports::{
    IdTokenFault, IdentityProvider, IdentityStore, ProviderError, RefreshRequest, Refreshed, SignInEvent,
};
use crate::protocol::RefreshToken;
use crate::provider::ProviderId;
use crate::session::{ExternalSession, Session};
use crate::time::Timestamp;

/// The number of sessions in one go.
const AT_ONCE: u32 = 4;

/// The time for which a session belongs to the replica that took it, and for which a deferred one is left
/// alone: longer than a provider may take to answer about all sessions of one go.
const LEASE: Duration = Duration::from_mins(3);

/// The number of intervals after which a session ends that the provider does not answer about, though it
/// answers about others: people can keep it from answering about them, by using up what it allows each of
/// them.
const INTERVALS_WITHOUT_ANSWER: u32 = 3;

/// The time after which a session ends that the provider could not be asked about, whatever the reason.
const LONGEST_WITHOUT_ANSWER: Duration = Duration::from_hours(24);

/// The time of each provider's last answer, as far as this process knows.
#[derive(Debug, Default)]
pub struct LastAnswers(Mutex<HashMap<ProviderId, Timestamp>>);

impl LastAnswers {
    fn note(&self, provider: ProviderId, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(provider, now);
    }

    fn has_answered_after(&self, provider: &ProviderId, when: Timestamp) -> bool {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(provider).is_some_and(|last| *last > when)
    }
}

/// Session revalidation: providers are asked again whether a person may still come in.
#[derive(Clone, Copy)]
pub struct Revalidation<'a> {
    /// Are asked.
    pub providers: ProviderList<'a>,
    /// The time of the last answer of each.
    pub last_answers: &'a LastAnswers,
    /// Says which account an identity opens.
    pub identities: &'a dyn IdentityStore,
    /// Gives the role that the provider's groups say.
    pub roles: Roles<'a>,
    /// Seals refresh tokens.
    pub tickets: Tickets<'a>,
    /// Holds the sessions, and ends those of people who may not come in again.
    pub ender: SessionEnder<'a>,
    /// The limits of sessions.
    pub policy: &'a Policy,
}

impl Revalidation<'_> {
    /// Asks a provider again about the people of a few sessions that are due, and ends the sessions of those
    /// who may no longer come in. To be called now and then, on every replica, and again at once while it has
    /// work: it returns the number of sessions that are decided.
    ///
    /// A provider that cannot be used at the moment ends nothing: the sessions go on, and are deferred, for
    /// at most a day, or three intervals where that is longer.
    ///
    /// `goes_on` is asked before each session: once it says no, none is begun, and those that were taken are
    /// due again when their lease is over. One that is under way ends: a spent refresh token without its
    /// successor would sign the person out.
    ///
    /// # Errors
    /// When there is no such provider, or the store failed; the rest is done next time.
    pub async fn revalidate(
        &self,
        provider: &ProviderId,
        goes_on: impl Fn() -> bool,
    ) -> Result<u64, SignInError> {
        let provider = self.providers.get(Some(provider))?;
        let description = provider.description();
        let Some(interval) = description.revalidation else { return Ok(0) };
        let now = self.ender.clock.now();
        let (seen_after, leased_until) = (now.minus(self.policy.session_idle_limit), now.plus(LEASE));
        let taken = self.ender.sessions.take_due(&description.id, now, seen_after, leased_until, AT_ONCE);
        let mut decided = 0;
        let mut deferred = None;
        for session in taken.await?.into_iter().take_while(|_| goes_on()) {
            match self.revalidate_session(provider, interval, leased_until, &session).await {
                Ok(()) => decided += 1,
                Err(SignInError::Provider(error))
                    if error.is_transient() && !self.goes_unanswered(&session, &description.id, interval) =>
                {
                    deferred = Some(SignInError::from(error));
                }
                Err(error @ SignInError::Store(_)) => return Err(error),
                Err(error) => {
                    self.end_rejected_session(&session, &description.id, error).await?;
                    decided += 1;
                }
            }
        }
        if let Some(error) = deferred {
            let explanation = self.providers.explanation(&description.id, &error);
            self.ender.observer.observe(&SignInEvent::RevalidationDeferred {
                provider: description.id,
                code: error.code(),
                error: error.to_string(),
                explanation,
            });
        }
        Ok(decided)
    }

    /// Asks about the person of one session, and keeps what the provider says.
    async fn revalidate_session(
        &self,
        provider: &dyn IdentityProvider,
        interval: Duration,
        leased_until: Timestamp,
        session: &Session,
    ) -> Result<(), SignInError> {
        let external = session.external.as_ref().ok_or(AttemptError::Unknown)?;
        let account = self.linked_account(session, external).await?;
        let kept = KeptRefreshToken::open(self.tickets, session.id, external)?;
        let refresh_token = kept.token()?;
        let request = RefreshRequest {
            refresh_token: refresh_token.clone(),
            issuer: external.issuer.clone(),
            subject: external.subject.clone(),
        };
        let keep = async |groups: &[String], token: &RefreshToken, told_at, due_at| {
            let kept = KeptRefreshToken::new(token, told_at);
            let revalidation = kept.seal(self.tickets, session.id, session.expires_at, due_at)?;
            self.ender.sessions.keep_answer(session.id, groups, Some(&revalidation)).await?;
            Ok::<_, SignInError>(())
        };
        let Refreshed { refresh_token: next, identity } = provider.refresh(request).await;
        if let Some(next) = &next {
            // Whatever comes of it: the one before is spent.
            keep(&session.groups, next, kept.told_at, leased_until).await?;
        }
        let identity = identity?;
        if identity.issuer != external.issuer || identity.subject != external.subject {
            return Err(ProviderError::from(IdTokenFault::Subject).into());
        }
        let now = self.ender.clock.now();
        let description = provider.description();
        self.last_answers.note(description.id.clone(), now);

        let role = admit(&description, &identity).role()?;
        self.roles.assign(account, role).await?;
        keep(&identity.groups, next.as_ref().unwrap_or(&refresh_token), now, now.plus(interval)).await
    }

    /// Returns whether the provider answers about others but not about this session, or has not answered for
    /// too long.
    fn goes_unanswered(&self, session: &Session, provider: &ProviderId, interval: Duration) -> bool {
        let Some(external) = &session.external else { return true };
        let Ok(kept) = KeptRefreshToken::open(self.tickets, session.id, external) else { return true };
        let told_at = kept.told_at;
        let silence = self.ender.clock.now().since(told_at);
        let some = interval.saturating_mul(INTERVALS_WITHOUT_ANSWER);
        let speaks = self.last_answers.has_answered_after(provider, told_at.plus(interval));
        silence > some.max(LONGEST_WITHOUT_ANSWER) || (silence > some && speaks)
    }

    /// Returns the account, if the identity of the session still opens it.
    async fn linked_account(
        &self,
        session: &Session,
        external: &ExternalSession,
    ) -> Result<Account, SignInError> {
        let found = self.identities.find_by_identity(&external.issuer, &external.subject).await?;
        let found = found.ok_or(LinkError::IdentityUnknown)?;
        let is_theirs = found.id == session.account && found.is_active();
        if is_theirs { Ok(found) } else { Err(AccountError::Disabled.into()) }
    }

    async fn end_rejected_session(
        &self,
        session: &Session,
        provider: &ProviderId,
        error: SignInError,
    ) -> Result<(), SignInError> {
        self.ender.end(session.id).await?;
        self.ender.observer.observe(&SignInEvent::RevalidationRejected {
            account: session.account,
            session: session.id,
            provider: provider.clone(),
            code: error.code(),
            error: error.to_string(),
            explanation: self.providers.explanation(provider, &error),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
