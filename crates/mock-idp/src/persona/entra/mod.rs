//! Microsoft Entra ID, for one tenant or several, with the endpoints of version 2.0 or 1.0.

mod claims;
mod errors;
mod graph;

use std::time::Duration;

use http::StatusCode;
use labgate_domain::protocol::AuthorizationErrorCode;
use serde_json::{Map, Value, json};

use super::{
    ApiRequest, Habits, Origin, Persona, Place, RefreshTokens, Rotation, ScopeRefusal, Telling, TokenAnswer,
    TokenHabits, ids,
};
use crate::User;
use crate::authorize::{Refusal, UnanswerableRequest};
use crate::issuer::{Endpoint as At, IssuerCore, TENANT_TEMPLATE, locked};
use crate::ledger::Grant;
use crate::reply::Response;
use crate::token::TokenRefusal;

/// The tenant of personal accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// What is asked of Entra itself and of Graph; a scope of another API begins with its URI.
const SCOPES: [&str; 7] = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "User.Read",
    "GroupMember.Read.All",
    "Directory.Read.All",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

pub(super) struct Entra {
    /// As it stands in the paths.
    tenant: String,
    /// The one that everybody signs in to; `None` where everybody signs in to their own.
    one_tenant: Option<String>,
    version: Version,
    optional_claims: bool,
}

impl Entra {
    pub(super) fn v2(tenant: String, optional_claims: bool) -> Self {
        Self { one_tenant: one_tenant(&tenant), tenant, version: Version::V2, optional_claims }
    }

    pub(super) fn v1(tenant: String) -> Self {
        Self { one_tenant: one_tenant(&tenant), tenant, version: Version::V1, optional_claims: false }
    }

    /// The tenant that a person signs in to.
    fn tenant_of<'a>(&'a self, user: &'a User) -> &'a str {
        self.one_tenant.as_deref().unwrap_or_else(|| user.home_tenant().unwrap_or(Persona::HOME_TENANT))
    }

    /// Where a person is at home, if they are a guest.
    fn home_of_guest<'a>(&self, user: &'a User) -> Option<&'a str> {
        let one = self.one_tenant.as_deref()?;
        user.home_tenant().filter(|home| !home.eq_ignore_ascii_case(one))
    }

    fn issuer_path(&self, tenant: &str) -> String {
        match self.version {
            Version::V1 => format!("/{tenant}/"),
            Version::V2 => format!("/{tenant}/v2.0"),
        }
    }

    fn issuer_origin(&self) -> Origin {
        if self.version == Version::V1 { Origin::Second } else { Origin::Base }
    }

    fn issuer_of(&self, issuer: &IssuerCore, tenant: &str) -> String {
        let base = match self.issuer_origin() {
            Origin::Base => &issuer.base,
            Origin::Second => &issuer.second_base,
        };
        format!("{base}{}", self.issuer_path(tenant))
    }

    fn template_or_tenant(&self) -> &str {
        self.one_tenant.as_deref().unwrap_or(TENANT_TEMPLATE)
    }

    fn tenant_places(&self, tenant: &str) -> Vec<Place> {
        let v2 = [
            (At::Discovery, "/v2.0/.well-known/openid-configuration"),
            (At::Authorization, "/oauth2/v2.0/authorize"),
            (At::Token, "/oauth2/v2.0/token"),
            (At::Jwks, "/discovery/v2.0/keys"),
            (At::EndSession, "/oauth2/v2.0/logout"),
            (At::Login, "/oauth2/v2.0/mock-login"),
            (At::Logout, "/oauth2/v2.0/mock-logout"),
        ];
        let v1 = [
            (At::Discovery, "/.well-known/openid-configuration"),
            (At::Authorization, "/oauth2/authorize"),
            (At::Token, "/oauth2/token"),
            (At::EndSession, "/oauth2/logout"),
            (At::Login, "/oauth2/mock-login"),
            (At::Logout, "/oauth2/mock-logout"),
        ];
        let table: &[_] = if self.version == Version::V1 { &v1 } else { &v2 };
        Place::all(Origin::Base, &format!("/{tenant}"), table)
    }
}

/// The GUID of a tenant that is named by it, by a domain name, or by `consumers`.
fn one_tenant(tenant: &str) -> Option<String> {
    match tenant {
        "common" | "organizations" => None,
        "consumers" => Some(CONSUMERS.to_owned()),
        _ if ids::is_guid(tenant) => Some(tenant.to_ascii_lowercase()),
        _ => Some(Persona::HOME_TENANT.to_owned()),
    }
}

impl Habits for Entra {
    fn issuer(&self) -> (Origin, String) {
        let path = self.issuer_path(self.template_or_tenant());
        (self.issuer_origin(), path)
    }

    fn home(&self) -> String {
        format!("/{}", self.tenant)
    }

    /// A domain name leads to the same endpoints as the tenant's GUID, which is what is published.
    fn places(&self) -> Vec<Place> {
        let is_domain = self.tenant.contains('.');
        let published = self.one_tenant.as_deref().filter(|_| is_domain);
        let mut places = self.tenant_places(published.unwrap_or(&self.tenant));
        if is_domain {
            places.extend(self.tenant_places(&self.tenant));
        }
        if self.version == Version::V1 {
            places.extend(Place::all(Origin::Base, "", &[(At::Jwks, "/common/discovery/keys")]));
        } else {
            let graph = [(At::UserInfo, "/oidc/userinfo"), (At::Api, graph::PATH)];
            places.extend(Place::all(Origin::Second, "", &graph));
        }
        places
    }

