use std::time::Duration;

use super::complete_external::{role_if_admitted, trusted_email};
use super::{SignIn, Ticket};
use crate::attempt::AttemptId;
use crate::error::SignInError;
use crate::people::{Account, AccountStatus};
use crate::ports::{IdentityProvider, RefreshRequest, SealError, SignInEvent};
use crate::protocol::RefreshToken;
use crate::provider::ProviderId;
use crate::session::{ExternalSession, Recheck, Session, SessionId};
use crate::time::Timestamp;

/// For how long a session that is being asked about is nobody else's to ask about, and one that could not be asked about is
/// left alone: longer than a provider may take to answer.
const LEASE: Duration = Duration::from_mins(2);

/// How many sessions are taken at once: no more than can be asked about within the lease.
const AT_ONCE: u32 = 8;

const REFRESH_TOKEN: &str = "refresh token";

impl SignIn {
    /// Asks a provider again about the people of all sessions for which it is time, and ends those whose people may not come in
    /// any more. To be called every now and then, on every replica. Answers how many sessions were asked about.
    ///
    /// A provider that cannot be used at the moment ends nothing: the sessions go on, and are asked about a little later.
    ///
    /// # Errors
    /// When there is no such provider, or the store failed; the rest is done next time.
    pub async fn recheck_sessions(&self, provider: &ProviderId) -> Result<u64, SignInError> {
        let provider = &**self.provider(Some(provider))?;
        let description = provider.description();
        let Some(interval) = description.recheck else { return Ok(0) };
        let mut asked = 0;
        loop {
            let now = self.ports.clock.now();
            let seen_after = now.minus(self.policy.session_idle_limit);
            let taken =
                self.ports.sessions.take_due(&description.id, now, seen_after, now.plus(LEASE), AT_ONCE);
            let taken = taken.await?;
            if taken.is_empty() {
                return Ok(asked);
            }
            for session in taken {
                asked += 1;
                match self.admit_again(provider, interval, &session).await {
                    Ok(()) => {}
                    Err(SignInError::Provider(error)) if error.may_pass() => {
                        let (provider, error) = (description.id, error.into());
                        let explanation = self.explanation(&provider, &error);
                        self.ports.log.record(SignInEvent::RecheckPutOff { provider, error, explanation });
                        return Ok(asked);
                    }
                    Err(error @ SignInError::Store(_)) => return Err(error),
                    Err(error) => self.keep_out(&session, &description.id, error).await?,
                }
            }
        }
    }

    /// Asks about the person of one session, and keeps what the provider says.
    async fn admit_again(
        &self,
        provider: &dyn IdentityProvider,
        interval: Duration,
        session: &Session,
    ) -> Result<(), SignInError> {
        let external = session.external.as_ref().ok_or(SignInError::AttemptUnknown)?;
        let account = self.linked_account(session, external).await?;
        let refresh_token = self.open_refresh_token(session.id, external)?;
        let request = RefreshRequest {
            refresh_token: refresh_token.clone(),
            issuer: external.issuer.clone(),
            subject: external.subject.clone(),
        };
        let identity = provider.ask_again(request).await?;
        if identity.issuer != external.issuer || identity.subject != external.subject {
            return Err(SignInError::AnotherSession);
        }
        // First of all: what it gave us for the next time must not be lost, for the last one is worth nothing any more.
        let next = identity.refresh_token.as_ref().unwrap_or(&refresh_token);
        let due_at = self.ports.clock.now().plus(interval);
        let recheck = self.seal_refresh_token(session.id, session.expires_at, next, due_at)?;
        self.ports.sessions.keep_answer(session.id, &identity.groups, Some(&recheck)).await?;

        let description = provider.description();
        let email = trusted_email(&description, &identity.email);
        let role = role_if_admitted(&description, &identity, email.as_ref().ok())?;
        self.with_role(account, role).await?;
        Ok(())
    }

    /// The account, if what the session began with opens it still.
    async fn linked_account(
        &self,
        session: &Session,
        external: &ExternalSession,
    ) -> Result<Account, SignInError> {
        let found = self.ports.accounts.find_by_identity(&external.issuer, &external.subject).await?;
        let is_theirs =
            |account: &Account| account.id == session.account && account.status == AccountStatus::Active;
        found.filter(is_theirs).ok_or(SignInError::AccountDisabled)
    }

    async fn keep_out(
        &self,
        session: &Session,
        provider: &ProviderId,
        error: SignInError,
    ) -> Result<(), SignInError> {
        self.forget_sessions([session.id]);
        self.ports.sessions.end(session.id, self.ports.clock.now()).await?;
        self.ports.log.record(SignInEvent::NotAdmittedAgain {
            account: session.account,
            session: session.id,
            provider: provider.clone(),
            explanation: self.explanation(provider, &error),
            error,
        });
        Ok(())
    }

    /// Bound to the session: what stands in the row of one opens nothing in the row of another.
    pub(super) fn seal_refresh_token(
        &self,
        session: SessionId,
        until: Timestamp,
        token: &RefreshToken,
        due_at: Timestamp,
    ) -> Result<Recheck, SealError> {
        let id = AttemptId::of_session(session);
        let refresh_token = self.seal_under(id, REFRESH_TOKEN, until, token.as_str())?.into_sealed();
        Ok(Recheck { refresh_token, due_at })
    }

    fn open_refresh_token(
        &self,
        session: SessionId,
        external: &ExternalSession,
    ) -> Result<RefreshToken, SignInError> {
        let recheck = external.recheck.as_ref().ok_or(SignInError::AttemptUnknown)?;
        let ticket = Ticket::of(AttemptId::of_session(session), recheck.refresh_token.clone());
        let token: String = self.open_ticket(REFRESH_TOKEN, &ticket)?;
        RefreshToken::parse(&token).map_err(|_| SignInError::AttemptUnknown)
    }
}

#[cfg(test)]
mod tests;
