use std::fmt;
use std::sync::Arc;

use labgate_domain::protocol::Issuer;
use labgate_token::KeyError;
use url::Url;

use crate::faults::Fault;
use crate::issuer::{IssuerCore, locked};
use crate::login::{self, Answer};
use crate::logout_notice::{self, LogoutNotice};
use crate::mock_core::Core;
use crate::persona::Persona;
use crate::protocol::UnanswerableRequest;
use crate::site::Endpoint;
use crate::user::User;

/// One issuer of a [`MockIdp`](crate::MockIdp), with its own keys, clients, users, clock and faults. Clones
/// are the same issuer.
#[derive(Clone)]
pub struct MockIssuer {
    core: Arc<Core>,
    issuer: Arc<IssuerCore>,
}

impl MockIssuer {
    pub(crate) fn new(core: Arc<Core>, issuer: Arc<IssuerCore>) -> Self {
        Self { core, issuer }
    }

    pub(crate) fn core(&self) -> &IssuerCore {
        &self.issuer
    }

    /// Its issuer identifier, exactly. At an Entra persona for several tenants it has the words `{tenantid}`;
    /// at GitHub it is what `iss` says in the authorization response.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer.issuer
    }

    /// The provider that it behaves like.
    #[must_use]
    pub fn persona(&self) -> &Persona {
        &self.issuer.persona
    }

    /// The authorization endpoint: `LAB_EXTERNAL_OIDC_AUTH_URL`.
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        self.issuer.url(Endpoint::Authorization)
    }

    /// The token endpoint: `LAB_EXTERNAL_OIDC_TOKEN_URL`.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        self.issuer.url(Endpoint::Token)
    }

    /// The URL of the metadata: at GitHub those of RFC 8414, elsewhere an OpenID provider's.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        self.issuer.url(Endpoint::Discovery)
    }

    /// The users with a button of their own.
    #[must_use]
    pub fn users(&self) -> &[User] {
        &self.issuer.users
    }

    /// Misbehaves: `idp.fault(Fault::WrongNonce).once()`. Faults that are armed together show together.
    pub fn fault(&self, fault: Fault) -> ArmFault<'_> {
        ArmFault { issuer: &self.issuer, fault }
    }

    /// Behaves again.
    pub fn clear_faults(&self) {
        locked(&self.issuer.faults).clear();
    }

    /// Signs with a new key from now on. The earlier one stays in the JWK set for a day.
    ///
    /// # Errors
    /// When the cryptography library makes no key.
    pub fn rotate_keys(&self) -> Result<(), KeyError> {
        locked(&self.issuer.keys).rotate(self.issuer.now())
    }

    /// Signs in as one of the users, as a browser does with an authorization URL: returns the URL that it is
    /// sent back to.
    ///
    /// # Errors
    /// When the mock would show a page instead of sending the browser back.
    pub fn sign_in(&self, authorization_url: &Url, subject: &str) -> Result<String, UnanswerableRequest> {
        self.sign_in_as(authorization_url, self.issuer.user(subject)?.clone())
    }

    /// Signs in with any claims.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in).
    pub fn sign_in_as(&self, authorization_url: &Url, user: User) -> Result<String, UnanswerableRequest> {
        self.answer(authorization_url, Answer::SignIn(user))
    }

    /// Denies the request: the URL carries `access_denied`.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in).
    pub fn deny(&self, authorization_url: &Url) -> Result<String, UnanswerableRequest> {
        self.answer(authorization_url, Answer::Deny)
    }

    fn answer(&self, url: &Url, answer: Answer) -> Result<String, UnanswerableRequest> {
        let place = self.issuer.place_at(url.path());
        let takes_requests = [Endpoint::Authorization, Endpoint::Connector];
        if place.is_none_or(|place| !takes_requests.contains(&place.endpoint)) {
            return Err(UnanswerableRequest::NotOurs);
        }
        let query = url.query().unwrap_or_default();
        login::complete(&self.issuer, query, answer, Vec::new()).map(|completed| completed.location)
    }

    /// Ends every session of a person, as an administrator of the provider does. Returns the notice of each
    /// session for each client, oldest first. A mock that listens has told them when this is done; without
    /// sockets it is for the test to bring each [`request`](LogoutNotice::request) to the relying party.
    ///
    /// # Errors
    /// When the cryptography library does not sign.
    pub async fn end_sessions_of(&self, subject: &str) -> Result<Vec<LogoutNotice>, KeyError> {
        let ended = self.issuer.ledger().end_sessions(|_, session| session.user.subject() == subject);
        let notices = logout_notice::of(&self.issuer, &ended)?;
        Ok(self.core.deliver(notices).await)
    }
}

impl fmt::Debug for MockIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MockIssuer({})", self.issuer.issuer)
    }
}

/// A fault that is about to be armed.
#[derive(Debug)]
#[must_use = "say how often: once, times or always"]
pub struct ArmFault<'a> {
    issuer: &'a IssuerCore,
    fault: Fault,
}

impl ArmFault<'_> {
    /// At the next occasion only.
    pub fn once(self) {
        self.times(1);
    }

    /// At the next occasions.
    pub fn times(self, times: u32) {
        if times > 0 {
            self.arm(Some(times));
        }
    }

    /// Until faults are cleared.
    pub fn always(self) {
        self.arm(None);
    }

    fn arm(self, times: Option<u32>) {
        locked(&self.issuer.faults).arm(self.fault, times);
    }
}
