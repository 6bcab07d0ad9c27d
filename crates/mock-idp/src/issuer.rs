use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::ports::{Clock, Entropy};
use labgate_domain::protocol::Issuer;
use labgate_domain::time::Timestamp;
use serde_json::{Value, json};

use crate::User;
use crate::client::RegisteredClient;
use crate::faults::{ArmedFaults, Fault, Stage};
use crate::keys::Keys;
use crate::ledger::Ledger;

/// A place below an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// GET (Discovery section 4).
    Discovery,
    /// GET or POST (OpenID Connect Core section 3.1.2).
    Authorization,
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
}

impl Endpoint {
    /// What follows the issuer, the issuer's own trailing slash left out.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::Authorization => "/authorize",
            Self::Login => "/login",
            Self::Token => "/token",
            Self::UserInfo => "/userinfo",
            Self::Jwks => "/jwks",
            Self::EndSession => "/end_session",
            Self::Logout => "/logout",
        }
    }
}

/// One issuer: who may sign in at it, for whom, and what it has handed out.
pub(crate) struct IssuerCore {
    pub(crate) issuer: Issuer,
    /// The issuer's path without a trailing slash: empty, or `/realms/lab`.
    pub(crate) path: String,
    pub(crate) users: Vec<User>,
    pub(crate) clients: Vec<RegisteredClient>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) faults: Mutex<ArmedFaults>,
}

impl IssuerCore {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// 256 random bits as 43 characters of base64url.
    pub(crate) fn random_text(&self) -> String {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn client(&self, id: &str) -> Option<&RegisteredClient> {
        self.clients.iter().find(|client| client.id.as_str() == id)
    }

    pub(crate) fn user(&self, subject: &str) -> Option<&User> {
        self.users.iter().find(|user| user.subject() == subject)
    }

    /// An endpoint's whole URL.
    pub(crate) fn url(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer.as_str().trim_end_matches('/'), endpoint.suffix())
    }

    /// An endpoint's path.
    pub(crate) fn path_of(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.path, endpoint.suffix())
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }

    pub(crate) fn take_faults(&self, stage: Stage) -> Vec<Fault> {
        locked(&self.faults).take(stage)
    }

    /// The provider's metadata (Discovery section 3, RFC 8414, RFC 9207 section 3, RP-Initiated Logout section 2.1, Back-Channel
    /// Logout section 2.1).
    pub(crate) fn metadata(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": self.url(Endpoint::Authorization),
            "token_endpoint": self.url(Endpoint::Token),
            "userinfo_endpoint": self.url(Endpoint::UserInfo),
            "jwks_uri": self.url(Endpoint::Jwks),
            "end_session_endpoint": self.url(Endpoint::EndSession),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [locked(&self.keys).algorithm().as_str()],
            "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
            "claims_supported": [
                "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid",
                "name", "preferred_username", "email", "email_verified", "groups",
            ],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "authorization_response_iss_parameter_supported": true,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
        })
    }
}

impl fmt::Debug for IssuerCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerCore({})", self.issuer)
    }
}

/// A lock whose holder panicked is still good: every change under it is complete in itself.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
