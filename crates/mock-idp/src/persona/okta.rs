//! Okta: the authorization server of the organization, or a custom one.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use labgate_domain::protocol::AuthorizationErrorCode;
use serde_json::{Map, Value, json};

use super::{Habits, Origin, Place, ScopeRefusal, Telling, To, TokenAnswer, TokenHabits, ids};
use crate::User;
use crate::authorize::Refusal;
use crate::id_token::unset_all;
use crate::issuer::{Endpoint as At, IssuerCore, locked};
use crate::pages;
use crate::parameters::Parameters;
use crate::reply::Response;
use crate::token::TokenRefusal as R;
use crate::worthless::Worthless as W;

const HOUR: Duration = Duration::from_hours(1);
const SCOPES: [&str; 8] =
    ["openid", "profile", "email", "address", "phone", "offline_access", "groups", "device_sso"];

pub(super) struct Okta {
    pub(super) server: Option<String>,
}

impl Habits for Okta {
    fn issuer(&self) -> (Origin, String) {
        let path = self.server.as_ref().map(|server| format!("/oauth2/{server}")).unwrap_or_default();
        (Origin::Base, path)
    }

    fn home(&self) -> String {
        match &self.server {
            Some(server) => format!("/oauth2/{server}"),
            None => "/oauth2".to_owned(),
        }
    }

    fn places(&self) -> Vec<Place> {
        let document = (At::Discovery, "/.well-known/openid-configuration");
        let table = [
            (At::Authorization, "/v1/authorize"),
            (At::Token, "/v1/token"),
            (At::Jwks, "/v1/keys"),
            (At::UserInfo, "/v1/userinfo"),
            (At::EndSession, "/v1/logout"),
            (At::Login, "/v1/mock-login"),
            (At::Logout, "/v1/mock-logout"),
        ];
        let mut places = Place::all(Origin::Base, &self.issuer().1, &[document]);
        places.extend(Place::all(Origin::Base, &self.home(), &table));
        places
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        let below = |path: &str| format!("{}{}{path}", issuer.base, self.home());
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "token_endpoint": issuer.url(At::Token),
            "userinfo_endpoint": issuer.url(At::UserInfo),
            "registration_endpoint": format!("{}/oauth2/v1/clients", issuer.base),
            "jwks_uri": issuer.url(At::Jwks),
            "response_types_supported": [
                "code", "id_token", "code id_token", "code token", "id_token token", "code id_token token",
            ],
            "response_modes_supported": ["query", "fragment", "form_post", "okta_post_message"],
            "grant_types_supported": ["authorization_code", "implicit", "refresh_token", "password"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [locked(&issuer.keys).algorithm().as_str()],
            "scopes_supported": SCOPES,
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none",
            ],
            "claims_supported": [
                "iss", "ver", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "idp", "nonce", "name",
                "nickname", "preferred_username", "given_name", "family_name", "email", "email_verified",
                "updated_at", "at_hash", "c_hash",
            ],
            "code_challenge_methods_supported": ["S256"],
            "introspection_endpoint": below("/v1/introspect"),
            "revocation_endpoint": below("/v1/revoke"),
            "end_session_endpoint": issuer.url(At::EndSession),
            "request_parameter_supported": true,
        })
    }

    fn states_issuer(&self) -> bool {
        false
    }

    fn tokens(&self) -> TokenHabits {
        TokenHabits { id_token: HOUR, access_token: Some(HOUR), ..TokenHabits::default() }
    }

    fn judge_scopes(&self, scopes: &[&str]) -> Result<(), ScopeRefusal> {
        if scopes.iter().all(|scope| SCOPES.contains(scope)) {
            return Ok(());
        }
        let description = "One or more scopes are not configured for the authorization server resource.";
        Err(ScopeRefusal::Redirect(Refusal::new(AuthorizationErrorCode::InvalidScope, description)))
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        format!("00u{}", ids::hex(&["okta", user.subject()], 17))
    }

    /// The identity token of a response that has an access token, too, is thin: the rest is at userinfo.
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        if telling.asks("groups") {
            statement.say_groups("groups", user);
        }
        if telling.to == To::UserInfo {
            if telling.asks("profile") {
                statement.say_names(user);
                let login = user.email_address().map_or(user.subject(), |(address, _)| address);
                statement.say("preferred_username", login);
                statement.say("zoneinfo", "America/Los_Angeles");
            }
            if telling.asks("email") {
                statement.say_email(user);
            }
        }
        statement.into_claims()
    }

    fn finish_id_token(&self, telling: &Telling<'_>, _code: Option<&str>, claims: &mut Map<String, Value>) {
        unset_all(claims, &["sid"]);
        let mut state = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        state("ver", 1.into());
        state("jti", format!("ID.{}", telling.issuer.random_text()).into());
        state("amr", json!(["pwd"]));
        state("idp", "00o1mock".into());
    }

    /// It knows whom to sign out by the hint alone.
    fn logout(
        &self,
        _issuer: &IssuerCore,
        parameters: &Parameters,
        _headers: &HeaderMap,
    ) -> Option<Response> {
        let has_hint = parameters.first("id_token_hint").is_some_and(|hint| !hint.is_empty());
        (!has_hint).then(|| pages::bad_request("The parameter id_token_hint is missing."))
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        let (bad, unauthorized) = (StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED);
        let (status, error, description) = match refusal {
            R::UnknownClient(_) => {
                (unauthorized, "invalid_client", "Invalid value for 'client_id' parameter.")
            }
            R::WrongSecret => (
                unauthorized,
                "invalid_client",
                "The client secret supplied for a confidential client is invalid.",
            ),
            R::NoCredentials(_) => (
                unauthorized,
                "invalid_client",
                "Client authentication failed. Either the client or the client credentials are invalid.",
            ),
            R::Worthless(W::RedirectUri) => (
                bad,
                "invalid_grant",
                "The 'redirect_uri' does not match the redirection URI used in the authorization request.",
            ),
            _ if refusal.is_of_pkce() => (bad, "invalid_grant", "PKCE verification failed."),
            _ if refusal.is_of_refreshing() => {
                (bad, "invalid_grant", "The refresh token is invalid or expired.")
            }
            R::Worthless(_) => (bad, "invalid_grant", "The authorization code is invalid or has expired."),
            _ => return TokenAnswer { challenges: false, ..TokenAnswer::of(refusal) },
        };
        TokenAnswer::plain(status, error, description)
    }
}
