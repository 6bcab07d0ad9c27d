use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::check_request::{CheckedRequest, NotSignedIn, Requests};
use super::claims::as_many_as_fit;
use super::live_services::ServicesInForce;
use super::policy::Policy;
use super::presented::Presented;
use super::refusals::Refusals;
use crate::access::{NoService, Service, ServiceId, Target, TokenUse, Verdict};
use crate::error::{AccessError, Refusal, SignInError};
use crate::ports::{SigningError, Source, StoreError, TokenIssuer};
use crate::return_to::ReturnTo;
use crate::session::{Assertion, AssertionClaims, SessionId, SessionPerson};
use crate::text::ForeignText;
use crate::time::Timestamp;
use crate::world::Clock;

/// The forward-auth check with a target: may this request pass to its service, and what is the service told?
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// Checks who makes the request.
    pub requests: Requests<'a>,
    /// Signs assertions.
    pub tokens: &'a dyn TokenIssuer,
    /// The assertions of a moment ago.
    pub recent: &'a RecentAssertions,
    /// Dates assertions.
    pub clock: &'a dyn Clock,
    /// The address of the lab.
    pub policy: &'a Policy,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

/// What a request brings to say who makes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// The token of the browser's cookie: on Labgate's own host the session's, on any other the pass for that origin.
    pub cookie: Option<&'a str>,
    /// The access token, on any host.
    pub access_token: Option<&'a str>,
}

/// A request that may pass to its service.
#[derive(Debug)]
pub struct Passage {
    /// The service.
    pub service: Arc<Service>,
    /// The person who makes the request; `None` where a rule lets everyone pass. Nothing is told about anybody
    /// there.
    pub request: Option<CheckedRequest>,
}

/// A request that may not pass to its service.
#[derive(Debug)]
pub enum NoPassage {
    /// It belongs to no person: it might pass after a sign-in.
    NotSignedIn(NotSignedIn),
    /// It has no token at all; an access token would count, too, if that is said.
    NoToken(TokenUse),
    /// It is refused, whoever signs in, or to this person.
    Refused(Refusal),
}

impl Access<'_> {
    /// Decides about a request: first the service and its rule, then the person by the token that is presented on
    /// the target's host, then whether the rule admits the person. An access token is never passed over: a request
    /// that brings one passes by it, or not at all.
    ///
    /// # Errors
    /// When the request may not pass.
    pub async fn check(
        &self,
        target: &Target,
        evidence: Evidence<'_>,
        source: Source,
    ) -> Result<Passage, NoPassage> {
        let refuse =
            |error| NoPassage::Refused(self.refusals.from(source).refuse(error, ReturnTo::main_page()));
        let in_force = self.services().await;
        let verdict = judge(&in_force, target).map_err(refuse)?;
        let service = Arc::clone(verdict.service);
        if verdict.is_public() {
            return Ok(Passage { service, request: None });
        }
        let request = match (evidence.access_token, evidence.cookie) {
            (Some(text), _) => self.check_access_token(&verdict, text, source).await.map_err(refuse)?,
            // No sign-in would help.
            (None, _) if verdict.tokens == TokenUse::Only => {
                return Err(refuse(AccessError::AccessTokenInvalid.into()));
            }
            (None, None) => return Err(NoPassage::NoToken(verdict.tokens)),
            (None, Some(token)) => {
                let presented = match in_force.services().origin_of(target.host()) {
                    Some(origin) => Presented::Pass { origin, token },
                    None => Presented::Session(token),
                };
                self.requests.check_presented(presented).await.map_err(NoPassage::NotSignedIn)?
            }
        };
        permit(&verdict, &request.person).map_err(refuse)?;
        Ok(Passage { service, request: Some(request) })
    }

    async fn check_access_token(
        &self,
        verdict: &Verdict<'_>,
        text: &str,
        source: Source,
    ) -> Result<CheckedRequest, SignInError> {
        let service = &verdict.service.id;
        if verdict.tokens == TokenUse::No {
            let needed = format!("{service} here: {verdict} takes no access tokens");
            return Err(AccessError::InsufficientScope { needed }.into());
        }
        let request = self.requests.check_access_token(text, source).await?;
        if request.scope.as_ref().is_some_and(|scope| scope.services().contains(service)) {
            return Ok(request);
        }
        Err(AccessError::InsufficientScope { needed: service.to_string() }.into())
    }

    /// Returns the services in force.
    pub async fn services(&self) -> Arc<ServicesInForce> {
        self.requests.services().await
    }

    /// Returns the services that the person may open, in the order of the configuration.
    pub async fn services_for(&self, person: &SessionPerson) -> Vec<Arc<Service>> {
        let in_force = self.services().await;
        in_force.services().iter().filter(|service| service.condition.admits(person)).cloned().collect()
    }

    /// Returns the assertion that tells a service who asks. For half of its life the same one is returned again.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn assertion(
        &self,
        service: &Arc<Service>,
        person: &Arc<SessionPerson>,
    ) -> Result<Arc<Assertion>, SigningError> {
        let now = self.clock.now();
        if let Some(assertion) = self.recent.find(service, person, now) {
            return Ok(assertion);
        }
        let groups: Vec<_> = service.groups_of(person).into_iter().map(str::to_owned).collect();
        let assertion = self.tokens.assert(&AssertionClaims {
            iss: self.policy.public_url.to_string(),
            aud: service.id.to_string(),
            sub: person.account,
            iat: now,
            exp: now.plus(AssertionClaims::LIFETIME),
            preferred_username: person.username.clone(),
            email: person.email.clone(),
            name: person.name.clone(),
            role: person.role,
            groups: as_many_as_fit(&groups, AssertionClaims::MAX_GROUPS_LEN),
        })?;
        let assertion = Arc::new(assertion);
        self.recent.remember(service, person, now, &assertion);
        Ok(assertion)
    }
}

