use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::admit::admit;
use super::assign_role::Roles;
use super::end_sessions::SessionEnder;
use super::policy::Policy;
use super::provider_list::ProviderList;
use super::refresh_token::KeptRefreshToken;
use super::ticket::Tickets;
use crate::ForeignText;
use crate::error::{AccountError, AttemptError, LinkError, SignInError};
use crate::identity::ExternalIdentity;
use crate::people::Account;
use crate::ports::{
    AccessTokenStore, IdTokenFault, IdentityProvider, IdentityStore, ProviderError, RefreshRequest,
    Refreshed, SignInEvent,
};
use crate::protocol::{IdTokenHint, RefreshToken};
use crate::provider::ProviderId;
use crate::session::{ExternalSession, Session};
use crate::time::Timestamp;

/// The number of people in one go.
const AT_ONCE: u32 = 4;

/// The most refresh tokens that are tried for a person in one go.
const TOKENS_AT_ONCE: usize = 4;

/// The time for which a person's sessions belong to the replica that took them, and for which deferred ones
/// are left alone: longer than a provider may take to answer about all people of one go.
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
    /// Have the groups of the person, too, and go with the admission.
    pub access_tokens: &'a dyn AccessTokenStore,
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
    /// Asks a provider again about a few people with sessions that are due, and ends the sessions of those who
    /// may no longer come in. To be called now and then, on every replica, and again at once while it has
    /// work: it returns the number of sessions that are decided.
    ///
    /// A provider is asked once about a person, with the newest refresh token of all the person's sessions: the
    /// answer decides all of them. A provider that cannot be used at the moment ends nothing: the sessions go
    /// on, and are deferred, for at most a day, or three intervals where that is longer.
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
        let round = Round { provider, id: description.id.clone(), interval, leased_until };
        let mut judged = Judged::default();
        for sessions in by_person(taken.await?).into_iter().take_while(|_| goes_on()) {
            self.revalidate_person(&round, sessions, &mut judged).await?;
        }
        if let Some(error) = judged.deferred {
            let error = SignInError::from(error);
            let explanation = self.providers.explanation(&description.id, &error);
            self.ender.observer.observe(&SignInEvent::RevalidationDeferred {
                provider: description.id,
                code: error.code(),
                error: error.to_string(),
                explanation,
            });
        }
        Ok(judged.decided)
    }

    /// Asks about one person, and keeps what the provider says.
    async fn revalidate_person(
        &self,
        round: &Round<'_>,
        sessions: Vec<Session>,
        judged: &mut Judged,
    ) -> Result<(), SignInError> {
        let Some(external) = sessions.iter().find_map(|session| session.external.clone()) else {
            return Ok(());
        };
        let account = match self.linked_account(&external).await {
            Err(error @ SignInError::Store(_)) => return Err(error),
            account => account,
        };
        let mut kept = Vec::new();
        for session in sessions {
            match self.opened(&account, &session) {
                Ok(tokens) => kept.push(Kept { session, tokens }),
                Err(error) => self.end_rejected_session(round, &session, &error, judged).await?,
            }
        }
        let asked = Asked { external: &external, at: self.ender.clock.now() };
        // As of now: the next token that an answer brings makes no other session's older.
        let newest = kept.iter().map(|kept| kept.tokens.given_at()).max();
        let answer = self.ask(round, &external, &mut kept).await?;
        let (identity, by, refused) = match answer {
            Answer::Identity { identity, by, refused } => (identity, by, refused),
            Answer::Refused(error) if self.has_newer_session(&external, &kept).await? => {
                judged.deferred = Some(error);
                return Ok(());
            }
            Answer::Failed(error) if error.is_transient() => {
                return self.defer(round, &asked, &kept, error, judged).await;
            }
            Answer::Refused(error) | Answer::Failed(error) => {
                return self.end_all(round, &asked, &kept, &error.into(), judged).await;
            }
            Answer::None => return Ok(()),
        };
        let now = self.ender.clock.now();
        self.last_answers.note(round.id.clone(), now);
        let role = match admit(&round.provider.description(), &identity).role() {
            Ok(role) => role,
            Err(error) => return self.end_all(round, &asked, &kept, &error.into(), judged).await,
        };
        self.roles.assign(account?, role).await?;
        let (issuer, subject) = (&identity.issuer, &identity.subject);
        self.access_tokens.keep_admission(issuer, subject, Some(&identity.groups), asked.at).await?;

        let given_at = kept.iter().flat_map(|kept| kept.tokens.tokens());
        let given_at =
            given_at.filter(|(token, _)| *token == by.as_str()).map(|(_, at)| at).max().unwrap_or(now);
        for Kept { session, mut tokens } in kept {
            // An older token may be refused because there is a newer one.
            let rejection =
                refused.iter().find(|(token, _)| tokens.owns(token) && Some(tokens.given_at()) >= newest);
            if let Some((_, error)) = rejection {
                let error = error.clone().into();
                self.end_rejected_session(round, &session, &error, judged).await?;
                continue;
            }
            // Some providers take the newest ID token of a session back, and no other.
            let newer_hint = identity.id_token_hint.as_ref().filter(|_| tokens.owns(&by));
            tokens.note_answer(&by, given_at, now);
            self.keep(&session, &identity.groups, newer_hint, tokens, now.plus(round.interval)).await?;
            judged.decided += 1;
        }
        Ok(())
    }

    /// Asks the provider about a person, with the newest refresh token first: one that is refused may be that
    /// of a session that ended there alone.
    async fn ask(
        &self,
        round: &Round<'_>,
        external: &ExternalSession,
        kept: &mut [Kept],
    ) -> Result<Answer, SignInError> {
        let mut refused = Vec::new();
        for token in newest_first(kept) {
            let request = RefreshRequest {
                refresh_token: token.clone(),
                issuer: external.issuer.clone(),
                subject: external.subject.clone(),
            };
            let Refreshed { refresh_token: next, identity } = round.provider.refresh(request).await;
            if let Some(next) = &next {
                // Whatever comes of it: the one before is spent.
                let now = self.ender.clock.now();
                for Kept { session, tokens } in kept.iter_mut() {
                    if tokens.replace(&token, next, now) {
                        self.keep(session, &session.groups, None, tokens.clone(), round.leased_until).await?;
                    }
                }
            }
            match identity {
                Ok(identity)
                    if identity.issuer == external.issuer && identity.subject == external.subject =>
                {
                    return Ok(Answer::Identity {
                        identity: identity.into(),
                        by: next.unwrap_or(token),
                        refused,
                    });
                }
                Ok(_) => return Ok(Answer::Failed(IdTokenFault::Subject.into())),
                Err(error) if error.is_about_refresh_token() => refused.push((token, error)),
                Err(error) => return Ok(Answer::Failed(error)),
            }
        }
        Ok(refused.into_iter().next().map_or(Answer::None, |(_, error)| Answer::Refused(error)))
    }

    /// Keeps the groups, the newer hint and the refresh tokens of a session.
    async fn keep(
        &self,
        session: &Session,
        groups: &[String],
        newer_hint: Option<&IdTokenHint>,
        tokens: KeptRefreshToken,
        due_at: Timestamp,
    ) -> Result<(), SignInError> {
        let revalidation = tokens.seal(self.tickets, session.id, session.expires_at, due_at)?;
        Ok(self.ender.sessions.keep_answer(session.id, groups, newer_hint, Some(&revalidation)).await?)
    }

    /// Leaves sessions alone for a while, and ends those that the provider does not answer about for too long.
    /// Where that ends all of them, the person may not come in again.
    async fn defer(
        &self,
        round: &Round<'_>,
        asked: &Asked<'_>,
        kept: &[Kept],
        error: ProviderError,
        judged: &mut Judged,
    ) -> Result<(), SignInError> {
        let mut rejected = Vec::new();
        for Kept { session, tokens } in kept {
            match &error {
                // It answers others well, so it refuses this person.
                ProviderError::RefreshFailed(reason) if self.answers_others(round, tokens.told_at) => {
                    let error = ProviderError::RefreshRejected(Some(ForeignText::new(reason)));
                    rejected.push((session, error.into()));
                }
                error if self.goes_unanswered(round, tokens.told_at) => {
                    rejected.push((session, error.clone().into()));
                }
                _ => {}
            }
        }
        if rejected.len() == kept.len() {
            return self.reject(round, asked, rejected, judged).await;
        }
        for (session, error) in rejected {
            self.end_rejected_session(round, session, &error, judged).await?;
        }
        judged.deferred = Some(error);
        Ok(())
    }

    /// Ends the sessions of a person who may not come in again.
    async fn end_all(
        &self,
        round: &Round<'_>,
        asked: &Asked<'_>,
        kept: &[Kept],
        error: &SignInError,
        judged: &mut Judged,
    ) -> Result<(), SignInError> {
        let rejected = kept.iter().map(|kept| (&kept.session, error.clone())).collect();
        self.reject(round, asked, rejected, judged).await
    }

    /// Ends all sessions of a person. Access tokens that were made with the identity open nothing until the person
    /// comes in once more.
    async fn reject(
        &self,
        round: &Round<'_>,
        asked: &Asked<'_>,
        rejected: Vec<(&Session, SignInError)>,
        judged: &mut Judged,
    ) -> Result<(), SignInError> {
        // First, for nobody asks again once the sessions are ended; and last, for a token that was made meanwhile:
        // from the end of its session on there is none.
        self.suspend_tokens(asked).await?;
        for (session, error) in rejected {
            self.end_rejected_session(round, session, &error, judged).await?;
        }
        self.suspend_tokens(asked).await
    }

    async fn suspend_tokens(&self, asked: &Asked<'_>) -> Result<(), SignInError> {
        let ExternalSession { issuer, subject, .. } = asked.external;
        Ok(self.access_tokens.keep_admission(issuer, subject, None, asked.at).await?)
    }

    /// Returns whether the person signed in again while the provider was asked: that may be why it refused the
    /// tokens from before.
    async fn has_newer_session(
        &self,
        external: &ExternalSession,
        kept: &[Kept],
    ) -> Result<bool, SignInError> {
        let Some(account) = kept.first().map(|kept| kept.session.account) else { return Ok(false) };
        let sessions = self.ender.sessions.list_of(account, self.ender.clock.now()).await?;
        let is_of_person = |session: &&Session| {
            session.external.as_ref().is_some_and(|other| {
                other.provider == external.provider
                    && other.issuer == external.issuer
                    && other.subject == external.subject
                    && other.revalidation.is_some()
            })
        };
        let is_new = |session: &Session| kept.iter().all(|kept| kept.session.id != session.id);
        Ok(sessions.iter().filter(is_of_person).any(is_new))
    }

    /// Returns whether the provider answered about others since this person was due, and lately.
    fn answers_others(&self, round: &Round<'_>, told_at: Timestamp) -> bool {
        let lately = self.ender.clock.now().minus(LEASE * 2);
        self.last_answers.has_answered_after(&round.id, told_at.plus(round.interval).max(lately))
    }

    /// Returns whether the provider answers about others but not about this session, or has not answered for
    /// too long.
    fn goes_unanswered(&self, round: &Round<'_>, told_at: Timestamp) -> bool {
        let silence = self.ender.clock.now().since(told_at);
        let some = round.interval.saturating_mul(INTERVALS_WITHOUT_ANSWER);
        let speaks = self.last_answers.has_answered_after(&round.id, told_at.plus(round.interval));
        silence > some.max(LONGEST_WITHOUT_ANSWER) || (silence > some && speaks)
    }

    /// Returns the account that the identity opens.
    async fn linked_account(&self, external: &ExternalSession) -> Result<Account, SignInError> {
        let found = self.identities.find_by_identity(&external.issuer, &external.subject).await?;
        found.ok_or_else(|| LinkError::IdentityUnknown.into())
    }

    /// Returns what is kept for a session, if its identity still opens its account.
    fn opened(
        &self,
        account: &Result<Account, SignInError>,
        session: &Session,
    ) -> Result<KeptRefreshToken, SignInError> {
        let account = account.as_ref().map_err(Clone::clone)?;
        if account.id != session.account || !account.is_active() {
            return Err(AccountError::Disabled.into());
        }
        let external = session.external.as_ref().ok_or(AttemptError::Unknown)?;
        KeptRefreshToken::open(self.tickets, session.id, external)
    }

    async fn end_rejected_session(
        &self,
        round: &Round<'_>,
        session: &Session,
        error: &SignInError,
        judged: &mut Judged,
    ) -> Result<(), SignInError> {
        self.ender.end(session.id).await?;
        self.ender.observer.observe(&SignInEvent::RevalidationRejected {
            account: session.account,
            session: session.id,
            provider: round.id.clone(),
            code: error.code(),
            error: error.to_string(),
            explanation: self.providers.explanation(&round.id, error),
        });
        judged.decided += 1;
        Ok(())
    }
}

