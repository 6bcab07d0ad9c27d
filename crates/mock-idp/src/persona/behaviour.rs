use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use labgate_domain::protocol::{AuthorizationRequest, Scopes};
use serde_json::Value;

use super::errors::ErrorTable;
use super::statement::Occasion;
use crate::client::RegisteredClient;
use crate::faults::{Fault, Stage};
use crate::ledger::Ledger;
use crate::protocol::{Claims, Grant, Parameters, REFRESH_LIFETIME, TOKEN_LIFETIME};
use crate::reply::{self, Keep, Response};
use crate::site::{Endpoint, Site};
use crate::user::User;

/// The behaviour of one provider: its profile, and what a value cannot say. The defaults follow the
/// specifications.
pub(crate) trait ProviderBehaviour: Send + Sync {
    fn profile(&self) -> &'static Profile;

    /// The persona's own placeholders, by name, in the paths and documents of its profile.
    fn placeholders(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Another value of its first placeholder, at which the same endpoints answer.
    fn alias(&self) -> Option<String> {
        None
    }

    /// Changes the published keys.
    fn publish_keys(&self, _site: &Site, _keys: &mut Vec<Value>) {}

    /// Returns true if it knows a scope.
    fn knows_scope(&self, scope: &str) -> bool {
        self.profile().scopes.is_none_or(|known| known.contains(&scope))
    }

    /// Returns true if a redirect URI is the client's.
    fn allows_redirect(&self, client: &RegisteredClient, uri: &str) -> bool {
        client.redirect_uris.iter().any(|known| known.as_str() == uri)
    }

    /// Further parameters of the authorization response, which has this error or none.
    fn callback_parameters(&self, _site: &Site, _error: Option<&str>) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The person's `sub` for this client.
    fn subject(&self, _client: &str, user: &User) -> String {
        user.subject().to_owned()
    }

    /// The `iss` of an ID token about this person.
    fn issuer_for(&self, site: &Site, _user: &User) -> String {
        site.issuer.as_str().to_owned()
    }

    /// The claims about a person.
    fn claims(&self, occasion: &Occasion<'_>) -> Claims;

    /// Changes an ID token's claims, which are proper at that point: `iss`, `sub`, `aud`, `exp`, `iat`,
    /// `auth_time`, `sid`, `at_hash` and perhaps `nonce`, but for those that the profile leaves out, beside
    /// the person's. A refresh has no `code`.
    fn finish_id_token(&self, _occasion: &Occasion<'_>, _code: Option<&str>, _claims: &mut Claims) {}

    /// Writes an access token around something random.
    fn access_token(&self, random: String) -> String {
        random
    }

    /// Changes a token response, which is proper at that point.
    fn finish_tokens(&self, _site: &Site, _grant: &Grant, _tokens: &mut Claims) {}

    /// Changes an error of the token endpoint, which is as the profile's table says.
    fn finish_token_error(&self, _site: &Site, _error: &mut Claims) {}

    /// Writes the answer of its token endpoint.
    fn write_token_answer(&self, status: StatusCode, body: &Value, _request: &HeaderMap) -> Response {
        reply::json(status, body, Keep::Not)
    }

    /// Answers a request to its API.
    fn api(&self, _site: &Site, _request: &ApiRequest<'_>) -> Response {
        reply::text(StatusCode::NOT_FOUND, "There is no API here.")
    }
}

/// A provider's behaviour as far as it is a value. Paths and documents have placeholders: `{base}` and
/// `{second}` for the two origins, `{issuer}`, `{alg}`, and those of [`ProviderBehaviour::placeholders`].
pub(crate) struct Profile {
    /// Its issuer identifier.
    pub(crate) issuer: &'static str,
    /// The path that its cookie and the mock's own pages are below, without a slash at the end.
    pub(crate) home: &'static str,
    /// Its metadata, as JSON. They say where most endpoints are.
    pub(crate) metadata: &'static str,
    /// The places of the other endpoints, and further places.
    pub(crate) places: &'static [(Endpoint, &'static str)],
    pub(crate) errors: ErrorTable,
    /// The scopes that it knows; `None` for all.
    pub(crate) scopes: Option<&'static [&'static str]>,
    pub(crate) tokens: TokenRules,
    /// Claims of the protocol that its ID tokens do not have.
    pub(crate) omitted_claims: &'static [&'static str],
    /// False for plain OAuth 2.0, without ID tokens.
    pub(crate) openid: bool,
    pub(crate) logout: LogoutRule,
}

