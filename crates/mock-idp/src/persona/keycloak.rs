//! A realm of Keycloak 26.

use std::time::Duration;

use http::StatusCode;
use labgate_domain::protocol::AuthorizationErrorCode;
use serde_json::{Map, Value, json};

use super::{
    Habits, Origin, Place, RefreshTokens, Rotation, ScopeRefusal, Telling, TokenAnswer, TokenHabits, ids,
};
use crate::User;
use crate::authorize::{Refusal, UnanswerableRequest};
use crate::issuer::{Endpoint as At, IssuerCore};
use crate::ledger::Grant;
use crate::token::TokenRefusal as R;
use crate::worthless::Worthless as W;

const HALF_AN_HOUR: Duration = Duration::from_mins(30);
/// What an unsuspecting lab finds in a new realm; `groups` is not among them, though its mapper is.
const SCOPES: [&str; 12] = [
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
    "roles",
    "web-origins",
    "microprofile-jwt",
    "acr",
    "basic",
    "organization",
];
const ALGORITHMS: [&str; 13] = [
    "PS384", "RS384", "EdDSA", "ES384", "HS256", "HS512", "ES256", "RS256", "HS384", "ES512", "PS256",
    "PS512", "RS512",
];

pub(super) struct Keycloak {
    pub(super) realm: String,
}

impl Habits for Keycloak {
    fn issuer(&self) -> (Origin, String) {
        (Origin::Base, self.home())
    }

    fn home(&self) -> String {
        format!("/realms/{}", self.realm)
    }

    fn places(&self) -> Vec<Place> {
        let table = [
            (At::Discovery, "/.well-known/openid-configuration"),
            (At::Authorization, "/protocol/openid-connect/auth"),
            (At::Token, "/protocol/openid-connect/token"),
            (At::Jwks, "/protocol/openid-connect/certs"),
            (At::UserInfo, "/protocol/openid-connect/userinfo"),
            (At::EndSession, "/protocol/openid-connect/logout"),
            (At::Logout, "/protocol/openid-connect/logout/logout-confirm"),
            (At::Login, "/login-actions/authenticate"),
        ];
        Place::all(Origin::Base, &self.home(), &table)
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        let below = |path: &str| format!("{}{}{path}", issuer.base, self.home());
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "token_endpoint": issuer.url(At::Token),
            "introspection_endpoint": below("/protocol/openid-connect/token/introspect"),
            "userinfo_endpoint": issuer.url(At::UserInfo),
            "end_session_endpoint": issuer.url(At::EndSession),
            "frontchannel_logout_session_supported": true,
            "frontchannel_logout_supported": true,
            "jwks_uri": issuer.url(At::Jwks),
            "check_session_iframe": below("/protocol/openid-connect/login-status-iframe.html"),
            "grant_types_supported": [
                "authorization_code", "client_credentials", "implicit", "password", "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:ietf:params:oauth:grant-type:uma-ticket", "urn:openid:params:grant-type:ciba",
            ],
            "acr_values_supported": ["0", "1"],
            "response_types_supported": [
                "code", "none", "id_token", "token", "id_token token", "code id_token", "code token",
                "code id_token token",
            ],
            "subject_types_supported": ["public", "pairwise"],
            "prompt_values_supported": ["none", "login", "consent"],
            "id_token_signing_alg_values_supported": ALGORITHMS,
            "id_token_encryption_alg_values_supported": ["ECDH-ES", "RSA-OAEP", "RSA-OAEP-256", "RSA1_5"],
            "userinfo_signing_alg_values_supported": ALGORITHMS,
            "response_modes_supported": ["query", "fragment", "form_post", "query.jwt", "fragment.jwt"],
            "token_endpoint_auth_methods_supported": [
                "private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth",
                "client_secret_jwt",
            ],
            "claims_supported": [
                "iss", "sub", "aud", "exp", "iat", "auth_time", "name", "given_name", "family_name",
                "preferred_username", "email", "acr", "azp", "nonce",
            ],
            "claim_types_supported": ["normal"],
            "claims_parameter_supported": true,
            "scopes_supported": SCOPES,
            "request_parameter_supported": true,
            "request_uri_parameter_supported": true,
            "require_request_uri_registration": true,
            "code_challenge_methods_supported": ["plain", "S256"],
            "tls_client_certificate_bound_access_tokens": true,
            "revocation_endpoint": below("/protocol/openid-connect/revoke"),
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// A key for encryption stands first. Nothing is ever encrypted to it, so it needs no other half.
    fn publish_keys(&self, _issuer: &IssuerCore, keys: &mut Vec<Value>) {
        let words = (0..4).map(|part| ids::hex(&["rsa-oaep", &self.realm, &part.to_string()], 64));
        let modulus: Vec<u8> = words.collect::<String>().into_bytes();
        // An odd number of 2048 bits: those of 256 characters, the first with its highest bit set.
        let modulus = modulus.into_iter().enumerate().map(|(position, byte)| match position {
            0 => byte | 0x80,
            255 => byte | 1,
            _ => byte,
        });
        let modulus = ids::base64url(&modulus.collect::<Vec<u8>>());
        let kid = ids::opaque(&["enc", &self.realm]);
        let key =
            json!({ "kid": kid, "kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": modulus, "e": "AQAB" });
        keys.insert(0, key);
    }

    fn has_back_channel_logout(&self) -> bool {
        true
    }

    fn tokens(&self) -> TokenHabits {
        TokenHabits {
            refresh_token: HALF_AN_HOUR,
            refresh: RefreshTokens::Always,
            rotation: Rotation::Both,
            ..TokenHabits::default()
        }
    }

    fn judge_scopes(&self, scopes: &[&str]) -> Result<(), ScopeRefusal> {
        if scopes.iter().all(|scope| SCOPES.contains(scope)) {
            return Ok(());
        }
        let description = format!("Invalid scopes: {}", scopes.join(" "));
        Err(ScopeRefusal::Redirect(Refusal::new(AuthorizationErrorCode::InvalidScope, description)))
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        let title = match problem {
            UnanswerableRequest::UnknownClient { .. } => "Client not found.",
            UnanswerableRequest::UnregisteredRedirectUri { .. }
            | UnanswerableRequest::Missing("redirect_uri") => "Invalid parameter: redirect_uri",
            _ => return None,
        };
        Some((StatusCode::BAD_REQUEST, title))
    }

    fn callback_parameters(&self, issuer: &IssuerCore, error: Option<&str>) -> Vec<(&'static str, String)> {
        if error.is_some() { Vec::new() } else { vec![("session_state", issuer.random_text())] }
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::guid_of(user.subject(), &["keycloak", &self.realm])
    }

    /// Groups come as the user has them, with or without a slash in front: both exist ("Full group path").
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        if telling.asks("profile") {
            statement.say_names(user);
            statement.say("preferred_username", user.subject());
        }
        if telling.asks("email") {
            statement.say_email(user);
        }
        statement.say_groups("groups", user);
        statement.into_claims()
    }

