//! How every way of signing in ends.

use super::SignIn;
use crate::error::SignInError;
use crate::people::Account;
use crate::provider::ProviderId;
use crate::session::{Session, SessionId, SessionToken};
use crate::time::Timestamp;

/// How a person proved who they are.
pub(super) struct Proof {
    /// Where; `None` is here, with a password.
    pub(super) provider: Option<ProviderId>,
    /// The groups the person is in.
    pub(super) groups: Vec<String>,
    /// In what way (`amr`, RFC 8176).
    pub(super) methods: Vec<String>,
    /// When, if that was not just now.
    pub(super) at: Option<Timestamp>,
}

impl Proof {
    /// With a password, just now.
    pub(super) fn password() -> Self {
        Self { provider: None, groups: Vec::new(), methods: vec!["pwd".to_owned()], at: None }
    }
}

impl SignIn {
    /// Opens a new session: never one whose id existed before. The one that the browser had so far ends.
    pub(super) async fn open_session(
        &self,
        account: &Account,
        proof: Proof,
        previous: Option<&str>,
    ) -> Result<(SessionId, SessionToken), SignInError> {
        let now = self.ports.clock.now();
        let session = Session {
            id: SessionId::fresh(&*self.ports.entropy),
            account: account.id,
            provider: proof.provider,
            groups: proof.groups,
            authentication_methods: proof.methods,
            authenticated_at: proof.at.map_or(now, |at| at.min(now)),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(self.policy.session_absolute_limit),
            ended_at: None,
        };
        let token = self.ports.tokens.issue(&self.claims(account, &session, now))?;
        self.ports.sessions.create(&session).await?;
        if let Some(previous) = previous {
            self.end_session_of(previous).await?;
        }
        Ok((session.id, token))
    }
}
