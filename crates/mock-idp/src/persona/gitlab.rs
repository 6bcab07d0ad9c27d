//! GitLab.

use std::time::Duration;

use http::StatusCode;
use labgate_domain::protocol::AuthorizationErrorCode;
use serde_json::{Map, Value, json};

use super::{
    Habits, Origin, Place, RefreshTokens, Rotation, ScopeRefusal, Telling, To, TokenAnswer, TokenHabits, ids,
};
use crate::User;
use crate::authorize::{Refusal, UnanswerableRequest};
use crate::id_token::unset_all;
use crate::issuer::{Endpoint as At, IssuerCore, locked};
use crate::ledger::{Grant, REFRESH_LIFETIME};
use crate::token::TokenRefusal as R;

/// Those that the application has ticked.
const SCOPES: [&str; 4] = ["openid", "profile", "email", "read_user"];

pub(super) struct GitLab;

impl Habits for GitLab {
    fn issuer(&self) -> (Origin, String) {
        (Origin::Base, String::new())
    }

    fn home(&self) -> String {
        "/oauth".to_owned()
    }

    fn places(&self) -> Vec<Place> {
        let table = [
            (At::Discovery, "/.well-known/openid-configuration"),
            (At::Authorization, "/oauth/authorize"),
            (At::Token, "/oauth/token"),
            (At::Jwks, "/oauth/discovery/keys"),
            (At::UserInfo, "/oauth/userinfo"),
            (At::Login, "/oauth/mock-login"),
        ];
        Place::all(Origin::Base, "", &table)
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        json!({
            "issuer": issuer.issuer,
            "authorization_endpoint": issuer.url(At::Authorization),
            "token_endpoint": issuer.url(At::Token),
            "revocation_endpoint": format!("{}/oauth/revoke", issuer.base),
            "introspection_endpoint": format!("{}/oauth/introspect", issuer.base),
            "userinfo_endpoint": issuer.url(At::UserInfo),
            "jwks_uri": issuer.url(At::Jwks),
            "scopes_supported": [
                "api", "read_api", "read_user", "create_runner", "read_repository", "write_repository",
                "openid", "profile", "email",
            ],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "grant_types_supported": [
                "authorization_code", "password", "client_credentials", "device_code", "refresh_token",
            ],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [locked(&issuer.keys).algorithm().as_str()],
            "claim_types_supported": ["normal"],
            "claims_supported": [
                "iss", "sub", "aud", "exp", "iat", "sub_legacy", "name", "nickname", "preferred_username",
                "email", "email_verified", "website", "profile", "picture", "groups", "groups_direct",
            ],
            "code_challenge_methods_supported": ["plain", "S256"],
        })
    }

    fn states_issuer(&self) -> bool {
        false
    }

    /// An identity token holds for two minutes.
    fn tokens(&self) -> TokenHabits {
        TokenHabits {
            id_token: Duration::from_mins(2),
            access_token: Some(Duration::from_hours(2)),
            refresh_token: REFRESH_LIFETIME,
            refresh: RefreshTokens::Always,
            rotation: Rotation::Once,
        }
    }

    fn judge_scopes(&self, scopes: &[&str]) -> Result<(), ScopeRefusal> {
        if scopes.iter().all(|scope| SCOPES.contains(scope)) {
            return Ok(());
        }
        let description = "The requested scope is invalid, unknown, or malformed.";
        Err(ScopeRefusal::Redirect(Refusal::new(AuthorizationErrorCode::InvalidScope, description)))
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        match problem {
            UnanswerableRequest::UnknownClient { .. } => Some((
                StatusCode::UNAUTHORIZED,
                "Client authentication failed due to unknown client, no client authentication included, or unsupported \
                 authentication method.",
            )),
            UnanswerableRequest::UnregisteredRedirectUri { .. } => {
                Some((StatusCode::BAD_REQUEST, "The redirect URI included is not valid."))
            }
            _ => None,
        }
    }

    fn refusal(&self, refusal: Refusal) -> Refusal {
        if refusal.code == AuthorizationErrorCode::AccessDenied {
            let description = "The resource owner or authorization server denied the request.";
            return Refusal::new(refusal.code, description);
        }
        refusal
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::number(&["gitlab", user.subject()]).to_string()
    }

    /// The groups of the identity token are those that somebody is in directly; userinfo has all of them. Here they are
    /// the same.
    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        let user = telling.user();
        let mut statement = telling.begin();
        statement.say("sub_legacy", ids::hex(&["gitlab", user.subject()], 64));
        if telling.asks("profile") || telling.asks("openid") {
            statement.say_if_known("name", user.full_name());
            statement.say("nickname", user.subject());
            statement.say("preferred_username", user.subject());
            statement.say("profile", format!("{}/{}", telling.issuer.base, user.subject()));
        }
        if telling.asks("email") {
            statement.say_email(user);
        }
        let groups = if telling.to == To::IdToken { "groups_direct" } else { "groups" };
        statement.say(groups, user.group_names());
        statement.into_claims()
    }

    fn finish_id_token(&self, _telling: &Telling<'_>, _code: Option<&str>, claims: &mut Map<String, Value>) {
        unset_all(claims, &["sid", "at_hash"]);
    }

    fn finish_tokens(&self, issuer: &IssuerCore, _grant: &Grant, tokens: &mut Map<String, Value>) {
        tokens.insert("created_at".to_owned(), issuer.now().as_unix_seconds().into());
    }

    fn token_error(&self, _issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
        let description = match refusal {
            _ if refusal.is_of_the_client() => {
                let text = "Client authentication failed due to unknown client, no client authentication included, or \
                            unsupported authentication method.";
                return TokenAnswer::plain(StatusCode::UNAUTHORIZED, "invalid_client", text);
            }
            _ if refusal.is_of_pkce() || matches!(refusal, R::Worthless(_)) => {
                "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used \
                 in the authorization request, or was issued to another client."
            }
            _ => return TokenAnswer { challenges: false, ..TokenAnswer::of(refusal) },
        };
        TokenAnswer::plain(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }
}
