//! How every way of signing in ends.

use super::{SignIn, Visitor};
use crate::error::{AccountError, PasswordError, SignInError};
use crate::identity::ExternalIdentity;
use crate::people::{Account, AccountStatus, Credential};
use crate::ports::Source;
use crate::protocol::RefreshToken;
use crate::provider::ProviderId;
use crate::session::{ExternalSession, Session, SessionId, SessionToken};
use crate::time::Timestamp;

/// How a person proved who they are.
pub(super) struct Proof {
    means: Means,
    /// The groups the person is in.
    groups: Vec<String>,
    /// In what way (`amr`, RFC 8176).
    methods: Vec<String>,
    /// When, if that was not just now.
    at: Option<Timestamp>,
}

/// What a person proved themselves with.
enum Means {
    /// The password that this was made of.
    Password(Credential),
    /// The word of a provider, and what asks for it again.
    Provider(ExternalSession, Option<RefreshToken>),
}

impl Proof {
    /// With a password, just now.
    pub(super) fn password(credential: Credential) -> Self {
        let means = Means::Password(credential);
        Self { means, groups: Vec::new(), methods: vec!["pwd".to_owned()], at: None }
    }

    /// At a provider.
    pub(super) fn external(provider: ProviderId, identity: ExternalIdentity) -> Self {
        Self {
            means: Means::Provider(
                ExternalSession {
                    provider,
                    issuer: identity.issuer,
                    subject: identity.subject,
                    id: identity.session,
                    id_token_hint: identity.id_token_hint,
                    recheck: None,
                },
                identity.refresh_token,
            ),
            groups: identity.groups,
            methods: identity.authentication_methods,
            at: identity.authenticated_at,
        }
    }
}

impl SignIn {
    /// Opens a new session: never one whose id existed before. The one that the browser had so far ends.
    ///
    /// Whatever takes a way into an account away ends the account's sessions too. One that is being opened at that moment
    /// would escape, so the way in is looked at once more when the session is there.
    pub(super) async fn open_session(
        &self,
        account: &Account,
        proof: Proof,
        visitor: &Visitor<'_>,
    ) -> Result<(SessionId, SessionToken), SignInError> {
        let now = self.ports.clock.now();
        let mut session = Session {
            id: SessionId::fresh(&*self.ports.entropy),
            account: account.id,
            external: match &proof.means {
                Means::Password(_) => None,
                Means::Provider(external, _) => Some(external.clone()),
            },
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
        if let Means::Provider(external, refresh_token) = &proof.means {
            self.plan_recheck(&mut session, &external.provider, refresh_token.as_ref())?;
        }
        let token = self.ports.tokens.issue(&self.claims(account, &session, now))?;
        self.ports.sessions.create(&session).await?;
        if let Err(error) = self.still_opens(account, &proof.means).await {
            self.forget_sessions([session.id]);
            self.ports.sessions.end(session.id, now).await?;
            return Err(error);
        }
        if let Some(previous) = visitor.session_token {
            self.end_session_of(previous).await?;
        }
        Ok((session.id, token))
    }

    /// Where the operator wants a provider to be asked again: when, and with what. Where it gave us nothing to ask with, the
    /// person has to come by it again at that time.
    fn plan_recheck(
        &self,
        session: &mut Session,
        provider: &ProviderId,
        refresh_token: Option<&RefreshToken>,
    ) -> Result<(), SignInError> {
        let Some(interval) = self.provider(Some(provider))?.description().recheck else { return Ok(()) };
        let due_at = session.created_at.plus(interval);
        // One that cannot be sealed is as good as none.
        let recheck = refresh_token.and_then(|token| {
            let told_at = session.created_at;
            self.seal_refresh_token(session.id, session.expires_at, token, told_at, due_at).ok()
        });
        match (&mut session.external, recheck) {
            (Some(external), Some(recheck)) => external.recheck = Some(recheck),
            _ => session.expires_at = session.expires_at.min(due_at),
        }
        Ok(())
    }

    async fn still_opens(&self, account: &Account, means: &Means) -> Result<(), SignInError> {
        match means {
            Means::Password(proven) => {
                let present = self.ports.credentials.credential(account.id).await?;
                if present.as_ref() == Some(proven) { Ok(()) } else { Err(PasswordError::Wrong.into()) }
            }
            Means::Provider(ExternalSession { issuer, subject, .. }, _) => {
                let present = self.ports.identities.find_by_identity(issuer, subject).await?;
                let is_theirs = |it: Account| it.id == account.id && it.status == AccountStatus::Active;
                if present.is_some_and(is_theirs) { Ok(()) } else { Err(AccountError::Disabled.into()) }
            }
        }
    }
}
