//! GitHub: OAuth 2.0 without identity tokens, errors that say 200, and a REST API.

mod api;

use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use labgate_domain::protocol::AuthorizationErrorCode;
use serde_json::{Map, Value, json};
use url::{Host, Url, form_urlencoded};

use super::{
    ApiRequest, Habits, Origin, Place, RefreshTokens, Rotation, Telling, TokenAnswer, TokenHabits, ids,
};
use crate::User;
use crate::authorize::{Refusal, UnanswerableRequest};
use crate::client::RegisteredClient;
use crate::issuer::{Endpoint as At, IssuerCore};
use crate::ledger::{Grant, REFRESH_LIFETIME, TOKEN_LIFETIME};
use crate::reply::{self, Keep, Response};
use crate::token::TokenRefusal as R;

pub(super) struct GitHub;

impl Habits for GitHub {
    fn issuer(&self) -> (Origin, String) {
        (Origin::Base, self.home())
    }

    fn home(&self) -> String {
        "/login/oauth".to_owned()
    }

    /// The API answers as that of an Enterprise Server does, and at the second origin as `api.github.com` does.
    fn places(&self) -> Vec<Place> {
        let own = [
            (At::Discovery, "/.well-known/oauth-authorization-server/login/oauth"),
            (At::Authorization, "/login/oauth/authorize"),
            (At::Token, "/login/oauth/access_token"),
            (At::Login, "/login/oauth/mock-login"),
        ];
        let api = ["/user", "/user/emails", "/user/orgs", "/user/teams"].map(|path| (At::Api, path));
        let mut places = Place::all(Origin::Base, "", &own);
        places.extend(Place::all(Origin::Base, api::ENTERPRISE, &api));
        places.extend(Place::all(Origin::Second, "", &api));
        places
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "token_endpoint": issuer.url(At::Token),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn speaks_openid(&self) -> bool {
        false
    }

    /// The tokens of an OAuth app hold until they are revoked.
    fn tokens(&self) -> TokenHabits {
        TokenHabits {
            id_token: TOKEN_LIFETIME,
            access_token: None,
            refresh_token: REFRESH_LIFETIME,
            refresh: RefreshTokens::Never,
            rotation: Rotation::Once,
        }
    }

    /// Whatever is below a registered URI will do, and on a loopback address any port.
    fn allows_redirect(&self, client: &RegisteredClient, uri: &str) -> bool {
        let Ok(asked) = Url::parse(uri) else { return false };
        client.redirect_uris.iter().filter_map(|known| Url::parse(known.as_str()).ok()).any(|known| {
            let below = asked.path().strip_prefix(known.path());
            let fits = |rest: &str| rest.is_empty() || rest.starts_with('/') || known.path().ends_with('/');
            asked.scheme() == known.scheme()
                && asked.host() == known.host()
                && asked.username().is_empty()
                && (asked.port() == known.port() || is_loopback(&known))
                && below.is_some_and(fits)
        })
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        let unknown = matches!(problem, UnanswerableRequest::UnknownClient { .. });
        unknown.then_some((StatusCode::NOT_FOUND, "Not Found"))
    }

    fn refusal(&self, refusal: Refusal) -> Refusal {
        let description = match refusal.code.as_str() {
            "redirect_uri_mismatch" => {
                "The redirect_uri MUST match the registered callback URL for this application."
            }
            "access_denied" => "The user has denied your application access.",
            _ => return refusal,
        };
        Refusal::new(AuthorizationErrorCode::parse(refusal.code.as_str()), description)
    }

    fn callback_parameters(&self, _issuer: &IssuerCore, error: Option<&str>) -> Vec<(&'static str, String)> {
        error.map(|error| ("error_uri", error_uri("authorization", error))).into_iter().collect()
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::number(&["github", user.subject()]).to_string()
    }

    /// What `/user` says; there is no other statement.
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        api::user(telling.user(), telling.scopes)
    }

    fn access_token(&self, random: String) -> String {
        format!("gho_{}", random.replace(['-', '_'], "0").chars().take(36).collect::<String>())
    }

    fn finish_tokens(&self, _issuer: &IssuerCore, _grant: &Grant, tokens: &mut Map<String, Value>) {
        if let Some(scope) = tokens.get_mut("scope") {
            *scope = api::granted(scope.as_str().unwrap_or_default()).join(",").into();
        }
        tokens.insert("token_type".to_owned(), "bearer".into());
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        use crate::worthless::Worthless as W;
        let (error, description) = match refusal {
            _ if refusal.is_of_the_client() => {
                ("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
            }
            R::Worthless(W::RedirectUri) => (
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
            ),
            R::UnsupportedGrantType(_) => ("unsupported_grant_type", "The grant type is not supported."),
            _ => ("bad_verification_code", "The code passed is incorrect or expired."),
        };
        let body = json!({
            "error": error,
            "error_description": description,
            "error_uri": error_uri("access-token", error),
        });
        TokenAnswer { status: StatusCode::OK, body, challenges: false }
    }

    /// A form, unless JSON is asked for.
    fn write_token_answer(&self, status: StatusCode, body: &Value, request: &HeaderMap) -> Response {
        let accept = request.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.contains("json") {
            return reply::json(status, body, Keep::Not);
        }
        let pairs = body.as_object().into_iter().flatten();
        let pairs = pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        reply::with_body(status, "application/x-www-form-urlencoded; charset=utf-8", form, Keep::Not)
    }

    fn api(&self, issuer: &IssuerCore, request: &ApiRequest<'_>) -> Response {
        api::answer(issuer, request)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn error_uri(of: &str, error: &str) -> String {
    let page = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting";
    format!("{page}-{of}-request-errors/#{}", error.replace('_', "-"))
}
