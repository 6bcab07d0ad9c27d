//! Auth0.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Habits, Origin, Place, Telling, TokenAnswer, TokenHabits, ids};
use crate::User;
use crate::authorize::UnanswerableRequest;
use crate::id_token::unset_all;
use crate::issuer::{Endpoint as At, IssuerCore, locked};
use crate::token::TokenRefusal as R;
use crate::worthless::Worthless as W;

/// Groups come from an Action, which must name its claims by URLs.
const GROUPS: &str = "https://lab.example/groups";

pub(super) struct Auth0;

impl Habits for Auth0 {
    fn issuer(&self) -> (Origin, String) {
        (Origin::Base, "/".to_owned())
    }

    fn home(&self) -> String {
        String::new()
    }

    fn places(&self) -> Vec<Place> {
        let table = [
            (At::Discovery, "/.well-known/openid-configuration"),
            (At::Authorization, "/authorize"),
            (At::Token, "/oauth/token"),
            (At::Jwks, "/.well-known/jwks.json"),
            (At::UserInfo, "/userinfo"),
            (At::EndSession, "/oidc/logout"),
            (At::Login, "/u/login"),
            (At::Logout, "/u/logout"),
        ];
        Place::all(Origin::Base, "", &table)
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "token_endpoint": issuer.url(At::Token),
            "device_authorization_endpoint": format!("{}/oauth/device/code", issuer.base),
            "userinfo_endpoint": issuer.url(At::UserInfo),
            "mfa_challenge_endpoint": format!("{}/mfa/challenge", issuer.base),
            "jwks_uri": issuer.url(At::Jwks),
            "registration_endpoint": format!("{}/oidc/register", issuer.base),
            "revocation_endpoint": format!("{}/oauth/revoke", issuer.base),
            "scopes_supported": [
                "openid", "profile", "offline_access", "name", "given_name", "family_name", "nickname", "email",
                "email_verified", "picture", "created_at", "identities", "phone", "address",
            ],
            "response_types_supported": [
                "code", "token", "id_token", "code token", "code id_token", "token id_token",
                "code token id_token",
            ],
            "code_challenge_methods_supported": ["S256", "plain"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic", "client_secret_post", "private_key_jwt", "none",
            ],
            "claims_supported": [
                "aud", "auth_time", "created_at", "email", "email_verified", "exp", "family_name", "given_name",
                "iat", "identities", "iss", "name", "nickname", "phone_number", "picture", "sub",
            ],
            "request_uri_parameter_supported": false,
            "request_parameter_supported": false,
            "id_token_signing_alg_values_supported": ["HS256", locked(&issuer.keys).algorithm().as_str(), "PS256"],
            "end_session_endpoint": issuer.url(At::EndSession),
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
        })
    }

    fn states_issuer(&self) -> bool {
        false
    }

    fn has_back_channel_logout(&self) -> bool {
        true
    }

    fn tokens(&self) -> TokenHabits {
        TokenHabits {
            id_token: Duration::from_hours(10),
            access_token: Some(Duration::from_hours(24)),
            ..TokenHabits::default()
        }
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        match problem {
            UnanswerableRequest::UnknownClient { .. } => {
                Some((StatusCode::FORBIDDEN, "Unknown client. The client is not registered with the tenant."))
            }
            UnanswerableRequest::UnregisteredRedirectUri { .. } => {
                Some((StatusCode::FORBIDDEN, "Callback URL mismatch."))
            }
            _ => None,
        }
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        format!("auth0|{}", ids::hex(&["auth0", user.subject()], 24))
    }

    /// `updated_at` is a text, where OpenID Connect Core section 5.1 says a number.
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        if telling.asks("profile") {
            statement.say_names(user);
            statement.say("nickname", user.subject());
            statement.say("picture", "https://s.gravatar.com/avatar/mock");
            statement.say("updated_at", "2026-01-15T08:00:00.000Z");
        }
        if telling.asks("email") {
            statement.say_email(user);
        }
        statement.say_groups(GROUPS, user);
        statement.into_claims()
    }

    fn finish_id_token(&self, _telling: &Telling<'_>, _code: Option<&str>, claims: &mut Map<String, Value>) {
        unset_all(claims, &["auth_time", "at_hash"]);
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        let forbidden = StatusCode::FORBIDDEN;
        let (status, error, description) = match refusal {
            _ if refusal.is_of_the_client() => (StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized"),
            R::Worthless(W::RedirectUri) => (forbidden, "unauthorized_client", "The redirect URI is wrong."),
            _ if refusal.is_of_pkce() => (forbidden, "invalid_grant", "Failed to verify code verifier"),
            _ if refusal.is_of_refreshing() => {
                (forbidden, "invalid_grant", "Unknown or invalid refresh token.")
            }
            R::Worthless(_) => (forbidden, "invalid_grant", "Invalid authorization code"),
            _ => return TokenAnswer { challenges: false, ..TokenAnswer::of(refusal) },
        };
        TokenAnswer::plain(status, error, description)
    }
}
