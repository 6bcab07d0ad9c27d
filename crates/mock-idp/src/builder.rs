use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use labgate_domain::world::{Clock, Entropy};
use labgate_token::Algorithm;
use tokio::net::TcpListener;
use url::Url;

use crate::build_error::{BuildError, StartError};
use crate::client::Client;
use crate::delivery::addresses;
use crate::described::{Described, checked_path, origin, other_name};
use crate::faults::Fault;
use crate::issuer::IssuerCore;
use crate::mock_core::Core;
use crate::mock_idp::MockIdp;
use crate::persona::Persona;
use crate::user::User;
use crate::world::SystemEntropy;

/// Describes a [`MockIdp`].
///
/// `persona`, `user`, `client`, `clock`, `algorithm` and `fault` are about the issuer that was named last by
/// `issuer_path`, `another_issuer` or `another_persona`; until then, about the one at `/`.
#[must_use]
pub struct MockIdpBuilder {
    earlier: Vec<Described>,
    current: Described,
    entropy: Arc<dyn Entropy>,
    base_url: Option<Url>,
    second_origin: Option<Url>,
    listen: SocketAddr,
    beyond_loopback: bool,
}

impl Default for MockIdpBuilder {
    fn default() -> Self {
        Self {
            earlier: Vec::new(),
            current: Described::at(String::new()),
            entropy: Arc::new(SystemEntropy),
            base_url: None,
            second_origin: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            beyond_loopback: false,
        }
    }
}

impl MockIdp {
    /// Describes a mock.
    pub fn builder() -> MockIdpBuilder {
        MockIdpBuilder::default()
    }
}

impl MockIdpBuilder {
    /// Sets the issuer's path: `/` for the root, without a slash at the end of the issuer, or one such as
    /// `/realms/lab`. A slash at the end of a path becomes part of the issuer. A persona's own paths follow
    /// this one.
    ///
    /// # Errors
    /// When it is not such a path.
    pub fn issuer_path(mut self, path: &str) -> Result<Self, BuildError> {
        self.current.path = checked_path(path)?;
        Ok(self)
    }

    /// Begins to describe a further issuer, at this path.
    ///
    /// # Errors
    /// When it is not a path.
    pub fn another_issuer(mut self, path: &str) -> Result<Self, BuildError> {
        let next = Described::at(checked_path(path)?);
        self.earlier.push(std::mem::replace(&mut self.current, next));
        Ok(self)
    }

    /// The issuer behaves like this provider: at the provider's paths, which no other issuer may have.
    pub fn persona(mut self, persona: Persona) -> Self {
        self.current.persona = persona;
        self
    }

    /// Begins to describe a further issuer that behaves like this provider, at `/`. Several personas can be
    /// there, for each has paths of its own.
    pub fn another_persona(mut self, persona: Persona) -> Self {
        let next = Described { persona, ..Described::at(String::new()) };
        self.earlier.push(std::mem::replace(&mut self.current, next));
        self
    }

    /// Adds a person with a button of their own. Without any, the users are [`User::examples`].
    pub fn user(mut self, user: User) -> Self {
        self.current.users.push(user);
        self
    }

    /// A client is registered. Without any, every request is refused.
    pub fn client(mut self, client: Client) -> Self {
        self.current.clients.push(client);
        self
    }

