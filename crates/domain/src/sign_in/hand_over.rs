use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check_access::{Access, judge, permit};
use super::claims::{all_groups, claims};
use super::live_services::ServicesInForce;
use super::ticket::Tickets;
use super::visitor::Visitor;
use crate::access::{Target, Verdict};
use crate::error::{AccessError, AttemptError, Refusal, SignInError};
use crate::people::Account;
use crate::ports::{Consumption, Source, SpentAttempts};
use crate::sealed::{SealError, SealId, Ticket};
use crate::session::{SessionId, SessionPerson, SessionToken};
use crate::world::random_base64url;

/// The hand-over of a browser from Labgate's host to the host of a service: an authorization code flow in
/// small, between hosts of one lab.
///
/// On the service's host [`HandOver::begin`] binds the flow to the browser, by a secret in a cookie of that host.
/// On Labgate's host [`HandOver::hand_over`] gives out a code for the session. Back on the service's host
/// [`HandOver::enter`] takes the code, once and within 30 seconds, and gives out the pass. No cookie crosses
/// hosts.
#[derive(Clone, Copy)]
pub struct HandOver<'a> {
    /// Knows services, sessions and accounts.
    pub access: Access<'a>,
    /// Seals codes.
    pub tickets: Tickets<'a>,
    /// Makes codes single-use.
    pub spent_attempts: &'a dyn SpentAttempts,
}

/// The start of a hand-over.
#[derive(Debug)]
pub struct Entering {
    /// Names the flow, in URLs and in the name of the cookie.
    pub state: SealId,
    /// Proves that the browser began it. It stays in a cookie of the service's host.
    pub secret: String,
    /// The address that the person comes to in the end.
    pub to: String,
}

/// A code, on its way to the service's host.
#[derive(Debug)]
pub struct HandedOver {
    /// The origin that the code is for.
    pub origin: String,
    /// The code.
    pub code: Ticket,
}

/// The end of a hand-over.
#[derive(Debug)]
pub struct Entered {
    /// Opens the checks of this origin, and nothing else.
    pub pass: SessionToken,
    /// The address that the person wanted. It is whole: a path such as `//evil.example` alone would lead to
    /// another host.
    pub to: String,
}

/// The content of a code.
#[derive(Serialize, Deserialize)]
struct Code {
    session: SessionId,
    origin: String,
    state: String,
}

const PURPOSE: &str = "hand-over";
const LEAVING: &str = "leaving";

