use serde_json::{Map, Value, json};

use super::{Habits, Origin, Place, Telling};
use crate::issuer::{Endpoint as At, IssuerCore, locked};

/// No provider in particular.
pub(crate) struct Generic;

impl Habits for Generic {
    fn issuer(&self) -> (Origin, String) {
        (Origin::Base, String::new())
    }

    fn home(&self) -> String {
        String::new()
    }

    fn places(&self) -> Vec<Place> {
        let table = [
            (At::Discovery, "/.well-known/openid-configuration"),
            (At::Authorization, "/authorize"),
            (At::Login, "/login"),
            (At::Token, "/token"),
            (At::UserInfo, "/userinfo"),
            (At::Jwks, "/jwks"),
            (At::EndSession, "/end_session"),
            (At::Logout, "/logout"),
        ];
        Place::all(Origin::Base, "", &table)
    }

    fn has_back_channel_logout(&self) -> bool {
        true
    }

    /// Discovery section 3, RFC 8414, RFC 9207 section 3, RP-Initiated Logout section 2.1, Back-Channel Logout section
    /// 2.1.
    fn metadata(&self, issuer: &IssuerCore) -> Value {
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "token_endpoint": issuer.url(At::Token),
            "userinfo_endpoint": issuer.url(At::UserInfo),
            "jwks_uri": issuer.url(At::Jwks),
            "end_session_endpoint": issuer.url(At::EndSession),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [locked(&issuer.keys).algorithm().as_str()],
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

    /// The claims that the scopes ask for (OpenID Connect Core section 5.4; `groups` is a custom of providers).
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        if telling.asks("profile") {
            statement.say("preferred_username", user.subject());
            statement.say_if_known("name", user.full_name());
        }
        if telling.asks("email") {
            statement.say_email(user);
        }
        if telling.asks("groups") {
            statement.say("groups", user.group_names());
        }
        statement.into_claims()
    }
}