    /// Sets the issuer's clock; by default the machine's time.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.current.clock = clock;
        self
    }

    /// Sets the issuer's algorithm; by default RS256. Making an RSA key takes about a fifth of a second:
    /// ES256 suits a suite that makes a mock for every test.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.current.algorithm = algorithm;
        self
    }

    /// Misbehaves like this from the beginning, always.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.current.faults.push(fault);
        self
    }

    /// Sets the source of codes, tokens and session ids; by default the machine's randomness. Keys always
    /// come from there.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// The origin under which the mock is reached, where that is not the address that it listens on: in a
    /// container network, behind a proxy. By default that address; without sockets `http://idp.test`.
    ///
    /// # Errors
    /// When it is not an http(s) origin.
    pub fn base_url(mut self, url: &str) -> Result<Self, BuildError> {
        self.base_url = Some(origin(url)?);
        Ok(self)
    }

    /// Sets a second origin of the mock, for personas of providers with several hosts. By default
    /// `localhost` beside `127.0.0.1` and the other way round; otherwise the base URL's.
    ///
    /// # Errors
    /// When it is not an http(s) origin.
    pub fn second_origin(mut self, url: &str) -> Result<Self, BuildError> {
        self.second_origin = Some(origin(url)?);
        Ok(self)
    }

    /// Sets the address to listen on; by default a free port on 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Allows an address that other machines can reach. At a mock anybody is anybody.
    pub fn beyond_loopback(mut self) -> Self {
        self.beyond_loopback = true;
        self
    }

    /// A mock without sockets: [`MockIdp::handle`] answers its requests.
    ///
    /// # Errors
    /// When a client, an algorithm or a persona is not one, or two issuers have an address in common.
    pub fn build(self) -> Result<MockIdp, BuildError> {
        self.at("http://idp.test", false)
    }

    /// A mock that listens, until it is dropped. Needs a tokio runtime.
    ///
    /// # Errors
    /// As [`build`](Self::build), when it cannot or must not listen, and when logout tokens would leave this
    /// machine.
    pub async fn start(self) -> Result<MockIdp, StartError> {
        let wanted = self.listen;
        if !wanted.ip().is_loopback() && !self.beyond_loopback {
            return Err(StartError::NotLoopback(wanted));
        }
        if wanted.ip().is_unspecified() && self.base_url.is_none() {
            return Err(StartError::NeedsBaseUrl(wanted));
        }
        let failed = |source| StartError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let idp = self.at(&format!("http://{address}"), true)?;
        for client in idp.issuers().iter().flat_map(|issuer| &issuer.core().clients) {
            if let Some(uri) = client.backchannel_logout_uri.as_ref().filter(|uri| addresses(uri).is_none()) {
                let (client, uri) = (client.id.to_string(), uri.to_string());
                return Err(StartError::LogoutNotLoopback { client, uri });
            }
        }
        Ok(idp.served(listener, address))
    }

    fn at(self, usual_base: &str, sends_logout_tokens: bool) -> Result<MockIdp, BuildError> {
        let base = self.base_url.map_or_else(|| origin(usual_base), Ok)?;
        let entropy = self.entropy;
        let second = self.second_origin.unwrap_or_else(|| other_name(&base));
        let described = self.earlier.into_iter().chain([self.current]);
        let issuers: Vec<Arc<IssuerCore>> = described
            .map(|described| described.into_core([&base, &second], Arc::clone(&entropy)).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let is_own = |issuer: &IssuerCore, path: &str| {
            issuer.place_at(path).is_some_and(|place| !place.endpoint.is_shared())
        };
        for (position, issuer) in issuers.iter().enumerate() {
            let taken = issuers.iter().take(position).flat_map(|earlier| &earlier.places);
            let mut taken = taken.filter(|place| !place.endpoint.is_shared());
            if let Some(place) = taken.find(|place| is_own(issuer, &place.path)) {
                return Err(BuildError::SamePath(place.path.clone()));
            }
        }
        let first = issuers.first().cloned().ok_or_else(|| BuildError::IssuerPath(String::new()))?;
        Ok(MockIdp::new(Core::new(issuers, sends_logout_tokens), first, base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_issuers_cannot_have_one_path() {
        let builder = MockIdp::builder().algorithm(Algorithm::Es256).issuer_path("/a").unwrap();
        let same = builder.another_issuer("/a/").unwrap().algorithm(Algorithm::Es256).build();
        assert!(matches!(same, Err(BuildError::SamePath(_))));
    }

    #[test]
    fn what_a_client_cannot_be_is_said() {
        let client = Client::new("lab", "lab-secret").redirect_uri("/callback");
        let error = MockIdp::builder().algorithm(Algorithm::Es256).client(client).build().unwrap_err();
        assert_eq!(error.to_string(), "the client \"lab\" has a malformed redirect_uri");
        for bad in [
            "",
            "/logout",
            "ftp://127.0.0.1/",
            "http://127.0.0.1/#x",
            "http://user@127.0.0.1/",
            "http://127.0.0.1/|\n",
        ] {
            let client = Client::new("lab", "lab-secret").backchannel_logout_uri(bad);
            let error = MockIdp::builder().algorithm(Algorithm::Es256).client(client).build().unwrap_err();
            assert_eq!(
                error.to_string(),
                "the client \"lab\" has a malformed backchannel_logout_uri",
                "{bad:?}"
            );
        }
        let builder = MockIdp::builder().client(Client::new("lab", "a")).client(Client::new("lab", "b"));
        assert!(matches!(builder.build().unwrap_err(), BuildError::SameClient(_)));
        let error = MockIdp::builder().algorithm(Algorithm::Hs256).build().unwrap_err();
        assert!(matches!(error, BuildError::Symmetric));
    }

    #[tokio::test]
    async fn an_address_that_others_can_reach_must_be_allowed_explicitly() {
        let everywhere = "0.0.0.0:0".parse().unwrap();
        let error = MockIdp::builder().listen(everywhere).start().await.unwrap_err();
        assert!(matches!(error, StartError::NotLoopback(_)));
        let error = MockIdp::builder().listen(everywhere).beyond_loopback().start().await.unwrap_err();
        assert!(matches!(error, StartError::NeedsBaseUrl(_)));
    }
}