    fn metadata(&self, issuer: &IssuerCore) -> Value {
        let mut metadata = json!({
            "token_endpoint": issuer.url(At::Token),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": issuer.url(At::Jwks),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [locked(&issuer.keys).algorithm().as_str()],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer.issuer,
            "request_uri_parameter_supported": false,
            "authorization_endpoint": issuer.url(At::Authorization),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": issuer.url(At::EndSession),
            "claims_supported": [
                "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
                "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name",
                "tid", "ver", "at_hash", "c_hash", "email",
            ],
            "tenant_region_scope": null,
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
        });
        if let Some(metadata) = metadata.as_object_mut().filter(|_| self.version == Version::V2) {
            metadata.insert("userinfo_endpoint".to_owned(), issuer.url(At::UserInfo).into());
        }
        metadata
    }

    /// Each key says which issuers it is for.
    fn publish_keys(&self, issuer: &IssuerCore, keys: &mut Vec<Value>) {
        for key in keys.iter_mut().filter_map(Value::as_object_mut) {
            let of_key = self.issuer_of(issuer, self.template_or_tenant());
            key.insert("issuer".to_owned(), of_key.into());
        }
    }

    fn states_issuer(&self) -> bool {
        false
    }

    /// Refresh tokens rotate, and the one before stays good.
    fn tokens(&self) -> TokenHabits {
        TokenHabits {
            id_token: Duration::from_hours(1),
            access_token: Some(Duration::from_hours(1)),
            refresh_token: Duration::from_hours(90 * 24),
            refresh: RefreshTokens::ForOfflineAccess,
            rotation: Rotation::Both,
        }
    }

    fn judge_scopes(&self, scopes: &[&str]) -> Result<(), ScopeRefusal> {
        let known =
            |scope: &str| SCOPES.iter().any(|it| it.eq_ignore_ascii_case(scope)) || scope.contains('/');
        let Some(unknown) = scopes.iter().find(|scope| !known(scope)) else { return Ok(()) };
        let description = format!(
            "AADSTS650053: The application 'Lab' asked for scope '{unknown}' that doesn't exist on the resource \
             '00000003-0000-0000-c000-000000000000'. Contact the app vendor."
        );
        let code = AuthorizationErrorCode::parse("invalid_client");
        Err(ScopeRefusal::Redirect(Refusal::new(code, description)))
    }

    fn error_page(&self, problem: &UnanswerableRequest) -> Option<(StatusCode, &'static str)> {
        let title = match problem {
            UnanswerableRequest::UnknownClient { .. } => {
                "AADSTS700016: The application was not found in the directory."
            }
            UnanswerableRequest::UnregisteredRedirectUri { .. } => {
                "AADSTS50011: The redirect URI specified in the request does not match the redirect URIs configured for \
                 the application."
            }
            UnanswerableRequest::Missing("client_id") => {
                "AADSTS900144: The request body must contain the following parameter: 'client_id'."
            }
            _ => return None,
        };
        Some((StatusCode::BAD_REQUEST, title))
    }

    fn refusal(&self, refusal: Refusal) -> Refusal {
        if refusal.code == AuthorizationErrorCode::AccessDenied {
            let description = "AADSTS65004: User declined to consent to access the app.";
            return Refusal::new(refusal.code, description);
        }
        refusal
    }

    fn callback_parameters(&self, issuer: &IssuerCore, error: Option<&str>) -> Vec<(&'static str, String)> {
        match error {
            None => vec![("session_state", ids::guid(&[&issuer.random_text()]))],
            Some("access_denied") => vec![("error_subcode", "cancel".to_owned())],
            Some(_) => Vec::new(),
        }
    }

    /// Another one for every client.
    fn subject(&self, client: &str, user: &User) -> String {
        ids::opaque(&["entra", self.tenant_of(user), client, user.subject()])
    }

    fn issuer_for(&self, issuer: &IssuerCore, user: &User) -> String {
        self.issuer_of(issuer, self.tenant_of(user))
    }

    fn claims(&self, telling: &Telling<'_>) -> Map<String, Value> {
        claims::of_the_person(self, telling)
    }

    fn finish_id_token(&self, telling: &Telling<'_>, _code: Option<&str>, claims: &mut Map<String, Value>) {
        claims::finish(self, telling, claims);
    }

    fn finish_tokens(&self, _issuer: &IssuerCore, _grant: &Grant, tokens: &mut Map<String, Value>) {
        let expires_in = tokens.get("expires_in").cloned().unwrap_or_default();
        tokens.insert("ext_expires_in".to_owned(), expires_in);
    }

    fn token_error(&self, issuer: &IssuerCore, refusal: &TokenRefusal) -> TokenAnswer {
        errors::answer(issuer, refusal)
    }

    fn api(&self, issuer: &IssuerCore, request: &ApiRequest<'_>) -> Response {
        graph::answer(self, issuer, request)
    }
}
