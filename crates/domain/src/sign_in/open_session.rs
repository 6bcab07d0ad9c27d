//! The end of every way of signing in: a session.

use super::claims::claims;
use super::end_sessions::SessionEnder;
use super::policy::Policy;
use super::trail::{Outcome, Step};
use super::trails::OpenTrail;
use super::visitor::Visitor;
use crate::device::DeviceToken;
use crate::error::{AccountError, PasswordError, SignInError};
use crate::people::{Account, Credential};
use crate::ports::{CredentialStore, SessionTerms, TokenIssuer};
use crate::session::{Session, SessionId, SessionToken};
use crate::world::Entropy;

/// Opens sessions.
#[derive(Clone, Copy)]
pub struct SessionOpener<'a> {
    /// Signs the session's token.
    pub tokens: &'a dyn TokenIssuer,
    /// Holds the sessions, and ends the browser's previous one.
    pub ender: SessionEnder<'a>,
    /// Names sessions and tokens.
    pub entropy: &'a dyn Entropy,
    /// The limits of sessions and tokens.
    pub policy: &'a Policy,
}

/// A new session of a person who knows the account's password.
#[derive(Debug)]
pub struct PasswordSession {
    /// Opens the session.
    pub token: SessionToken,
    /// Makes the browser known to the account, for the next time.
    pub device: DeviceToken,
}

impl SessionOpener<'_> {
    /// Returns a session that begins now. Its id never existed before, so session fixation finds nothing to
    /// fix.
    pub(super) fn draft(self, account: &Account, visitor: &Visitor<'_>) -> Session {
        let now = self.ender.clock.now();
        Session {
            id: SessionId::fresh(self.entropy),
            account: account.id,
            external: None,
            user_agent: visitor.user_agent.clone(),
            address: visitor.source.address(),
            groups: Vec::new(),
            authentication_methods: Vec::new(),
            authenticated_at: now,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(self.policy.session_absolute_limit),
            ended_at: None,
        }
    }

    /// Opens a drafted session. The one that the browser had so far ends.
    ///
    /// Whatever takes a way into an account away, or a role, ends the account's sessions with it. The session
    /// is there first, then `still_opens` looks at the way in once more, and the last look is at the session
    /// itself: what was taken away until then has ended it, and its token is never handed out.
    pub(super) async fn open(
        self,
        account: &Account,
        session: &Session,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
        still_opens: impl Future<Output = Result<(), SignInError>>,
    ) -> Result<SessionToken, SignInError> {
        let audience = &self.policy.public_url.to_string();
        let claims = claims(self.policy, audience, self.entropy, account, session, session.created_at);
        let token = self.tokens.issue(&claims)?;
        let terms = SessionTerms {
            role: account.role,
            at_most: self.policy.max_sessions_per_account,
            seen_after: session.created_at.minus(self.policy.session_idle_limit),
        };
        if !self.ender.sessions.create(session, terms).await? {
            return Err(AccountError::ChangedMeanwhile.into());
        }
        if let Err(error) = still_opens.await {
            self.ender.end(session.id).await?;
            return Err(error);
        }
        if let Some(Ok(previous)) = visitor.session_token.map(|token| self.tokens.authenticate(token)) {
            self.ender.sign_out(&previous, visitor.source).await?;
            trail.step(Step::PreviousSessionEnded { session: previous.sid });
        }
        let opened = self.ender.sessions.find(session.id).await?;
        if opened.is_none_or(|opened| opened.ended_at.is_some()) {
            return Err(AccountError::ChangedMeanwhile.into());
        }
        trail.step(Step::SessionOpened { session: session.id, expires_at: session.expires_at });
        Ok(token)
    }

    /// Opens a session for a person who knows the account's password, and makes their browser a known device.
    pub(super) async fn open_with_password(
        self,
        credentials: &dyn CredentialStore,
        account: &Account,
        proven: Credential,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<PasswordSession, SignInError> {
        let device = DeviceToken::issue(account.id, &proven.hash, self.ender.clock.now(), self.entropy);
        let mut session = self.draft(account, visitor);
        session.authentication_methods = vec!["pwd".to_owned()];
        let still_opens = async {
            let present = credentials.credential(account.id).await?;
            if present == Some(proven) { Ok(()) } else { Err(PasswordError::Wrong.into()) }
        };
        let token = self.open(account, &session, visitor, trail, still_opens).await?;
        trail.conclude(Outcome::SignedIn { account: account.id, session: session.id, created: false });
        Ok(PasswordSession { token, device })
    }
}
