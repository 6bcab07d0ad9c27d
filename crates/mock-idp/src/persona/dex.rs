//! Dex 2.45: strict about scopes, and unusual in its errors.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use labgate_domain::protocol::AuthorizationErrorCode;
use serde_json::{Map, Value, json};

use super::{Habits, Origin, Place, Rotation, ScopeRefusal, Telling, TokenAnswer, TokenHabits, ids};
use crate::User;
use crate::authorize::{Refusal, UnanswerableRequest};
use crate::id_token::{access_token_hash, unset_all};
use crate::issuer::{Endpoint as At, IssuerCore, locked};
use crate::token::TokenRefusal as R;
use crate::worthless::Worthless as W;

const CONNECTOR: &str = "local";
const SCOPES: [&str; 6] = ["openid", "email", "groups", "profile", "offline_access", "federated:id"];
/// Asks for a token that another client may use, too.
const CROSS_CLIENT: &str = "audience:server:client_id:";

pub(super) struct Dex;

impl Habits for Dex {
    fn issuer(&self) -> (Origin, String) {
        (Origin::Base, "/dex".to_owned())
    }

    fn home(&self) -> String {
        "/dex".to_owned()
    }

    fn places(&self) -> Vec<Place> {
        let table = [
            (At::Discovery, "/.well-known/openid-configuration"),
            (At::Authorization, "/auth"),
            (At::Token, "/token"),
            (At::Jwks, "/keys"),
            (At::UserInfo, "/userinfo"),
            (At::Login, "/mock-login"),
        ];
        Place::all(Origin::Base, "/dex", &table)
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "token_endpoint": issuer.url(At::Token),
            "jwks_uri": issuer.url(At::Jwks),
            "userinfo_endpoint": issuer.url(At::UserInfo),
            "device_authorization_endpoint": format!("{}/dex/device/code", issuer.base),
            "introspection_endpoint": format!("{}/dex/token/introspect", issuer.base),
            "grant_types_supported": [
                "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [locked(&issuer.keys).algorithm().as_str()],
            "code_challenge_methods_supported": ["S256", "plain"],
            "scopes_supported": ["openid", "email", "groups", "profile", "offline_access"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "claims_supported": [
                "iss", "sub", "aud", "iat", "exp", "email", "email_verified", "locale", "name",
                "preferred_username", "at_hash",
            ],
        })
    }

    fn states_issuer(&self) -> bool {
        false
    }

    fn tokens(&self) -> TokenHabits {
        let day = Duration::from_hours(24);
        let access_token = Some(day);
        TokenHabits { id_token: day, access_token, rotation: Rotation::Once, ..TokenHabits::default() }
    }

    fn judge_scopes(&self, scopes: &[&str]) -> Result<(), ScopeRefusal> {
        let refused = |description: String| {
            Err(ScopeRefusal::Redirect(Refusal::new(AuthorizationErrorCode::InvalidScope, description)))
        };
        let known = |scope: &str| SCOPES.contains(&scope) || scope.starts_with(CROSS_CLIENT);
        let unknown: Vec<String> =
            scopes.iter().filter(|scope| !known(scope)).map(|scope| format!("{scope:?}")).collect();
        if !scopes.contains(&"openid") {
            refused("Missing required scope(s) [\"openid\"].".to_owned())
        } else if unknown.is_empty() {
            Ok(())
        } else {
            refused(format!("Unrecognized scope(s) [{}]", unknown.join(" ")))
        }
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        match problem {
            UnanswerableRequest::UnknownClient { .. } => Some((StatusCode::NOT_FOUND, "Invalid client_id.")),
            UnanswerableRequest::UnregisteredRedirectUri { .. } => {
                Some((StatusCode::BAD_REQUEST, "Unregistered redirect_uri."))
            }
            _ => None,
        }
    }

    /// A protocol buffer of the user id (1) and the connector's (2).
    fn subject(&self, _client: &str, user: &User) -> String {
        let mut bytes = Vec::new();
        for (tag, text) in [(0x0a, ids::guid_of(user.subject(), &["dex"]).as_str()), (0x12, CONNECTOR)] {
            bytes.push(tag);
            bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            bytes.extend(text.as_bytes());
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        if telling.asks("email") {
            statement.say_email(user);
        }
        if telling.asks("groups") {
            statement.say_groups("groups", user);
        }
        if telling.asks("profile") {
            statement.say_if_known("name", user.full_name());
            statement.say("preferred_username", user.subject());
        }
        if telling.asks("federated:id") {
            let user_id = ids::guid_of(user.subject(), &["dex"]);
            statement.say("federated_claims", json!({ "connector_id": CONNECTOR, "user_id": user_id }));
        }
        statement.into_claims()
    }

    fn finish_id_token(&self, telling: &Telling<'_>, code: Option<&str>, claims: &mut Map<String, Value>) {
        unset_all(claims, &["auth_time", "sid"]);
        if let Some(code) = code {
            let algorithm = locked(&telling.issuer.keys).algorithm();
            claims.insert("c_hash".to_owned(), access_token_hash(code, algorithm).into());
        }
        let others = telling.scopes.to_parameter();
        let others = others.split(' ').filter_map(|scope| scope.strip_prefix(CROSS_CLIENT));
        let audiences: Vec<&str> = others.chain([telling.client()]).collect();
        if audiences.len() > 1 {
            claims.insert("aud".to_owned(), audiences.into());
            claims.insert("azp".to_owned(), telling.client().into());
        }
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        let bad = StatusCode::BAD_REQUEST;
        let (status, error, description) = match refusal {
            _ if refusal.is_of_the_client() => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "Invalid client credentials.")
            }
            R::Worthless(W::UnknownCode | W::UsedCode | W::ForgottenGrant) => {
                (bad, "invalid_grant", "Invalid or expired code parameter.")
            }
            R::Worthless(W::ExpiredCode | W::ForeignCode) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "")
            }
            R::Worthless(W::RedirectUri) => {
                (bad, "invalid_request", "redirect_uri did not match URI from initial request.")
            }
            R::Missing("code_verifier") => {
                (bad, "invalid_grant", "Expecting parameter code_verifier in PKCE flow.")
            }
            R::Missing("code") => (bad, "invalid_request", "Required param: code."),
            _ if refusal.is_of_pkce() => (bad, "invalid_grant", "Invalid code_verifier."),
            _ if refusal.is_of_refreshing() => {
                let reason = "Refresh token is invalid or has already been claimed by another client.";
                (bad, "invalid_request", reason)
            }
            _ => return TokenAnswer { challenges: false, ..TokenAnswer::of(refusal) },
        };
        TokenAnswer::plain(status, error, description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_user_has_the_known_subject() {
        let user = User::new("08a8684b-db88-4b73-90a9-3cd1661f5466");
        let known = "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs";
        assert_eq!(Dex.subject("lab", &user), known);
    }

    #[test]
    fn a_subject_is_a_protocol_buffer_of_user_and_connector() {
        let subject = BASE64_URL_SAFE_NO_PAD.decode(Dex.subject("lab", &User::new("ada"))).unwrap();
        assert_eq!(&subject[..2], b"\x0a\x24");
        assert_eq!(&subject[38..], b"\x12\x05local");
        assert!(ids::is_guid(std::str::from_utf8(&subject[2..38]).unwrap()));
    }
}
