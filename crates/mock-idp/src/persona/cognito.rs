//! A user pool of Amazon Cognito, whose pages are on one host and whose issuer is on another.

use std::time::Duration;

use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use labgate_domain::protocol::AuthorizationErrorCode;
use serde_json::{Map, Value, json};

use super::{
    Habits, Origin, Place, RefreshTokens, Rotation, ScopeRefusal, Telling, To, TokenAnswer, TokenHabits, ids,
};
use crate::User;
use crate::authorize::{Refusal, UnanswerableRequest};
use crate::issuer::{Endpoint as At, IssuerCore, locked};
use crate::ledger::REFRESH_LIFETIME;
use crate::parameters::Parameters;
use crate::reply::{self, Response};
use crate::token::TokenRefusal as R;
use crate::{cookie, pages};

const HOUR: Duration = Duration::from_hours(1);
const SCOPES: [&str; 5] = ["openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"];

pub(super) struct Cognito {
    pub(super) pool: String,
}

impl Habits for Cognito {
    fn issuer(&self) -> (Origin, String) {
        let path = format!("/{}", self.pool);
        (Origin::Second, path)
    }

    fn home(&self) -> String {
        "/oauth2".to_owned()
    }

    fn places(&self) -> Vec<Place> {
        let pages = [
            (At::Authorization, "/oauth2/authorize"),
            (At::Token, "/oauth2/token"),
            (At::UserInfo, "/oauth2/userInfo"),
            (At::EndSession, "/logout"),
            (At::Login, "/oauth2/mock-login"),
            (At::Logout, "/oauth2/mock-logout"),
        ];
        let pool =
            [(At::Discovery, "/.well-known/openid-configuration"), (At::Jwks, "/.well-known/jwks.json")];
        let mut places = Place::all(Origin::Base, "", &pages);
        places.extend(Place::all(Origin::Second, &self.issuer().1, &pool));
        places
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        json!({
            "authorization_endpoint": issuer.url(At::Authorization),
            "end_session_endpoint": issuer.url(At::EndSession),
            "id_token_signing_alg_values_supported": [locked(&issuer.keys).algorithm().as_str()],
            "issuer": issuer.issuer,
            "jwks_uri": issuer.url(At::Jwks),
            "response_types_supported": ["code", "token"],
            "revocation_endpoint": format!("{}/oauth2/revoke", issuer.base),
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": issuer.url(At::Token),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "userinfo_endpoint": issuer.url(At::UserInfo),
        })
    }

    fn states_issuer(&self) -> bool {
        false
    }

    fn tokens(&self) -> TokenHabits {
        TokenHabits {
            id_token: HOUR,
            access_token: Some(HOUR),
            refresh_token: REFRESH_LIFETIME,
            refresh: RefreshTokens::Always,
            rotation: Rotation::Kept,
        }
    }

    fn judge_scopes(&self, scopes: &[&str]) -> Result<(), ScopeRefusal> {
        if scopes.iter().all(|scope| SCOPES.contains(scope)) {
            return Ok(());
        }
        Err(ScopeRefusal::Redirect(Refusal::new(AuthorizationErrorCode::InvalidRequest, "invalid_scope")))
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        let unregistered = matches!(problem, UnanswerableRequest::UnregisteredRedirectUri { .. });
        unregistered.then_some((StatusCode::BAD_REQUEST, "redirect_mismatch"))
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::guid_of(user.subject(), &["cognito", &self.pool])
    }

    /// At userinfo, `email_verified` is a text.
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        let user_name = if telling.to == To::IdToken { "cognito:username" } else { "username" };
        statement.say(user_name, user.subject());
        if telling.asks("profile") {
            statement.say_names(user);
        }
        if telling.asks("email") {
            if let Some((_, verified)) = user.email_address().filter(|_| telling.to == To::UserInfo) {
                statement.say("email_verified", verified.to_string());
            }
            statement.say_email(user);
        }
        if telling.to == To::IdToken {
            statement.say_groups("cognito:groups", user);
        }
        statement.into_claims()
    }

    fn finish_id_token(&self, telling: &Telling<'_>, _code: Option<&str>, claims: &mut Map<String, Value>) {
        claims.remove("sid");
        claims.entry("token_use").or_insert_with(|| "id".into());
        let mut state = |name: &str, value: String| claims.insert(name.to_owned(), value.into());
        state("origin_jti", ids::guid(&[&telling.session().sid]));
        state("event_id", ids::guid(&[&telling.issuer.random_text()]));
        state("jti", ids::guid(&[&telling.issuer.random_text()]));
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        let error = match refusal {
            _ if refusal.is_of_the_client() => "invalid_client",
            _ if refusal.is_of_pkce() => "invalid_grant",
            R::UnsupportedGrantType(_) => "unauthorized_client",
            _ => return TokenAnswer::plain(StatusCode::BAD_REQUEST, refusal.code().as_str(), ""),
        };
        TokenAnswer::plain(StatusCode::BAD_REQUEST, error, "")
    }

    /// The published `end_session_endpoint` knows nothing of RP-Initiated Logout: it wants `client_id` and `logout_uri`.
    fn logout(&self, issuer: &IssuerCore, parameters: &Parameters, headers: &HeaderMap) -> Option<Response> {
        let client = parameters.first("client_id").and_then(|id| issuer.client(id));
        let uri = parameters.first("logout_uri").unwrap_or_default();
        let registered = client
            .is_some_and(|client| client.post_logout_redirect_uris.iter().any(|known| known.as_str() == uri));
        if !registered {
            return Some(pages::bad_request("Required String parameter 'redirect_uri' is not present"));
        }
        let of_browser = cookie::read(headers);
        issuer.ledger().end_sessions(|cookie, _| Some(cookie) == of_browser);
        let mut response = reply::redirect(StatusCode::FOUND, uri);
        response.headers_mut().insert(SET_COOKIE, cookie::clear(issuer));
        Some(response)
    }
}
