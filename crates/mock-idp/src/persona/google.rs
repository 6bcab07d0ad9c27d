//! Google.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    Habits, Origin, Place, RefreshTokens, Rotation, ScopeRefusal, Telling, TokenAnswer, TokenHabits, ids,
};
use crate::User;
use crate::authorize::UnanswerableRequest;
use crate::id_token::unset_all;
use crate::issuer::{Endpoint as At, IssuerCore, locked};
use crate::ledger::{Grant, REFRESH_LIFETIME};
use crate::token::TokenRefusal as R;
use crate::worthless::Worthless as W;

const HOUR: Duration = Duration::from_hours(1);
const USERINFO: &str = "https://www.googleapis.com/auth/userinfo.";

pub(super) struct Google;

impl Habits for Google {
    fn issuer(&self) -> (Origin, String) {
        (Origin::Base, String::new())
    }

    fn home(&self) -> String {
        "/o/oauth2".to_owned()
    }

    fn places(&self) -> Vec<Place> {
        let accounts = [
            (At::Discovery, "/.well-known/openid-configuration"),
            (At::Authorization, "/o/oauth2/v2/auth"),
            (At::Authorization, "/o/oauth2/auth"),
            (At::Login, "/o/oauth2/mock-login"),
        ];
        let apis = [(At::Token, "/token"), (At::Jwks, "/oauth2/v3/certs"), (At::UserInfo, "/v1/userinfo")];
        let mut places = Place::all(Origin::Base, "", &accounts);
        places.extend(Place::all(Origin::Second, "", &apis));
        places
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "device_authorization_endpoint": format!("{}/device/code", issuer.second_base),
            "token_endpoint": issuer.url(At::Token),
            "userinfo_endpoint": issuer.url(At::UserInfo),
            "revocation_endpoint": format!("{}/revoke", issuer.second_base),
            "jwks_uri": issuer.url(At::Jwks),
            "response_types_supported": [
                "code", "token", "id_token", "code token", "code id_token", "token id_token",
                "code token id_token", "none",
            ],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [locked(&issuer.keys).algorithm().as_str()],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": [
                "aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name",
                "picture", "sub",
            ],
            "code_challenge_methods_supported": ["plain", "S256"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn tokens(&self) -> TokenHabits {
        TokenHabits {
            id_token: HOUR,
            access_token: Some(HOUR),
            refresh_token: REFRESH_LIFETIME * 6,
            refresh: RefreshTokens::ForAccessType,
            rotation: Rotation::Kept,
        }
    }

    /// What is not known is refused on a page of Google's, and `offline_access` is not known.
    fn judge_scopes(&self, scopes: &[&str]) -> Result<(), ScopeRefusal> {
        let known = |scope: &&&str| matches!(**scope, "openid" | "email" | "profile") || scope.contains('/');
        let (valid, invalid): (Vec<&str>, Vec<&str>) = scopes.iter().partition(known);
        if invalid.is_empty() {
            return Ok(());
        }
        Err(ScopeRefusal::Page(format!(
            "Error 400: invalid_scope. Some requested scopes were invalid. {{valid=[{}], invalid=[{}]}}",
            valid.join(", "),
            invalid.join(", ")
        )))
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        match problem {
            UnanswerableRequest::UnknownClient { .. } => {
                Some((StatusCode::UNAUTHORIZED, "Error 401: invalid_client"))
            }
            UnanswerableRequest::UnregisteredRedirectUri { .. } => {
                Some((StatusCode::BAD_REQUEST, "Error 400: redirect_uri_mismatch"))
            }
            UnanswerableRequest::Refused(_) => Some((StatusCode::BAD_REQUEST, "Error 400: invalid_scope")),
            _ => None,
        }
    }

    fn callback_parameters(&self, _issuer: &IssuerCore, error: Option<&str>) -> Vec<(&'static str, String)> {
        match error {
            None => vec![
                ("scope", format!("email profile openid {USERINFO}email {USERINFO}profile")),
                ("authuser", "0".to_owned()),
                ("prompt", "none".to_owned()),
            ],
            Some(_) => Vec::new(),
        }
    }

    /// A number of 21 digits.
    fn subject(&self, _client: &str, user: &User) -> String {
        let numbers = ["one", "two"].map(|word| ids::number(&["google", word, user.subject()]));
        format!("1{:010}{:010}", numbers[0], numbers[1])
    }

    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        if telling.asks("profile") {
            statement.say_names(user);
            statement.say("picture", "https://lh3.googleusercontent.com/a/mock=s96-c");
        }
        if telling.asks("email") {
            statement.say_email(user);
        }
        statement.say_if_known("hd", hosted_domain(user));
        let mut claims = statement.into_claims();
        claims.retain(|name, value| name != "hd" || !value.is_null());
        claims
    }

    fn finish_id_token(&self, telling: &Telling<'_>, _code: Option<&str>, claims: &mut Map<String, Value>) {
        unset_all(claims, &["auth_time", "sid"]);
        claims.insert("azp".to_owned(), telling.client().into());
    }

    fn access_token(&self, random: String) -> String {
        format!("ya29.{random}")
    }

    fn finish_tokens(&self, _issuer: &IssuerCore, grant: &Grant, tokens: &mut Map<String, Value>) {
        let scopes = grant.scopes.to_parameter();
        let full = scopes.split(' ').map(|scope| match scope {
            "email" | "profile" => format!("{USERINFO}{scope}"),
            other => other.to_owned(),
        });
        tokens.insert("scope".to_owned(), full.collect::<Vec<_>>().join(" ").into());
        tokens.insert("expires_in".to_owned(), 3599.into());
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        let bad = StatusCode::BAD_REQUEST;
        let (status, error, description) = match refusal {
            R::UnknownClient(_) => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "The OAuth client was not found.")
            }
            _ if refusal.is_of_the_client() => (StatusCode::UNAUTHORIZED, "invalid_client", "Unauthorized"),
            R::Worthless(W::UnknownCode) => (bad, "invalid_grant", "Malformed auth code."),
            R::Worthless(W::RedirectUri) => (bad, "redirect_uri_mismatch", "Bad Request"),
            R::Missing("code_verifier") => (bad, "invalid_grant", "Missing code verifier."),
            _ if refusal.is_of_pkce() => (bad, "invalid_grant", "Invalid code verifier."),
            R::Worthless(W::RevokedRefresh | W::ExpiredRefresh) => {
                (bad, "invalid_grant", "Token has been expired or revoked.")
            }
            R::Worthless(_) => (bad, "invalid_grant", "Bad Request"),
            _ => return TokenAnswer { challenges: false, ..TokenAnswer::of(refusal) },
        };
        TokenAnswer::plain(status, error, description)
    }
}

/// The organization that hosts an address; Gmail is none.
fn hosted_domain(user: &User) -> Option<&str> {
    let (address, _) = user.email_address()?;
    let (_, domain) = address.rsplit_once('@')?;
    let consumer = ["gmail.com", "googlemail.com"].iter().any(|it| it.eq_ignore_ascii_case(domain));
    (!consumer).then_some(domain)
}
