use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use labgate_domain::protocol::AuthorizationRequest;
use serde_json::{Map, Value, json};

use super::{Origin, Place, Telling};
use crate::User;
use crate::authorize::{Refusal, UnanswerableRequest};
use crate::client::RegisteredClient;
use crate::issuer::IssuerCore;
use crate::ledger::{Grant, REFRESH_LIFETIME, TOKEN_LIFETIME};
use crate::parameters::Parameters;
use crate::reply::{self, Keep, Response};
use crate::token::TokenRefusal;

/// What is particular about a provider. What is not overridden is what the specifications say.
pub(crate) trait Habits: Send + Sync {
    /// Its issuer identifier: on which origin, and the path there.
    fn issuer(&self) -> (Origin, String);

    /// The path that its cookie and the mock's own pages are below, without a slash at the end.
    fn home(&self) -> String;

    /// Where its endpoints are; where one has several places, the first is published.
    fn places(&self) -> Vec<Place>;

    /// Its metadata.
    fn metadata(&self, issuer: &IssuerCore) -> Value;

    /// Changes the published keys.
    fn publish_keys(&self, _issuer: &IssuerCore, _keys: &mut Vec<Value>) {}

    /// Whether it has identity tokens at all.
    fn speaks_openid(&self) -> bool {
        true
    }

    /// Whether `iss` is in its authorization response (RFC 9207).
    fn states_issuer(&self) -> bool {
        true
    }

    /// Whether it tells clients of sessions that have ended.
    fn has_back_channel_logout(&self) -> bool {
        false
    }

    fn tokens(&self) -> TokenHabits {
        TokenHabits::default()
    }

    /// Whether it takes these scopes.
    fn judge_scopes(&self, _scopes: &[&str]) -> Result<(), ScopeRefusal> {
        Ok(())
    }

    /// Whether a redirect URI is the client's.
    fn allows_redirect(&self, client: &RegisteredClient, uri: &str) -> bool {
        client.redirect_uris.iter().any(|known| known.as_str() == uri)
    }

    /// Its own words for a page that shows an error to the person.
    fn error_page(&self, _problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        None
    }

    /// Its own words for an error that goes to the redirect URI.
    fn refusal(&self, refusal: Refusal) -> Refusal {
        refusal
    }

    /// Further parameters of the authorization response, which has this error or none.
    fn callback_parameters(&self, _issuer: &IssuerCore, _error: Option<&str>) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The person's `sub` for this client.
    fn subject(&self, _client: &str, user: &User) -> String {
        user.subject().to_owned()
    }

    /// The `iss` of an identity token about this person.
    fn issuer_for(&self, issuer: &IssuerCore, _user: &User) -> String {
        issuer.issuer.as_str().to_owned()
    }

    /// What it says of a person.
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value>;

    /// Changes an identity token's claims, which are proper at that point: `iss`, `sub`, `aud`, `exp`, `iat`,
    /// `auth_time`, `sid`, `at_hash` and perhaps `nonce` beside those of the person. `code` is what it is for, if not a
    /// refresh.
    fn finish_id_token(&self, _telling: &Telling<'_>, _code: Option<&str>, _claims: &mut Map<String, Value>) {
    }

    /// Writes an access token around something random.
    fn access_token(&self, random: String) -> String {
        random
    }

    /// Changes a token response, which is proper at that point.
    fn finish_tokens(&self, _issuer: &IssuerCore, _grant: &Grant, _tokens: &mut Map<String, Value>) {}

    /// What it answers at its token endpoint instead of tokens.
    fn token_error(&self, _issuer: &IssuerCore, refusal: &TokenRefusal) -> TokenAnswer {
        TokenAnswer::of(refusal)
    }

    /// Writes the answer of its token endpoint.
    fn write_token_answer(&self, status: StatusCode, body: &Value, _request: &HeaderMap) -> Response {
        reply::json(status, body, Keep::Not)
    }

    /// Answers a request to its API.
    fn api(&self, _issuer: &IssuerCore, _request: &ApiRequest<'_>) -> Response {
        reply::text(StatusCode::NOT_FOUND, "There is no API here.")
    }

    /// Answers a logout request in its own way, if it has one.
    fn logout(
        &self,
        _issuer: &IssuerCore,
        _parameters: &Parameters,
        _headers: &HeaderMap,
    ) -> Option<Response> {
        None
    }
}

/// How long tokens hold, and what becomes of refresh tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenHabits {
    pub(crate) id_token: Duration,
    /// `None` where access tokens do not expire.
    pub(crate) access_token: Option<Duration>,
    pub(crate) refresh_token: Duration,
    pub(crate) refresh: RefreshTokens,
    pub(crate) rotation: Rotation,
}

impl Default for TokenHabits {
    fn default() -> Self {
        Self {
            id_token: TOKEN_LIFETIME,
            access_token: Some(TOKEN_LIFETIME),
            refresh_token: REFRESH_LIFETIME,
            refresh: RefreshTokens::ForOfflineAccess,
            rotation: Rotation::Once,
        }
    }
}

/// When there are refresh tokens.
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
            request
                .extra
                .iter()
                .any(|(known, values)| known == name && values.split(' ').any(|it| it == value))
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

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// There is a new one, and presenting the old one again ends the grant (RFC 9700 section 4.14.2).
    Once,
    /// There is a new one, and the old one stays good.
    Both,
    /// It stays, and the response has none.
    Kept,
}

/// Why scopes are not granted.
#[derive(Debug)]
pub(crate) enum ScopeRefusal {
    /// The client is told.
    Redirect(Refusal),
    /// The person is told, on the provider's own page.
    Page(String),
}

/// A refusal of the token endpoint.
#[derive(Debug)]
pub(crate) struct TokenAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// Whether `WWW-Authenticate` asks for credentials.
    pub(crate) challenges: bool,
}

impl TokenAnswer {
    /// As RFC 6749 section 5.2 says.
    pub(crate) fn of(refusal: &TokenRefusal) -> Self {
        let challenges = refusal.is_of_the_client();
        let status = if challenges { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let body = json!({ "error": refusal.code().as_str(), "error_description": refusal.to_string() });
        Self { status, body, challenges }
    }

    /// One that asks for nothing; an empty description is left out.
    pub(crate) fn plain(status: StatusCode, error: &str, description: &str) -> Self {
        let mut body = Map::new();
        body.insert("error".to_owned(), error.into());
        if !description.is_empty() {
            body.insert("error_description".to_owned(), description.into());
        }
        Self { status, body: Value::Object(body), challenges: false }
    }
}

/// A request to a provider's API.
pub(crate) struct ApiRequest<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

impl ApiRequest<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A parameter that is a number, if it is one.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        Parameters::parse(self.query).first(name)?.parse().ok()
    }
}

/// An API's answer in JSON.
pub(crate) fn api_answer(status: StatusCode, body: &Value) -> http::Response<Bytes> {
    reply::json(status, body, Keep::Not)
}
