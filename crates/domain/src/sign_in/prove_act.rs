use std::time::Duration;

use super::begin_external::{BeginExternal, BegunSignIn};
use super::check_request::Requests;
use super::external_session::ExternalSessions;
use super::policy::Policy;
use super::prove_password::PasswordProver;
use super::ticket::Ticket;
use super::trail::{FoundBy, Way};
use super::trails::{OpenTrail, Trails};
use super::visitor::Visitor;
use crate::attempt::{ActDigest, ActToProve, AttemptPurpose, PresentedAttempt};
use crate::error::{AccessError, LinkError, Refusal, SignInError};
use crate::identity::ExternalIdentity;
use crate::people::{Account, Password, Username};
use crate::ports::{Consumption, SpentAttempts};
use crate::protocol::Hints;
use crate::provider::{ProviderDescription, ProviderHealth, ProviderId};
use crate::return_to::ReturnTo;
use crate::time::Timestamp;

/// Proof that the person is there and wants an act: a session says only that the browser was signed in, and a
/// page of the same origin can use it, too.
#[derive(Clone, Copy)]
pub struct ActProver<'a> {
    /// Says which account and session the visitor has.
    pub requests: Requests<'a>,
    /// Checks a password.
    pub prover: PasswordProver<'a>,
    /// Sends the browser to a provider.
    pub begin: BeginExternal<'a>,
    /// Knows the identities, and seals tickets.
    pub external: ExternalSessions<'a>,
    /// Makes tickets single-use.
    pub spent_attempts: &'a dyn SpentAttempts,
    /// Says whether passwords count.
    pub policy: &'a Policy,
    /// Keeps the trails of refusals.
    pub trails: Trails<'a>,
}

/// The proof that comes with a request.
#[derive(Clone, Debug)]
pub enum Proof {
    /// None.
    Nothing,
    /// The password of the person's account; `None` is a text that cannot be one.
    Password(Option<Password>),
    /// A ticket from a round trip to a provider.
    Ticket(Ticket),
}

/// The ways in which a person can prove an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofWays {
    /// The person's username, for password managers.
    pub username: Username,
    /// By the account's password.
    pub by_password: bool,
    /// By signing in anew at one of these providers.
    pub providers: Vec<ProviderDescription>,
    /// The act is proved already, by the ticket that the visitor presents.
    pub is_proven: bool,
}

/// The purpose of a ticket.
const PROVEN: &str = "do what was proved";

/// The greatest age of an authentication that proves an act, and the life of the ticket.
const FRESH: Duration = Duration::from_mins(5);

/// The greatest difference between the provider's clock and ours.
const LEEWAY: Duration = Duration::from_mins(1);

