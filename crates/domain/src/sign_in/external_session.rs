use super::open_session::SessionOpener;
use super::provider_list::ProviderList;
use super::refresh_token::KeptRefreshToken;
use super::ticket::Tickets;
use super::trail::Outcome;
use super::trails::OpenTrail;
use super::visitor::Visitor;
use crate::error::{AccountError, SignInError};
use crate::identity::ExternalIdentity;
use crate::people::Account;
use crate::ports::IdentityStore;
use crate::protocol::RefreshToken;
use crate::provider::ProviderId;
use crate::session::{ExternalSession, Session, SessionToken};

/// Opens sessions on the word of a provider.
#[derive(Clone, Copy)]
pub struct ExternalSessions<'a> {
    /// Says which account an identity opens.
    pub identities: &'a dyn IdentityStore,
    /// Say how often a session is revalidated.
    pub providers: ProviderList<'a>,
    /// Seals refresh tokens.
    pub tickets: Tickets<'a>,
    /// Opens the sessions.
    pub opener: SessionOpener<'a>,
}

impl ExternalSessions<'_> {
    /// Opens a session for the person of this identity, which opens the account.
    pub(super) async fn open(
        &self,
        provider: &ProviderId,
        account: &Account,
        identity: ExternalIdentity,
        created: bool,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<SessionToken, SignInError> {
        let mut session = self.opener.draft(account, visitor);
        if let Some(at) = identity.authenticated_at {
            session.authenticated_at = at.min(session.created_at);
        }
        session.groups = identity.groups;
        session.authentication_methods = identity.authentication_methods;
        let mut external = ExternalSession {
            provider: provider.clone(),
            issuer: identity.issuer,
            subject: identity.subject,
            id: identity.session,
            id_token_hint: identity.id_token_hint,
            revalidation: None,
        };
        self.plan_revalidation(&mut session, &mut external, identity.refresh_token.as_ref())?;
        let still_opens = async {
            let present = self.identities.find_by_identity(&external.issuer, &external.subject).await?;
            let is_theirs = |it: Account| it.id == account.id && it.is_active();
            if present.is_some_and(is_theirs) { Ok(()) } else { Err(AccountError::Disabled.into()) }
        };
        session.external = Some(external.clone());
        let token = self.opener.open(account, &session, visitor, trail, still_opens).await?;
        trail.conclude(Outcome::SignedIn { account: account.id, session: session.id, created });
        Ok(token)
    }

    /// Says when the provider is asked again, and with what. Without a refresh token the session ends at that
    /// time, and the person has to sign in again.
    fn plan_revalidation(
        &self,
        session: &mut Session,
        external: &mut ExternalSession,
        refresh_token: Option<&RefreshToken>,
    ) -> Result<(), SignInError> {
        let description = self.providers.get(Some(&external.provider))?.description();
        let Some(interval) = description.revalidation else { return Ok(()) };
        let due_at = session.created_at.plus(interval);
        // One that cannot be sealed is as good as none.
        external.revalidation = refresh_token.and_then(|token| {
            let kept = KeptRefreshToken::new(token, session.created_at);
            kept.seal(self.tickets, session.id, session.expires_at, due_at).ok()
        });
        if external.revalidation.is_none() {
            session.expires_at = session.expires_at.min(due_at);
        }
        Ok(())
    }
}
