use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::SignIn;
use super::recent_checks::Checked;
use crate::error::SignInError;
use crate::people::{Account, AccountStatus};
use crate::ports::{SignInEvent, TokenFault};
use crate::session::{Session, SessionClaims, SessionToken};
use crate::time::Timestamp;

/// A request of somebody who is signed in.
#[derive(Clone, Debug)]
pub struct CheckedRequest {
    /// Who is asking.
    pub claims: Arc<SessionClaims>,
    /// A token to replace the presented one, which has expired, or states another role or other groups than the person has
    /// by now, while its session lives.
    pub renewed: Option<SessionToken>,
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSignedIn {
    /// What was presented is not a token of this lab.
    #[error(transparent)]
    NotAToken(#[from] TokenFault),
    /// The session has ended: by sign-out, by its limits, or it was deleted.
    #[error("the session has ended")]
    SessionEnded,
    /// The account was disabled or deleted.
    #[error("the account is disabled")]
    AccountDisabled,
    /// We could not find out; that means no.
    #[error("the session could not be checked")]
    Unavailable,
}

impl SignIn {
    /// Says who presents this session token. This runs on every request of the lab.
    ///
    /// An expired token whose session lives is renewed, and one whose role or groups have changed. That is idempotent:
    /// requests at the same time may each get a token, all of the same session.
    ///
    /// # Errors
    /// When nobody is signed in, or it cannot be found out.
    pub async fn check_request(&self, token: &str) -> Result<CheckedRequest, NotSignedIn> {
        let now = self.ports.clock.now();
        let checked = match self.recent.find(token, now) {
            Some(checked) => checked,
            None => self.check_thoroughly(token, now).await?,
        };
        Ok(CheckedRequest { claims: checked.claims, renewed: checked.renewed })
    }

    async fn check_thoroughly(&self, token: &str, now: Timestamp) -> Result<Checked, NotSignedIn> {
        let claims = self.ports.tokens.authenticate(token)?;
        if self.recent.has_ended(claims.sid) {
            return Err(NotSignedIn::SessionEnded);
        }
        let (session, account) = self.session_and_account(&claims).await.map_err(|error| {
            self.ports.log.record(SignInEvent::CheckFailed { error });
            NotSignedIn::Unavailable
        })?;
        let session = session
            .filter(|session| {
                session.account == claims.sub && session.is_live(now, self.policy.session_idle_limit)
            })
            .ok_or(NotSignedIn::SessionEnded)?;
        let account = account
            .filter(|account| account.status == AccountStatus::Active)
            .ok_or(NotSignedIn::AccountDisabled)?;

        // What a person may do must not outlive the change of it by a token's life.
        let groups = as_many_as_fit(&session.groups, SessionClaims::MAX_GROUPS_LEN);
        let says_so = claims.role == account.role && claims.groups == groups;
        let checked = if now < claims.exp && says_so {
            Checked { claims: Arc::new(claims), renewed: None, at: now }
        } else {
            self.renew(&account, &session, now).await.map_err(|error| {
                self.ports.log.record(SignInEvent::CheckFailed { error });
                NotSignedIn::Unavailable
            })?
        };
        self.recent.remember(token, checked.clone());
        Ok(checked)
    }

    async fn session_and_account(
        &self,
        claims: &SessionClaims,
    ) -> Result<(Option<Session>, Option<Account>), SignInError> {
        let session = self.ports.sessions.find(claims.sid).await?;
        let account = self.ports.accounts.find(claims.sub).await?;
        Ok((session, account))
    }

    async fn renew(
        &self,
        account: &Account,
        session: &Session,
        now: Timestamp,
    ) -> Result<Checked, SignInError> {
        let claims = self.claims(account, session, now);
        let token = self.ports.tokens.issue(&claims)?;
        self.ports.sessions.touch(session.id, now).await?;
        Ok(Checked { claims: Arc::new(claims), renewed: Some(token), at: now })
    }

    /// What a token issued now says. It never outlives its session.
    pub(super) fn claims(&self, account: &Account, session: &Session, now: Timestamp) -> SessionClaims {
        let mut token_id = [0; 12];
        self.ports.entropy.fill(&mut token_id);
        let origin = self.policy.public_url.origin();
        SessionClaims {
            iss: origin.to_owned(),
            aud: origin.to_owned(),
            sub: account.id,
            sid: session.id,
            exp: now.plus(self.policy.token_lifetime).min(session.expires_at),
            iat: now,
            jti: BASE64_URL_SAFE_NO_PAD.encode(token_id),
            username: account.username.clone(),
            email: account.email.clone(),
            name: account.name.clone(),
            role: account.role,
            groups: as_many_as_fit(&session.groups, SessionClaims::MAX_GROUPS_LEN),
            amr: as_many_as_fit(&session.authentication_methods, SessionClaims::MAX_METHODS_LEN),
            auth_time: session.authenticated_at,
        }
    }
}

/// The first texts that there is room for, as long as they are in JSON; one that does not fit is left out whole, and so
/// is what follows it.
pub(super) fn as_many_as_fit(texts: &[String], max_len: usize) -> Vec<String> {
    let mut room = max_len;
    texts
        .iter()
        .take_while(|text| {
            let len = serde_json::to_string(text).map_or(usize::MAX, |json| json.len() + 1);
            let fits = len <= room;
            room = room.saturating_sub(len);
            fits
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests;
