use super::act::OwnAct;
use super::begin_external::{BeginExternal, BegunSignIn};
use super::check_request::Requests;
use super::external_session::ExternalSessions;
use super::link_ticket::LinkDue;
use super::policy::Policy;
use super::prove_act::{ActProver, Proof};
use super::prove_password::PasswordProver;
use super::ticket::Ticket;
use super::trail::{FoundBy, Step, Way};
use super::trails::{OpenTrail, Trails};
use super::visitor::Visitor;
use crate::attempt::{AttemptPurpose, PresentedAttempt};
use crate::error::{AccessError, AccountError, AttemptError, LinkError, Refusal, SignInError};
use crate::identity::ExternalIdentity;
use crate::people::{Account, Password, PasswordHash};
use crate::ports::{
    Consumption, IdentityChange, IdentityLink, IdentityRemoval, Person, SignInEvent, SpentAttempts,
};
use crate::protocol::{Hints, Issuer, Subject};
use crate::provider::{ProviderDescription, ProviderId};
use crate::return_to::ReturnTo;
use crate::session::{Session, SessionToken};

/// Account linking: further identities for an account, on proof that both belong to one person.
#[derive(Clone, Copy)]
pub struct Linking<'a> {
    /// Says which account the visitor has.
    pub requests: Requests<'a>,
    /// Checks a password as proof.
    pub prover: PasswordProver<'a>,
    /// Takes the proof of what the person asks for on their own page.
    pub acts: ActProver<'a>,
    /// Sends the browser to the provider of a further identity.
    pub begin: BeginExternal<'a>,
    /// Stores the identity, and opens a session with it.
    pub external: ExternalSessions<'a>,
    /// Keeps a ticket from linking twice.
    pub spent_attempts: &'a dyn SpentAttempts,
    /// Says whether passwords count.
    pub policy: &'a Policy,
    /// Keeps the trail of each link.
    pub trails: Trails<'a>,
}

/// A link that waits for proof, as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLink {
    /// The provider of the new identity.
    pub provider: ProviderDescription,
    /// The person there: the address, or else the name.
    pub identity: String,
    /// The person asked for it on their own page. Otherwise the account merely has the address.
    pub was_asked_for: bool,
    /// This browser is signed in to the account, and has signed in since the question came or proved the act
    /// before: saying yes is then proof.
    pub session_proves: bool,
    /// The account's password can prove it.
    pub password_proves: bool,
}

/// The sign-in of a person who proved that an identity is theirs.
#[derive(Debug)]
pub struct LinkedSignIn {
    /// Opens the session.
    pub token: SessionToken,
    /// The target.
    pub return_to: ReturnTo,
    /// The provider of the identity.
    pub provider: ProviderId,
}