/// One go at one provider.
struct Round<'a> {
    provider: &'a dyn IdentityProvider,
    id: ProviderId,
    interval: Duration,
    leased_until: Timestamp,
}

/// The person whom a provider was asked about, and when: its answer counts from then on, so a sign-in meanwhile
/// is newer.
struct Asked<'a> {
    external: &'a ExternalSession,
    at: Timestamp,
}

/// A session with the refresh tokens that are kept for it.
struct Kept {
    session: Session,
    tokens: KeptRefreshToken,
}

/// The answer about a person.
enum Answer {
    /// The person's claims, by one of the tokens; and the tokens that were refused before.
    Identity {
        identity: Box<ExternalIdentity>,
        by: RefreshToken,
        refused: Vec<(RefreshToken, ProviderError)>,
    },
    /// All tokens are refused.
    Refused(ProviderError),
    /// Another failure.
    Failed(ProviderError),
    /// There was nothing to ask with.
    None,
}

/// The result of one go.
#[derive(Default)]
struct Judged {
    decided: u64,
    deferred: Option<ProviderError>,
}

/// The sessions of each person, in the order of the first of each.
fn by_person(sessions: Vec<Session>) -> Vec<Vec<Session>> {
    let person = |session: &Session| {
        session.external.as_ref().map(|external| (external.issuer.clone(), external.subject.clone()))
    };
    let mut people: Vec<Vec<Session>> = Vec::new();
    for session in sessions {
        let same = |others: &&mut Vec<Session>| others.first().and_then(person) == person(&session);
        match people.iter_mut().find(same) {
            Some(others) => others.push(session),
            None => people.push(vec![session]),
        }
    }
    people
}

/// The refresh tokens of a person to ask with, each once.
fn newest_first(kept: &[Kept]) -> Vec<RefreshToken> {
    let mut tokens: Vec<(&str, Timestamp)> = kept.iter().flat_map(|kept| kept.tokens.tokens()).collect();
    tokens.sort_by_key(|(_, given_at)| Reverse(*given_at));
    let mut known = HashSet::new();
    tokens.retain(|(token, _)| known.insert(*token));
    tokens.into_iter().filter_map(|(token, _)| RefreshToken::parse(token).ok()).take(TOKENS_AT_ONCE).collect()
}

#[cfg(test)]
mod tests;