/// Finds out who may pass to a target.
pub(super) fn judge<'s>(in_force: &'s ServicesInForce, target: &Target) -> Result<Verdict<'s>, SignInError> {
    in_force.judge(target).map_err(|reason| match reason {
        NoService::NotKnown => StoreError(reason.to_string()).into(),
        reason => AccessError::TargetRefused { target: ForeignText::new(&target.to_string()), reason }.into(),
    })
}

/// Refuses a person whom the verdict does not admit.
pub(super) fn permit(verdict: &Verdict<'_>, person: &SessionPerson) -> Result<(), SignInError> {
    if verdict.admits(person) {
        return Ok(());
    }
    Err(AccessError::NotPermitted {
        service: verdict.service.id.clone(),
        person: person.username.clone(),
        decided_by: verdict.to_string(),
    }
    .into())
}

/// The assertions that were signed a moment ago: a signature costs more than all the rest of a check.
pub struct RecentAssertions(Cache<(SessionId, ServiceId), Signed>);

#[derive(Clone)]
struct Signed {
    at: Timestamp,
    /// What the assertion says is what this very check found. Once the person or the service has changed there is
    /// another.
    person: Arc<SessionPerson>,
    service: Arc<Service>,
    assertion: Arc<Assertion>,
}

impl Default for RecentAssertions {
    fn default() -> Self {
        Self(Cache::new(Self::CAPACITY))
    }
}

impl RecentAssertions {
    /// The number that is remembered, some 10 MB.
    const CAPACITY: usize = 10_000;
    /// The time for which one is used again: what is left of its life is the same again.
    const USED_FOR: Duration = Duration::from_secs(AssertionClaims::LIFETIME.as_secs() / 2);

    fn find(
        &self,
        service: &Arc<Service>,
        person: &Arc<SessionPerson>,
        now: Timestamp,
    ) -> Option<Arc<Assertion>> {
        let signed = self.0.get(&(person.session, service.id.clone()))?;
        let is_about_both = Arc::ptr_eq(&signed.person, person) && Arc::ptr_eq(&signed.service, service);
        let holds = is_about_both && signed.at <= now && now < signed.at.plus(Self::USED_FOR);
        holds.then_some(signed.assertion)
    }

    fn remember(
        &self,
        service: &Arc<Service>,
        person: &Arc<SessionPerson>,
        at: Timestamp,
        assertion: &Arc<Assertion>,
    ) {
        let (person_then, service_then) = (Arc::clone(person), Arc::clone(service));
        let assertion = Arc::clone(assertion);
        let signed = Signed { at, person: person_then, service: service_then, assertion };
        self.0.insert((person.session, service.id.clone()), signed);
    }
}

#[cfg(test)]
pub(super) mod tests;
