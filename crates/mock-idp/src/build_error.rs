use std::net::SocketAddr;

use labgate_domain::protocol::Malformed;
use labgate_token::KeyError;

use crate::persona::UnknownPersona;

/// An error in the description of a mock.
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
    /// No persona.
    #[error(transparent)]
    Persona(#[from] UnknownPersona),
    /// A persona's metadata are not a JSON object.
    #[error("the persona's metadata are malformed: {0}")]
    Metadata(serde_json::Error),
    /// Not a base URL.
    #[error("{0:?} is not a base URL: it is an http or https origin")]
    BaseUrl(String),
    /// A client's value is malformed.
    #[error("the client {id:?} has a {malformed}")]
    Client {
        /// The client.
        id: String,
        /// The malformed value.
        malformed: Malformed,
    },
    /// Two clients of one issuer with one id.
    #[error("two clients have the id {0:?}: give one client several redirect URIs instead")]
    SameClient(String),
    /// HS256 has no public key to publish.
    #[error("ID tokens are signed with ES256, EdDSA or RS256")]
    Symmetric,
    /// No key could be made.
    #[error("no signing key could be made: {0}")]
    Key(#[from] KeyError),
}

/// An error at the start of a mock.
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
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// Logout tokens would leave this machine, or need TLS.
    #[error(
        "the client {client:?} has the backchannel_logout_uri {uri:?}, but logout tokens are sent by plain http to this \
         machine only: to http://127.0.0.1, http://[::1] or http://localhost, with any port and path"
    )]
    LogoutNotLoopback {
        /// The client.
        client: String,
        /// Its URI.
        uri: String,
    },
}