impl Linking<'_> {
    /// Returns the link that a ticket is for, and the ways to prove it.
    ///
    /// # Errors
    /// When the ticket is not valid, or has expired.
    pub async fn pending(&self, ticket: &Ticket, visitor: &Visitor<'_>) -> Result<PendingLink, Refusal> {
        let mut trail = self.trails.begin(Way::Linking, visitor.source);
        let pending = async {
            let (due, account) = self.link_due(ticket, &mut trail).await?;
            let provider = self.external.providers.get(Some(&due.provider()?))?.description();
            Ok(PendingLink {
                provider,
                session_proves: self.session_proves(&due, visitor).await?,
                password_proves: self.policy.passwords
                    && self.prover.credentials.credential(account.id).await?.is_some(),
                was_asked_for: due.was_asked_for,
                identity: match (&due.address, &due.name) {
                    (Some(address), _) => address.to_string(),
                    (None, Some(name)) => name.as_str().to_owned(),
                    (None, None) => due.subject.to_string(),
                },
            })
        };
        let pending = pending.await;
        self.trails.end(trail, pending).await
    }

    /// Links the identity that a ticket is for, on proof: the account's password, or else a session of the
    /// account in this browser that began after the question. The person is then signed in by it; all other sessions of
    /// the account end, for they may belong to an attacker who prepared the account for its owner to step
    /// into.
    ///
    /// # Errors
    /// When the person was not signed in. Without proof the ticket stays good, so another password can be
    /// tried; with proof it is spent, and the next sign-in at the provider finds the link, or makes another
    /// ticket.
    pub async fn confirm(
        &self,
        ticket: &Ticket,
        password: Option<Password>,
        visitor: &Visitor<'_>,
    ) -> Result<LinkedSignIn, Refusal> {
        let mut trail = self.trails.begin(Way::Linking, visitor.source);
        let confirmed = async {
            let (due, account) = self.link_due(ticket, &mut trail).await?;
            let (credential, change) = if let Some(password) = password {
                self.policy.need_passwords()?;
                let proven =
                    self.prover.prove_owner(account.clone(), Some(password), visitor, &mut trail).await?;
                let proven = proven.credential;
                if proven.must_change {
                    // Another person made it and knows it too, so it proves nothing until its own person has
                    // changed it.
                    return Err(AccessError::ReauthenticationNeeded.into());
                }
                (Some(proven), IdentityChange::ProvedByPassword)
            } else {
                // Read before the session is, which ends with every change of it.
                let present = self.prover.credentials.credential(account.id).await?;
                if !self.session_proves(&due, visitor).await? {
                    return Err(AccessError::ReauthenticationNeeded.into());
                }
                (present, IdentityChange::ProvedBySession)
            };
            self.spend(ticket).await?;
            let credential = credential.map(|credential| credential.hash);
            let provider = due.provider()?;
            trail.provider = Some(provider.clone());
            let return_to = due.return_to.clone();
            let identity = due.into_identity()?;
            let person = trail.person(&account);
            self.link(person, &provider, &identity, credential.as_ref(), change).await?;
            self.external.opener.ender.end_all_of(account.id, None).await?;
            let token = self.external.open(&provider, &account, identity, false, visitor, &mut trail).await?;
            Ok(LinkedSignIn { token, return_to, provider })
        };
        let confirmed = confirmed.await;
        self.trails.end_at(self.external.providers, trail, confirmed).await
    }

    /// Ends a ticket without linking: the answer was no.
    ///
    /// # Errors
    /// When the ticket is not valid, has ended before, or its end cannot be stored.
    pub async fn decline(&self, ticket: &Ticket, visitor: &Visitor<'_>) -> Result<(), Refusal> {
        let trail = self.trails.begin(Way::Linking, visitor.source);
        let declined = async {
            LinkDue::open(self.external.tickets, ticket)?;
            self.spend(ticket).await
        };
        let declined = declined.await;
        self.trails.end(trail, declined).await
    }

    /// Begins to link a further identity to the account that this browser is signed in to, on proof.
    ///
    /// # Errors
    /// When there is no proof, or the provider cannot be asked.
    pub async fn begin(
        &self,
        provider: Option<&ProviderId>,
        return_to: ReturnTo,
        pending: &[PresentedAttempt],
        proof: Proof,
        visitor: &Visitor<'_>,
    ) -> Result<BegunSignIn, Refusal> {
        let mut trail = self.trails.begin(Way::Linking, visitor.source);
        trail.provider = provider.cloned();
        let begun = async {
            let act = OwnAct::Link(provider.cloned()).digest();
            let account = self.acts.prove(&act, proof, visitor, &mut trail).await?;
            let purpose = AttemptPurpose::Link(account.id);
            self.begin.begin(provider, Hints::default(), &return_to, pending, purpose).await
        };
        let begun = begun.await;
        trail.return_to = return_to;
        self.trails.end_at(self.external.providers, trail, begun).await
    }

    /// Takes an identity from one's own account, with the same proof. The last thing that opens the account
    /// stays.
    ///
    /// # Errors
    /// When nothing was taken.
    pub async fn unlink(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        proof: Proof,
        visitor: &Visitor<'_>,
    ) -> Result<(), Refusal> {
        let mut trail = self.trails.begin(Way::Linking, visitor.source);
        let unlinked = async {
            let act = OwnAct::Unlink(issuer.clone(), subject.clone()).digest();
            let account = self.acts.prove(&act, proof, visitor, &mut trail).await?;
            match self.external.identities.unlink(account.id, issuer, subject).await? {
                IdentityRemoval::Removed => {}
                IdentityRemoval::NotFound => return Err(LinkError::IdentityUnknown.into()),
                IdentityRemoval::LastCredential => return Err(LinkError::LastCredential.into()),
            }
            let unlinked = SignInEvent::Unlinked { person: trail.person(&account), issuer: issuer.clone() };
            self.trails.observer.observe(&unlinked);
            self.end_other_sessions_from(issuer, subject, &account, visitor).await
        };
        let unlinked = unlinked.await;
        self.trails.end(trail, unlinked).await
    }

    /// Ends the sessions of an account that began with an identity, but not this browser's: its person has
    /// just proved who they are.
    async fn end_other_sessions_from(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        account: &Account,
        visitor: &Visitor<'_>,
    ) -> Result<(), SignInError> {
        let here = self.requests.session_of(visitor).await?.person.session;
        let now = self.requests.trails.clock.now();
        let began_with_it = |session: &Session| {
            session
                .external
                .as_ref()
                .is_some_and(|external| external.issuer == *issuer && external.subject == *subject)
        };
        for session in self.requests.sessions.list_of(account.id, now).await? {
            if session.id != here && began_with_it(&session) {
                self.external.opener.ender.end(session.id).await?;
            }
        }
        Ok(())
    }

    /// Returns whether this browser's session proves the account that a link is for.
    async fn session_proves(&self, due: &LinkDue, visitor: &Visitor<'_>) -> Result<bool, SignInError> {
        let account = if due.was_asked_for {
            // The person who asked has proved to be the owner just before.
            self.requests.session_if_any(visitor).await?.map(|checked| checked.person.account)
        } else {
            // Not an older one: a page of the same origin, or a copied cookie, would have it, too.
            self.requests.session_since(due.asked_at, visitor).await?.map(|session| session.account)
        };
        Ok(account == Some(due.account))
    }

    async fn link(
        &self,
        person: Person,
        provider: &ProviderId,
        identity: &ExternalIdentity,
        credential: Option<&PasswordHash>,
        change: IdentityChange,
    ) -> Result<(), SignInError> {
        match self
            .external
            .identities
            .link(person.account, identity, credential, self.requests.trails.clock.now())
            .await?
        {
            IdentityLink::Linked => {}
            IdentityLink::IdentityTaken => return Err(LinkError::IdentityTaken.into()),
            IdentityLink::Refused => return Err(AccountError::Disabled.into()),
            IdentityLink::CredentialChanged => return Err(AccessError::ReauthenticationNeeded.into()),
        }
        self.trails.observer.observe(&SignInEvent::Linked { person, provider: provider.clone(), change });
        Ok(())
    }

    /// Spends a ticket: each links once.
    async fn spend(&self, ticket: &Ticket) -> Result<(), SignInError> {
        let until = self.external.tickets.clock.now().plus(Ticket::LIFETIME);
        match self.spent_attempts.consume(ticket.id(), until).await? {
            Consumption::First => Ok(()),
            Consumption::Again => Err(AttemptError::Spent.into()),
        }
    }

    async fn link_due(
        &self,
        ticket: &Ticket,
        trail: &mut OpenTrail,
    ) -> Result<(LinkDue, Account), SignInError> {
        let due = LinkDue::open(self.external.tickets, ticket)?;
        let account = self.requests.accounts.find(due.account).await?;
        if let Some(account) = &account {
            trail.found(account, FoundBy::Ticket);
        }
        let account = account.filter(Account::is_active);
        if account.is_none() {
            trail.step(Step::AccountDisabled);
        }
        Ok((due, account.ok_or(AccountError::Disabled)?))
    }
}

#[cfg(test)]
mod tests;
