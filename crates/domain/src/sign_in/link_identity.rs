use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check_request::as_many_as_fit;
use super::{BegunSignIn, CheckedRequest, SignIn, Ticket, Visitor};
use crate::attempt::{PresentedAttempt, SignInAttempt};
use crate::error::{AccessError, AccountError, AttemptError, LinkError, Refusal, SignInError};
use crate::identity::{EmailClaim, ExternalIdentity, Memberships};
use crate::people::{Account, AccountId, AccountStatus, DisplayName, EmailAddress, Password, PasswordHash};
use crate::ports::{IdentityChange, IdentityLink, IdentityRemoval, SignInEvent};
use crate::protocol::{Hints, Issuer, ProviderSessionId, Subject};
use crate::provider::{ProviderDescription, ProviderId};
use crate::return_to::ReturnTo;
use crate::session::{Session, SessionClaims, SessionToken};
use crate::time::Timestamp;

/// A link that waits for proof, as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLink {
    /// Whose word the new identity is.
    pub provider: ProviderDescription,
    /// Who the person is there: the address, or else the name.
    pub identity: String,
    /// Whether the person asked for it on their own page. Otherwise the account merely has the address.
    pub was_asked_for: bool,
    /// Whether this browser is signed in to the account, and recently enough or since it asked: saying yes is then proof.
    pub session_proves: bool,
    /// Whether the account's password can prove it.
    pub password_proves: bool,
}

/// Somebody who proved that an identity is theirs, and is signed in by it.
#[derive(Debug)]
pub struct LinkedSignIn {
    /// Opens the session.
    pub token: SessionToken,
    /// Where to go.
    pub return_to: ReturnTo,
    /// Whose word the identity is.
    pub provider: ProviderId,
}

/// What the ticket of a link says: everything of the identity that a session needs, but no hint for signing out and no refresh
/// token, for which there is no room.
#[derive(Serialize, Deserialize)]
struct LinkDue {
    account: AccountId,
    provider: String,
    issuer: Issuer,
    subject: Subject,
    address: Option<EmailAddress>,
    was_asked_for: bool,
    name: Option<DisplayName>,
    groups: Vec<String>,
    methods: Vec<String>,
    authenticated_at: Option<Timestamp>,
    session: Option<String>,
    return_to: ReturnTo,
}

const LINK_DUE: &str = "link an identity";

/// How many bytes of groups a ticket has room for.
const MAX_GROUPS_LEN: usize = 1024;

/// How many bytes of methods it has room for: as many as a session token.
const MAX_METHODS_LEN: usize = SessionClaims::MAX_METHODS_LEN;

/// How long after signing in somebody may change what opens their account without proving again who they are.
const RECENTLY: Duration = Duration::from_mins(10);