impl HandOver<'_> {
    /// The life of a code.
    pub const CODE_LIFETIME: Duration = Duration::from_secs(30);

    /// Begins a hand-over to this target, on the target's own host.
    ///
    /// # Errors
    /// When no service with a host of its own has the target.
    pub async fn begin(&self, target: &Target, source: Source) -> Result<Entering, Refusal> {
        let begun = async {
            let in_force = self.access.services().await;
            let (origin, _) = find(&in_force, target)?;
            let secret = random_base64url::<16>(self.tickets.entropy);
            let to = format!("{origin}{}", target.path_and_query());
            Ok(Entering { state: state_of(&secret), secret, to })
        };
        self.access.refusals.from(source).run(begun).await
    }

    /// Hands the visitor's session over to the target's host, if its person may open the target.
    ///
    /// # Errors
    /// When there is no session, or the person may not, or has yet to accept the terms of service.
    pub async fn hand_over(
        &self,
        visitor: &Visitor<'_>,
        target: &Target,
        state: SealId,
    ) -> Result<HandedOver, Refusal> {
        let handed_over = async {
            let in_force = self.access.services().await;
            let (origin, verdict) = find(&in_force, target)?;
            let checked = self.access.requests.admitted(visitor).await?;
            permit(&verdict, &checked.person)?;
            let code =
                Code { session: checked.person.session, origin: origin.to_owned(), state: state.to_string() };
            let until = self.tickets.clock.now().plus(Self::CODE_LIFETIME);
            let origin = origin.to_owned();
            Ok(HandedOver { origin, code: self.tickets.seal_until(PURPOSE, until, code)? })
        };
        self.access.refusals.from(visitor.source).run(handed_over).await
    }

    /// Takes a code on the host that it is for, from the browser that began the hand-over and comes to this target.
    /// The session, the account and the rule are looked at again: what ended meanwhile gets no pass.
    ///
    /// # Errors
    /// When the code is not good here, or the person may not open the target any more.
    pub async fn enter(
        &self,
        target: &Target,
        code: &str,
        state: SealId,
        secret: Option<&str>,
        source: Source,
    ) -> Result<Entered, Refusal> {
        let entered = async {
            let in_force = self.access.services().await;
            let code = self.redeem(in_force.services().origin_of(target.host()), code, state, secret).await?;
            let (origin, verdict) = find(&in_force, target)?;
            let (pass, person) = self.pass_for(code.session, origin).await?;
            permit(&verdict, &person)?;
            Ok(Entered { pass, to: format!("{origin}{}", target.path_and_query()) })
        };
        self.access.refusals.from(source).run(entered).await
    }

    /// Returns the evidence that a browser is sent to leave the host of this origin: without it any page could
    /// have what a service keeps in the browser deleted.
    ///
    /// # Errors
    /// When there is no key to seal with.
    pub fn send_off(&self, origin: &str) -> Result<Ticket, SealError> {
        let until = self.tickets.clock.now().plus(Self::CODE_LIFETIME);
        self.tickets.seal_until(LEAVING, until, origin)
    }

    /// Returns whether the browser was sent to leave this host.
    pub async fn is_sent_off(&self, host: &str, ticket: &str) -> bool {
        let ticket = Ticket::parse(ticket);
        let origin = ticket.and_then(|ticket| self.tickets.open::<String>(LEAVING, &ticket).ok());
        let in_force = self.access.services().await;
        origin.is_some_and(|origin| in_force.services().origin_of(host) == Some(&origin))
    }

    async fn redeem(
        &self,
        origin: Option<&str>,
        code: &str,
        state: SealId,
        secret: Option<&str>,
    ) -> Result<Code, SignInError> {
        let ticket = Ticket::parse(code).ok_or(AttemptError::Unknown)?;
        let code: Code = self.tickets.open(PURPOSE, &ticket)?;
        let is_for_this_origin = origin == Some(&*code.origin);
        let is_this_browsers =
            secret.is_some_and(|secret| state_of(secret) == state) && code.state == state.to_string();
        if !is_for_this_origin || !is_this_browsers {
            return Err(AttemptError::Unknown.into());
        }
        let until = self.tickets.clock.now().plus(Self::CODE_LIFETIME);
        match self.spent_attempts.consume(ticket.id(), until).await? {
            Consumption::First => Ok(code),
            Consumption::Again => Err(AttemptError::Spent.into()),
        }
    }

    async fn pass_for(
        &self,
        session: SessionId,
        origin: &str,
    ) -> Result<(SessionToken, SessionPerson), SignInError> {
        let requests = &self.access.requests;
        let now = self.tickets.clock.now();
        let session = requests.sessions.find(session).await?;
        let session = session.filter(|it| it.is_live(now, requests.policy.session_idle_limit));
        let session = session.ok_or(AccessError::NotSignedIn)?;
        let account = requests.accounts.find(session.account).await?;
        let account = account.filter(Account::is_active).ok_or(AccessError::NotSignedIn)?;
        requests.policy.need_terms(&account.accepted_terms)?;
        let claims = claims(requests.policy, origin, self.tickets.entropy, &account, &session, now);
        let pass = requests.tokens.issue_pass(&claims)?;
        let groups = all_groups(&account.groups, &session.groups);
        Ok((pass, SessionPerson::new(claims, groups, account)))
    }
}

/// Finds the origin of a service with a host of its own, and who may pass there.
fn find<'s>(in_force: &'s ServicesInForce, target: &Target) -> Result<(&'s str, Verdict<'s>), SignInError> {
    let verdict = judge(in_force, target)?;
    let origin = in_force.services().origin_of(target.host());
    origin.map(|origin| (origin, verdict)).ok_or(AttemptError::Unknown.into())
}

/// Returns the name of the flow that the browser with this secret began.
fn state_of(secret: &str) -> SealId {
    SealId::derived(&["hand-over\0", secret])
}

#[cfg(test)]
mod tests;