/// Lifetimes of tokens, and the use of refresh tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenRules {
    pub(crate) id_token: Duration,
    /// `None` where access tokens do not expire.
    pub(crate) access_token: Option<Duration>,
    pub(crate) refresh_token: Duration,
    pub(crate) refresh: RefreshTokens,
    pub(crate) rotation: Rotation,
}

impl TokenRules {
    pub(crate) const STANDARD: Self = Self {
        id_token: TOKEN_LIFETIME,
        access_token: Some(TOKEN_LIFETIME),
        refresh_token: REFRESH_LIFETIME,
        refresh: RefreshTokens::ForOfflineAccess,
        rotation: Rotation::Once,
    };

    /// ID tokens and access tokens that hold for this time.
    pub(crate) const fn lasting(lifetime: Duration) -> Self {
        Self { id_token: lifetime, access_token: Some(lifetime), ..Self::STANDARD }
    }
}

/// The requests that lead to refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshTokens {
    Never,
    Always,
    /// For the scope `offline_access` (OpenID Connect Core section 11).
    ForOfflineAccess,
    /// For `access_type=offline`, at the person's first grant and with `prompt=consent`.
    ForAccessType,
}

impl RefreshTokens {
    pub(crate) fn are_due(self, request: &AuthorizationRequest, is_first_grant: bool) -> bool {
        let has = |name: &str, value: &str| {
            let mut extra = request.extra.iter();
            extra.any(|(known, values)| known == name && values.split(' ').any(|it| it == value))
        };
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::ForOfflineAccess => request.scopes.contains("offline_access"),
            Self::ForAccessType => {
                has("access_type", "offline") && (is_first_grant || has("prompt", "consent"))
            }
        }
    }
}

/// The effect of a refresh on the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// There is a new one, and presenting the old one again ends the grant (RFC 9700 section 4.14.2).
    Once,
    /// There is a new one, and the old one stays good.
    Both,
    /// It stays, and the response has none.
    Kept,
}

/// The form of a logout request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogoutRule {
    /// RP-Initiated Logout 1.0.
    Standard,
    /// The same, but never without `id_token_hint`; with the words of the refusal.
    NeedsHint(&'static str),
    /// `client_id` and `logout_uri`, and the browser's own session; with the words of the refusal.
    LogoutUri(&'static str),
}

/// A request to a provider's API.
pub(crate) struct ApiRequest<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) ledger: &'a Ledger,
    /// Takes the armed faults of a stage.
    pub(crate) faults: &'a dyn Fn(Stage) -> Vec<Fault>,
}

impl<'a> ApiRequest<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A parameter that is a number, if it is one.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        Parameters::parse(self.query).first(name)?.parse().ok()
    }

    /// Returns the grant of its access token, in an `Authorization` header of one of these schemes.
    pub(crate) fn grant(&self, site: &Site, schemes: &[&str]) -> Option<(&'a Grant, &'a Scopes)> {
        let (scheme, token) = self.header(AUTHORIZATION.as_str())?.split_once(' ')?;
        let is_known = schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        self.ledger.bearer(token.trim(), site.now()).filter(|_| is_known)
    }
}

/// An API's answer in JSON.
pub(crate) fn api_answer(status: StatusCode, body: &Value) -> Response {
    reply::json(status, body, Keep::Not)
}
