use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use labgate_domain::ports::{Clock, Entropy};
use labgate_domain::protocol::{Issuer, Malformed};
use labgate_token::{Algorithm, KeyError};
use tokio::net::TcpListener;
use url::Url;

use crate::client::Client;
use crate::delivery::addresses;
use crate::faults::{ArmedFaults, Fault};
use crate::issuer::IssuerCore;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::mock_idp::{Core, MockIdp};
use crate::user::User;
use crate::world::{SystemClock, SystemEntropy};

/// Why a mock cannot be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Not a path for an issuer.
    #[error(
        "{0:?} is not an issuer path: it is / or begins with one, has no //, dot segments, query or fragment"
    )]
    IssuerPath(String),
    /// Two issuers at one path.
    #[error("two issuers have the path {0:?}")]
    SamePath(String),
    /// Not a base URL.
    #[error("{0:?} is not a base URL: it is an http or https origin")]
    BaseUrl(String),
    /// A client's value is malformed.
    #[error("the client {id:?} has a {malformed}")]
    Client {
        /// Which client.
        id: String,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// Two clients of one issuer with one id.
    #[error("two clients have the id {0:?}: give one client several redirect URIs instead")]
    SameClient(String),
    /// HS256 has no public key to publish.
    #[error("identity tokens are signed with ES256, EdDSA or RS256")]
    Symmetric,
    /// No key could be made.
    #[error("no signing key could be made: {0}")]
    Key(#[from] KeyError),
}

/// Why a mock does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It cannot be put together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The address is not this machine's own.
    #[error(
        "{0} can be reached from other machines, and at a mock anybody is anybody: allow that explicitly or listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// Listening on every address does not say under which one the issuers are reached.
    #[error("listening on {0} needs a base URL: the origin under which the mock is reached")]
    NeedsBaseUrl(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Logout tokens would leave this machine, or need TLS.
    #[error(
        "the client {client:?} has the backchannel_logout_uri {uri:?}, but logout tokens are sent by plain http to this \
         machine only: to http://127.0.0.1, http://[::1] or http://localhost, with any port and path"
    )]
    LogoutNotLoopback {
        /// Which client.
        client: String,
        /// Its URI.
        uri: String,
    },
}

/// Describes a [`MockIdp`].
///
/// `user`, `client`, `clock`, `algorithm` and `fault` are about the issuer that was named last by `issuer_path` or
/// `another_issuer`; until then, about the one at `/`.
#[must_use]
pub struct MockIdpBuilder {
    earlier: Vec<Described>,
    current: Described,
    entropy: Arc<dyn Entropy>,
    base_url: Option<Url>,
    listen: SocketAddr,
    beyond_loopback: bool,
}

struct Described {
    path: String,
    users: Vec<User>,
    clients: Vec<Client>,
    clock: Arc<dyn Clock>,
    algorithm: Algorithm,
    faults: Vec<Fault>,
}

impl Described {
    fn at(path: String) -> Self {
        Self {
            path,
            users: Vec::new(),
            clients: Vec::new(),
            clock: Arc::new(SystemClock),
            // The one that every relying party understands (OpenID Connect Core section 15.1).
            algorithm: Algorithm::Rs256,
            faults: Vec::new(),
        }
    }
}

impl Default for MockIdpBuilder {
    fn default() -> Self {
        Self {
            earlier: Vec::new(),
            current: Described::at(String::new()),
            entropy: Arc::new(SystemEntropy),
            base_url: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            beyond_loopback: false,
        }
    }
}

impl MockIdpBuilder {
    /// Where the issuer is: `/` for the root, whose issuer has no slash at the end, or a path such as `/realms/lab`. A
    /// slash at the end of a path becomes part of the issuer.
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
    /// When it is not a path, or another issuer has it.
    pub fn another_issuer(mut self, path: &str) -> Result<Self, BuildError> {
        let next = Described::at(checked_path(path)?);
        self.earlier.push(std::mem::replace(&mut self.current, next));
        let same = |other: &Described| other.path.trim_end_matches('/') == path.trim_end_matches('/');
        if self.earlier.iter().any(same) { Err(BuildError::SamePath(path.to_owned())) } else { Ok(self) }
    }

    /// Somebody can sign in by one button. Without any, the users are [`User::examples`].
    pub fn user(mut self, user: User) -> Self {
        self.current.users.push(user);
        self
    }

    /// A client is registered. Without any, every request is refused.
    pub fn client(mut self, client: Client) -> Self {
        self.current.clients.push(client);
        self
    }