    fn finish_id_token(&self, telling: &Telling<'_>, _code: Option<&str>, claims: &mut Map<String, Value>) {
        let mut state = |name: &str, value: String| claims.insert(name.to_owned(), value.into());
        state("typ", "ID".to_owned());
        state("azp", telling.client().to_owned());
        state("acr", "1".to_owned());
        state("jti", telling.issuer.random_text());
        // Gone from the tokens of Keycloak 24 and later, unless a realm was told to keep it.
        state("session_state", telling.session().sid.clone());
    }

    fn finish_tokens(&self, _issuer: &IssuerCore, grant: &Grant, tokens: &mut Map<String, Value>) {
        tokens.insert("refresh_expires_in".to_owned(), HALF_AN_HOUR.as_secs().into());
        tokens.insert("not-before-policy".to_owned(), 0.into());
        tokens.insert("session_state".to_owned(), grant.session.sid.as_str().into());
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        let bad = StatusCode::BAD_REQUEST;
        let credentials = "Invalid client or Invalid client credentials";
        let (status, error, description) = match refusal {
            R::WrongSecret => (StatusCode::UNAUTHORIZED, "unauthorized_client", credentials),
            R::UnknownClient(_) | R::NoCredentials(_) => {
                (StatusCode::UNAUTHORIZED, "invalid_client", credentials)
            }
            R::Worthless(W::UnknownCode | W::UsedCode | W::ExpiredCode | W::ForgottenGrant) => {
                (bad, "invalid_grant", "Code not valid")
            }
            R::Worthless(W::ForeignCode) => (bad, "invalid_grant", "Auth error"),
            R::Worthless(W::RedirectUri) => (bad, "invalid_grant", "Incorrect redirect_uri"),
            R::Missing("code_verifier") => (bad, "invalid_grant", "PKCE code verifier not specified"),
            _ if refusal.is_of_pkce() => (bad, "invalid_grant", "PKCE verification failed: Code mismatch"),
            R::Worthless(W::UsedRefresh | W::RevokedRefresh) => (bad, "invalid_grant", "Session not active"),
            R::Worthless(W::ExpiredRefresh) => (bad, "invalid_grant", "Token is not active"),
            _ if refusal.is_of_refreshing() => (bad, "invalid_grant", "Invalid refresh token"),
            _ => return TokenAnswer { challenges: false, ..TokenAnswer::of(refusal) },
        };
        TokenAnswer::plain(status, error, description)
    }
}