impl ActProver<'_> {
    /// Returns the ways to prove an act, and whether the ticket proves it.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the store failed.
    pub async fn ways(
        &self,
        act: Option<&ActDigest>,
        ticket: Option<&Ticket>,
        visitor: &Visitor<'_>,
    ) -> Result<ProofWays, Refusal> {
        let trail = self.trails.begin(Way::Proof, visitor.source);
        let ways = async {
            let account = self.requests.account_of(visitor).await?;
            let credential = self.prover.credentials.credential(account.id).await?;
            let is_proven = match (act, ticket) {
                (Some(act), Some(ticket)) => {
                    let fits = self.fits(act, ticket, &account, visitor).await?;
                    fits && !self.spent_attempts.is_spent(ticket.id()).await?
                }
                _ => false,
            };
            Ok(ProofWays {
                by_password: self.policy.passwords && credential.is_some_and(|it| !it.must_change),
                providers: self.providers_of(&account).await?,
                username: account.username,
                is_proven,
            })
        };
        let ways = ways.await;
        self.trails.end(trail, ways).await
    }

    /// Begins a round trip to a provider that is made for one act. The visitor comes back with a ticket for
    /// this act, in this session.
    ///
    /// # Errors
    /// When the visitor is not signed in, or the provider cannot be asked.
    pub async fn begin(
        &self,
        act: ActDigest,
        provider: &ProviderId,
        return_to: ReturnTo,
        pending: &[PresentedAttempt],
        visitor: &Visitor<'_>,
    ) -> Result<BegunSignIn, Refusal> {
        let mut trail = self.trails.begin(Way::Proof, visitor.source);
        trail.provider = Some(provider.clone());
        let begun = async {
            let account = self.requests.account_of(visitor).await?;
            trail.found(&account, FoundBy::Session);
            let session = self.requests.session_of(visitor).await?.person.session;
            let purpose = AttemptPurpose::Prove(ActToProve { act, account: account.id, session });
            self.begin.begin(Some(provider), Hints::default(), &return_to, pending, purpose).await
        };
        let begun = begun.await;
        trail.return_to = return_to;
        self.trails.end_at(self.external.providers, trail, begun).await
    }

    /// Takes the proof of an act, and returns the account of the person. A ticket is spent.
    pub(super) async fn prove(
        &self,
        act: &ActDigest,
        proof: Proof,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<Account, SignInError> {
        let account = self.requests.account_of(visitor).await?;
        trail.found(&account, FoundBy::Session);
        match proof {
            Proof::Nothing => Err(AccessError::ProofNeeded.into()),
            Proof::Password(password) => {
                self.policy.need_passwords()?;
                let proven = self.prover.prove_owner(account, password, visitor, trail).await?;
                // Another person made an initial password and knows it too.
                if proven.credential.must_change {
                    return Err(AccessError::ProofNeeded.into());
                }
                Ok(proven.account)
            }
            Proof::Ticket(ticket) => {
                let until = self.trails.clock.now().plus(FRESH);
                if self.fits(act, &ticket, &account, visitor).await?
                    && self.spent_attempts.consume(ticket.id(), until).await? == Consumption::First
                {
                    return Ok(account);
                }
                Err(AccessError::ProofNeeded.into())
            }
        }
    }

    /// Returns whether a ticket is for this act in this session; whether it was used before is another question.
    async fn fits(
        &self,
        act: &ActDigest,
        ticket: &Ticket,
        account: &Account,
        visitor: &Visitor<'_>,
    ) -> Result<bool, SignInError> {
        let Ok(proven) = self.external.tickets.open::<ActToProve>(PROVEN, ticket) else { return Ok(false) };
        let session = self.requests.session_of(visitor).await?.person.session;
        Ok(proven == ActToProve { act: act.clone(), account: account.id, session })
    }

    /// Returns the providers that open the account and can authenticate its person anew.
    async fn providers_of(&self, account: &Account) -> Result<Vec<ProviderDescription>, SignInError> {
        let linked = self.external.identities.identities(account.id).await?;
        let mut providers = Vec::new();
        for provider in self.external.providers.0 {
            // One that was not asked yet is asked for its metadata: it may be the only way.
            let is_down = matches!(provider.health(), ProviderHealth::Unavailable { .. });
            if !linked.is_empty()
                && !is_down
                && let Ok(server) = provider.authorization_server().await
                && server.reauthenticates
                && linked.iter().any(|identity| server.issuer.stands_for(&identity.issuer))
            {
                providers.push(provider.description());
            }
        }
        Ok(providers)
    }
}

impl ActToProve {
    /// Makes the ticket for the act: the person of this session has just authenticated at the provider anew.
    pub(super) async fn proven(
        &self,
        identity: &ExternalIdentity,
        began_at: Timestamp,
        (requests, external): &(Requests<'_>, ExternalSessions<'_>),
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<Ticket, SignInError> {
        let owner = requests.account_of(visitor).await?;
        trail.found(&owner, FoundBy::Session);
        if owner.id != self.account || requests.session_of(visitor).await?.person.session != self.session {
            return Err(LinkError::AnotherSession.into());
        }
        let opened = external.identities.find_by_identity(&identity.issuer, &identity.subject).await?;
        if opened.is_none_or(|opened| opened.id != owner.id) {
            return Err(AccessError::AnotherPerson.into());
        }
        let now = requests.trails.clock.now();
        let earliest = now.minus(FRESH).max(began_at.minus(LEEWAY));
        let is_fresh = |at: Timestamp| at >= earliest && at <= now.plus(LEEWAY);
        if !identity.authenticated_at.is_some_and(is_fresh) {
            return Err(AccessError::NotAuthenticatedAnew.into());
        }
        Ok(external.tickets.seal_until(PROVEN, now.plus(FRESH), self)?)
    }
}

#[cfg(test)]
mod tests;