    /// What time it is at the issuer; by default the machine's time.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.current.clock = clock;
        self
    }

    /// How the issuer signs; by default RS256. Making an RSA key takes about a fifth of a second: ES256 suits a suite that
    /// makes a mock for every test.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.current.algorithm = algorithm;
        self
    }

    /// Misbehaves like this from the beginning, always.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.current.faults.push(fault);
        self
    }

    /// Where codes, tokens and session ids come from; by default the machine's randomness. Keys always come from there.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// The origin under which the mock is reached, where that is not the address that it listens on: in a container
    /// network, behind a proxy. By default that address; without sockets `http://idp.test`.
    ///
    /// # Errors
    /// When it is not an http(s) origin.
    pub fn base_url(mut self, url: &str) -> Result<Self, BuildError> {
        self.base_url = Some(origin(url)?);
        Ok(self)
    }

    /// Where to listen; by default a free port on 127.0.0.1.
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
    /// When a client or an algorithm is not one.
    pub fn build(self) -> Result<MockIdp, BuildError> {
        let base = match &self.base_url {
            Some(url) => url.clone(),
            None => origin("http://idp.test")?,
        };
        self.at(base, false)
    }

    /// A mock that listens, until it is dropped. Needs a tokio runtime.
    ///
    /// # Errors
    /// As [`build`](Self::build), when it cannot or must not listen, and when logout tokens would leave this machine.
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
        let base = match &self.base_url {
            Some(url) => url.clone(),
            None => origin(&format!("http://{address}"))?,
        };
        let idp = self.at(base, true)?;
        for client in idp.issuers().iter().flat_map(|issuer| &issuer.core().clients) {
            if let Some(uri) = client.backchannel_logout_uri.as_ref().filter(|uri| addresses(uri).is_none()) {
                let (client, uri) = (client.id.to_string(), uri.to_string());
                return Err(StartError::LogoutNotLoopback { client, uri });
            }
        }
        Ok(idp.served(listener, address))
    }

    fn at(self, base: Url, sends_logout_tokens: bool) -> Result<MockIdp, BuildError> {
        let entropy = self.entropy;
        let described = self.earlier.into_iter().chain([self.current]);
        let issuers: Vec<Arc<IssuerCore>> = described
            .map(|described| described.into_core(&base, Arc::clone(&entropy)).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let first = issuers.first().cloned().ok_or_else(|| BuildError::IssuerPath(String::new()))?;
        Ok(MockIdp::new(Core::new(issuers, sends_logout_tokens), first, base))
    }
}

impl Described {
    fn into_core(self, base: &Url, entropy: Arc<dyn Entropy>) -> Result<IssuerCore, BuildError> {
        if self.algorithm == Algorithm::Hs256 {
            return Err(BuildError::Symmetric);
        }
        let issuer = format!("{}{}", base.as_str().trim_end_matches('/'), self.path);
        let register = |client: &Client| {
            client
                .register()
                .map_err(|malformed| BuildError::Client { id: client.id().to_owned(), malformed })
        };
        for (position, client) in self.clients.iter().enumerate() {
            if self.clients.iter().take(position).any(|earlier| earlier.id() == client.id()) {
                return Err(BuildError::SameClient(client.id().to_owned()));
            }
        }
        let mut faults = ArmedFaults::default();
        for fault in self.faults {
            faults.arm(fault, None);
        }
        Ok(IssuerCore {
            issuer: Issuer::parse(&issuer).map_err(|_| BuildError::IssuerPath(self.path.clone()))?,
            path: self.path.trim_end_matches('/').to_owned(),
            users: if self.users.is_empty() { User::examples() } else { self.users },
            clients: self.clients.iter().map(register).collect::<Result<_, _>>()?,
            clock: self.clock,
            entropy,
            keys: Mutex::new(Keys::generate(self.algorithm)?),
            ledger: Mutex::new(Ledger::default()),
            faults: Mutex::new(faults),
        })
    }
}

/// An issuer's path as it follows the origin; empty for the root.
fn checked_path(path: &str) -> Result<String, BuildError> {
    let refused = || BuildError::IssuerPath(path.to_owned());
    let rest = path.strip_prefix('/').ok_or_else(refused)?;
    let parsed = Url::parse(&format!("http://idp.test{path}")).map_err(|_| refused())?;
    let unchanged = parsed.path() == path && parsed.query().is_none() && parsed.fragment().is_none();
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if !unchanged || (!rest.is_empty() && rest.split('/').any(str::is_empty)) || path == "//" {
        return Err(refused());
    }
    Ok(if rest.is_empty() { String::new() } else { path.to_owned() })
}

fn origin(url: &str) -> Result<Url, BuildError> {
    let refused = || BuildError::BaseUrl(url.to_owned());
    let parsed = Url::parse(url).map_err(|_| refused())?;
    let bare = matches!(parsed.scheme(), "http" | "https")
        && parsed.has_host()
        && parsed.path() == "/"
        && parsed.query().is_none()
        && parsed.fragment().is_none()
        && parsed.username().is_empty()
        && parsed.password().is_none();
    if bare { Ok(parsed) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_path_is_a_plain_path() {
        assert_eq!(checked_path("/").unwrap(), "");
        assert_eq!(checked_path("/realms/lab").unwrap(), "/realms/lab");
        assert_eq!(checked_path("/tenant/").unwrap(), "/tenant/");
        for bad in ["", "realms", "//", "//x", "/a//b", "/a//", "/a/../b", "/a?x", "/a#x", "/a b", "/ä"] {
            assert!(checked_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_base_url_is_an_origin() {
        assert!(origin("https://idp.example:8443").is_ok());
        for bad in ["idp.example", "http://idp.example/x", "ftp://idp.example", "http://u@idp.example"] {
            assert!(origin(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn two_issuers_cannot_have_one_path() {
        let builder = MockIdp::builder().issuer_path("/a").unwrap();
        assert!(matches!(builder.another_issuer("/a/"), Err(BuildError::SamePath(_))));
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
