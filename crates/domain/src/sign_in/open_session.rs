//! How every way of signing in ends.

use super::{SignIn, Visitor};
use crate::error::SignInError;
use crate::identity::ExternalIdentity;
use crate::people::Account;
use crate::ports::Source;
use crate::provider::ProviderId;
use crate::session::{ExternalSession, Session, SessionId, SessionToken};
use crate::time::Timestamp;

/// How a person proved who they are.
pub(super) struct Proof {
    /// At which provider and as whom; `None` is here, with a password.
    external: Option<ExternalSession>,
    /// The groups the person is in.
    groups: Vec<String>,
    /// In what way (`amr`, RFC 8176).
    methods: Vec<String>,
    /// When, if that was not just now.
    at: Option<Timestamp>,
}

impl Proof {
    /// With a password, just now.
    pub(super) fn password() -> Self {
        Self { external: None, groups: Vec::new(), methods: vec!["pwd".to_owned()], at: None }
    }

    /// At a provider.
    pub(super) fn external(provider: ProviderId, identity: ExternalIdentity) -> Self {
        Self {
            external: Some(ExternalSession {
                provider,
                issuer: identity.issuer,
                subject: identity.subject,
                id: identity.session,
                id_token_hint: identity.id_token_hint,
            }),
            groups: identity.groups,
            methods: identity.authentication_methods,
            at: identity.authenticated_at,
        }
    }
}

impl SignIn {
    /// Opens a new session: never one whose id existed before. The one that the browser had so far ends.
    pub(super) async fn open_session(
        &self,
        account: &Account,
        proof: Proof,
        visitor: &Visitor<'_>,
    ) -> Result<(SessionId, SessionToken), SignInError> {
        let now = self.ports.clock.now();
        let session = Session {
            id: SessionId::fresh(&*self.ports.entropy),
            account: account.id,
            external: proof.external,
            user_agent: visitor.user_agent.clone(),
            address: visitor.source.map(Source::address),
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
        if let Some(previous) = visitor.session_token {
            self.end_session_of(previous).await?;
        }
        Ok((session.id, token))
    }
}
