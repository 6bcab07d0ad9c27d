use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::protocol::Issuer;
use labgate_domain::time::Timestamp;
use labgate_domain::world::{Clock, Entropy};
use labgate_token::Algorithm;
use serde::Deserialize;

/// Stands in an issuer for the tenant of the person who signs in.
pub(crate) const TENANT_TEMPLATE: &str = "{tenantid}";

/// A service that an issuer offers at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Endpoint {
    /// GET (Discovery section 4, RFC 8414 section 3).
    Discovery,
    /// GET or POST (OpenID Connect Core section 3.1.2).
    Authorization,
    /// GET: the page that the authorization endpoint leads to, with the same query, where that one checks
    /// nothing.
    Connector,
    /// POST: what the login page sends.
    Login,
    /// POST (OpenID Connect Core section 3.1.3).
    Token,
    /// GET or POST (OpenID Connect Core section 5.3).
    UserInfo,
    /// GET (RFC 7517 section 5).
    Jwks,
    /// GET or POST (RP-Initiated Logout section 2).
    EndSession,
    /// POST: what the page of `EndSession` sends.
    Logout,
    /// GET: the provider's own API.
    Api,
}

impl Endpoint {
    /// Returns true if several issuers may have it at one address, each for the access tokens that it gave.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::UserInfo | Self::Api)
    }
}

/// An endpoint, the path that it answers at, and its whole URL.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: String,
    pub(crate) url: String,
}

/// One issuer's name, addresses, algorithm, time and randomness.
pub(crate) struct Site {
    pub(crate) issuer: Issuer,
    /// The path of its identifier, without a trailing slash: empty, or `/realms/lab`.
    pub(crate) path: String,
    /// The path that its cookie and its own pages are below, without a trailing slash.
    pub(crate) home: String,
    /// The places of its endpoints; of several for one endpoint, the first is published.
    pub(crate) places: Vec<Located>,
    /// The two origins, without a slash at the end, and with the path that the persona was put at.
    pub(crate) base: String,
    pub(crate) second_base: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Site {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns 256 random bits as 43 characters of base64url.
    pub(crate) fn random_text(&self) -> String {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The whole URL under which an endpoint is published; empty for one that this persona does not have.
    pub(crate) fn url(&self, endpoint: Endpoint) -> String {
        self.place(endpoint).map(|place| place.url.clone()).unwrap_or_default()
    }

    /// The path that goes with it.
    pub(crate) fn path_of(&self, endpoint: Endpoint) -> String {
        self.place(endpoint).map(|place| place.path.clone()).unwrap_or_default()
    }

    /// Returns true if this persona has such an endpoint.
    pub(crate) fn has(&self, endpoint: Endpoint) -> bool {
        self.place(endpoint).is_some()
    }

    fn place(&self, endpoint: Endpoint) -> Option<&Located> {
        self.places.iter().find(|place| place.endpoint == endpoint)
    }

    /// The place at this path.
    pub(crate) fn place_at(&self, path: &str) -> Option<&Located> {
        self.places.iter().find(|place| place.path == path)
    }

    /// Returns true if this is its home, or the path of its identifier.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        self.home == path || self.path == path
    }

    /// Returns true if an ID token with this `iss` is from here. `{tenantid}` in the issuer stands for any
    /// tenant.
    pub(crate) fn issued(&self, iss: &str) -> bool {
        match self.issuer.as_str().split_once(TENANT_TEMPLATE) {
            None => self.issuer.as_str() == iss,
            Some((before, after)) => {
                let tenant = iss.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                tenant.is_some_and(|tenant| !tenant.contains('/'))
            }
        }
    }
}