impl SignIn {
    /// What the link that a ticket is for would do, and how it can be proved.
    ///
    /// # Errors
    /// When the ticket is not good (any more).
    pub async fn pending_link(&self, ticket: &Ticket, visitor: &Visitor<'_>) -> Result<PendingLink, Refusal> {
        let pending = async {
            let (due, account) = self.link_due(ticket).await?;
            let provider = self.provider(Some(&provider_id(&due)?))?.description();
            Ok(PendingLink {
                provider,
                session_proves: self.session_proves(&due, visitor).await,
                password_proves: self.passwords_are_on()
                    && self.ports.credentials.credential(account.id).await?.is_some(),
                was_asked_for: due.was_asked_for,
                identity: match (&due.address, &due.name) {
                    (Some(address), _) => address.to_string(),
                    (None, Some(name)) => name.as_str().to_owned(),
                    (None, None) => due.subject.to_string(),
                },
            })
        };
        pending.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// Links the identity that a ticket is for, on proof: the account's password, or else a session of the account in this
    /// browser, begun a moment ago. The person is then signed in by it; all other sessions of the account end, for they
    /// may belong to whoever prepared the account for its owner to step into.
    ///
    /// # Errors
    /// When nothing was linked. The ticket stays good until it expires, so another password can be tried.
    pub async fn confirm_link(
        &self,
        ticket: &Ticket,
        password: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<LinkedSignIn, Refusal> {
        let confirmed = async {
            let (due, account) = self.link_due(ticket).await?;
            let (credential, change) = if let Some(password) = password {
                self.need_passwords()?;
                let proven = self.prove_owner(account.clone(), Some(password), visitor).await?.credential;
                if proven.must_change {
                    // Whoever made it knows it too, so it proves nothing until its person has changed it.
                    return Err(AccessError::ReauthenticationNeeded.into());
                }
                (Some(proven), IdentityChange::ProvedByPassword)
            } else {
                // Read before the session is, which ends with every change of it.
                let present = self.ports.credentials.credential(account.id).await?;
                if !self.session_proves(&due, visitor).await {
                    return Err(AccessError::ReauthenticationNeeded.into());
                }
                (present, IdentityChange::ProvedBySession)
            };
            let credential = credential.map(|credential| credential.hash);
            let provider = provider_id(&due)?;
            let return_to = due.return_to.clone();
            let identity = identity(due)?;
            self.link(account.id, &provider, &identity, credential.as_ref(), change).await?;
            self.end_all_sessions_of(account.id, None).await?;
            let token = self.signed_in_at(&provider, &account, identity, false, visitor).await?;
            Ok(LinkedSignIn { token, return_to, provider })
        };
        confirmed.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// Begins to link a further identity to the account that this browser is signed in to. With proof: the password, or a
    /// session begun a moment ago.
    ///
    /// # Errors
    /// When there is no proof, or the provider cannot be asked.
    pub async fn begin_link(
        &self,
        provider: Option<&ProviderId>,
        return_to: ReturnTo,
        pending: &[PresentedAttempt],
        password: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<BegunSignIn, Refusal> {
        let begun = async {
            let account = self.recently_proven_account(password, visitor).await?;
            let link_to = Some(account.id);
            self.try_begin_external(provider, Hints::default(), &return_to, pending, link_to).await
        };
        begun.await.map_err(|error| self.refuse(error, None, provider.cloned(), return_to))
    }

    /// Takes an identity from one's own account, with the same proof. The last thing that opens the account stays.
    ///
    /// # Errors
    /// When nothing was taken.
    pub async fn unlink(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        password: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<(), Refusal> {
        let unlinked = async {
            let account = self.recently_proven_account(password, visitor).await?;
            match self.ports.identities.unlink(account.id, issuer, subject).await? {
                IdentityRemoval::Removed => {}
                IdentityRemoval::NotFound => return Err(LinkError::IdentityUnknown.into()),
                IdentityRemoval::LastCredential => return Err(LinkError::LastCredential.into()),
            }
            self.ports.log.record(SignInEvent::Unlinked { account: account.id, issuer: issuer.clone() });
            self.end_other_sessions_from(issuer, subject, &account, visitor).await
        };
        unlinked.await.map_err(|error| self.refuse(error, None, None, ReturnTo::main_page()))
    }

    /// Ends the sessions of an account that began with an identity, but not this browser's: its person has just proved who
    /// they are.
    async fn end_other_sessions_from(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        account: &Account,
        visitor: &Visitor<'_>,
    ) -> Result<(), SignInError> {
        let here = self.session_of(visitor).await?.claims.sid;
        let now = self.ports.clock.now();
        let began_with_it = |session: &Session| {
            session
                .external
                .as_ref()
                .is_some_and(|external| external.issuer == *issuer && external.subject == *subject)
        };
        for session in self.ports.sessions.list_of(account.id, now).await? {
            if session.id != here && began_with_it(&session) {
                self.forget_sessions([session.id]);
                self.ports.sessions.end(session.id, now).await?;
            }
        }
        Ok(())
    }

    /// Asks whoever came with the identity to prove that the account is theirs.
    pub(super) fn ask_for_proof(
        &self,
        account: &Account,
        attempt: &SignInAttempt,
        identity: ExternalIdentity,
    ) -> Result<Ticket, SignInError> {
        let address = match identity.email {
            EmailClaim::Stated { address, .. } => Some(address),
            EmailClaim::Missing | EmailClaim::Malformed => None,
        };
        let due = LinkDue {
            account: account.id,
            provider: attempt.provider.as_str().to_owned(),
            issuer: identity.issuer,
            subject: identity.subject,
            address,
            was_asked_for: attempt.link_to.is_some(),
            name: identity.name,
            groups: as_many_as_fit(&identity.groups, MAX_GROUPS_LEN),
            methods: as_many_as_fit(&identity.authentication_methods, MAX_METHODS_LEN),
            authenticated_at: identity.authenticated_at,
            session: identity.session.map(|session| session.as_str().to_owned()),
            return_to: attempt.return_to.clone(),
        };
        let ticket = self.seal_ticket(LINK_DUE, &due);
        // A target that makes the ticket too large is given up rather than the link.
        Ok(ticket
            .or_else(|_| self.seal_ticket(LINK_DUE, LinkDue { return_to: ReturnTo::main_page(), ..due }))?)
    }

    /// The account for which its person began to add an identity, if this is the very browser that is still signed in to it.
    /// The person is asked once more, for somebody else may have been signed in at the provider in this browser.
    pub(super) async fn owner_who_asked(
        &self,
        account: AccountId,
        visitor: &Visitor<'_>,
    ) -> Result<Account, SignInError> {
        let owner = self.account_of(visitor).await?;
        if owner.id == account { Ok(owner) } else { Err(LinkError::AnotherSession.into()) }
    }

    /// Whether this browser's session proves the account that a link is for.
    async fn session_proves(&self, due: &LinkDue, visitor: &Visitor<'_>) -> bool {
        let account = if due.was_asked_for {
            // Whoever asked has proved who they are just before.
            self.session_of(visitor).await.ok().map(|checked| checked.claims.sub)
        } else {
            self.recent_session(visitor).await.map(|session| session.account)
        };
        account == Some(due.account)
    }

    async fn link(
        &self,
        account: AccountId,
        provider: &ProviderId,
        identity: &ExternalIdentity,
        credential: Option<&PasswordHash>,
        change: IdentityChange,
    ) -> Result<(), SignInError> {
        match self.ports.identities.link(account, identity, credential, self.ports.clock.now()).await? {
            IdentityLink::Linked => {}
            IdentityLink::IdentityTaken => return Err(LinkError::IdentityTaken.into()),
            IdentityLink::Refused => return Err(AccountError::Disabled.into()),
            IdentityLink::CredentialChanged => return Err(AccessError::ReauthenticationNeeded.into()),
        }
        self.ports.log.record(SignInEvent::Linked { account, provider: provider.clone(), change });
        Ok(())
    }

    async fn link_due(&self, ticket: &Ticket) -> Result<(LinkDue, Account), SignInError> {
        let due: LinkDue = self.open_ticket(LINK_DUE, ticket)?;
        let account = self.ports.accounts.find(due.account).await?;
        let account = account.filter(|account| account.status == AccountStatus::Active);
        Ok((due, account.ok_or(AccountError::Disabled)?))
    }

    /// The account of this browser's session, if it began a moment ago or the account's password comes with the request.
    pub(super) async fn recently_proven_account(
        &self,
        password: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<Account, SignInError> {
        let account = self.account_of(visitor).await?;
        if self.recent_session(visitor).await.is_some() {
            return Ok(account);
        }
        let password = password.ok_or(AccessError::ReauthenticationNeeded)?;
        self.need_passwords()?;
        Ok(self.prove_owner(account, Some(password), visitor).await?.account)
    }

    /// This browser's session, if it began a moment ago.
    pub(super) async fn recent_session(&self, visitor: &Visitor<'_>) -> Option<Session> {
        let checked = self.session_of(visitor).await.ok()?;
        let session = self.ports.sessions.find(checked.claims.sid).await.ok()??;
        let now = self.ports.clock.now();
        let is_live = session.is_live(now, self.policy.session_idle_limit);
        (is_live && now < session.created_at.plus(RECENTLY)).then_some(session)
    }

    /// This browser's session.
    pub(super) async fn session_of(&self, visitor: &Visitor<'_>) -> Result<CheckedRequest, SignInError> {
        let token = visitor.session_token.ok_or(AccessError::NotSignedIn)?;
        self.check_request(token).await.map_err(|_| AccessError::NotSignedIn.into())
    }
}

fn provider_id(due: &LinkDue) -> Result<ProviderId, SignInError> {
    ProviderId::parse(&due.provider).map_err(|_| SignInError::ProviderUnknown)
}

fn identity(due: LinkDue) -> Result<ExternalIdentity, SignInError> {
    let session = due.session.map(|session| ProviderSessionId::parse(&session)).transpose();
    Ok(ExternalIdentity {
        issuer: due.issuer,
        subject: due.subject,
        email: match due.address {
            Some(address) => EmailClaim::Stated { address, verified: !due.was_asked_for },
            None => EmailClaim::Missing,
        },
        name: due.name,
        groups: due.groups,
        memberships: Memberships::default(),
        authentication_methods: due.methods,
        authenticated_at: due.authenticated_at,
        session: session.map_err(|_| AttemptError::Unknown)?,
        id_token_hint: None,
        refresh_token: None,
    })
}

#[cfg(test)]
mod tests;
