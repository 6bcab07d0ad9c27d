//! Microsoft Entra ID, for one tenant or several, with the endpoints of version 2.0 or 1.0.

mod claims;
mod errors;
mod graph;
mod tenant;

use std::time::Duration;

use serde_json::Value;

use self::tenant::Version;
pub(super) use self::tenant::{Entra, HOME_TENANT};
use super::errors::ErrorTable;
use super::{ApiRequest, Occasion, Profile, ProviderBehaviour, Rotation, TokenRules, generic, ids};
use crate::protocol::{Claims, Grant};
use crate::reply::Response;
use crate::site::{Endpoint as At, Site, TENANT_TEMPLATE};
use crate::user::User;

const V2: Profile = Profile {
    issuer: "{base}/{issuing}/v2.0",
    home: "/{named}",
    metadata: include_str!("../../../personas/entra/metadata.json"),
    places: &[
        (At::Discovery, "{base}/{tenant}/v2.0/.well-known/openid-configuration"),
        (At::Login, "{base}/{tenant}/oauth2/v2.0/mock-login"),
        (At::Logout, "{base}/{tenant}/oauth2/v2.0/mock-logout"),
        (At::Api, "{second}/v1.0/me/transitiveMemberOf"),
    ],
    errors: ErrorTable(include_str!("../../../personas/entra/errors.tsv")),
    // Those of Entra itself and of Graph.
    scopes: Some(&[
        "openid",
        "profile",
        "email",
        "offline_access",
        "User.Read",
        "GroupMember.Read.All",
        "Directory.Read.All",
    ]),
    // Refresh tokens rotate, and the one before stays good.
    tokens: TokenRules {
        refresh_token: Duration::from_hours(90 * 24),
        rotation: Rotation::Both,
        ..TokenRules::lasting(Duration::from_hours(1))
    },
    omitted_claims: &["auth_time", "at_hash"],
    ..generic::PROFILE
};

const V1: Profile = Profile {
    issuer: "{second}/{issuing}/",
    metadata: include_str!("../../../personas/entra-v1/metadata.json"),
    places: &[
        (At::Discovery, "{base}/{tenant}/.well-known/openid-configuration"),
        (At::Login, "{base}/{tenant}/oauth2/mock-login"),
        (At::Logout, "{base}/{tenant}/oauth2/mock-logout"),
    ],
    ..V2
};

impl ProviderBehaviour for Entra {
    fn profile(&self) -> &'static Profile {
        if self.version == Version::V1 { &V1 } else { &V2 }
    }

    fn placeholders(&self) -> Vec<(&'static str, String)> {
        let values =
            [("tenant", self.published()), ("issuing", self.template_or_tenant()), ("named", &self.tenant)];
        values.map(|(name, value)| (name, value.to_owned())).into()
    }

    fn alias(&self) -> Option<String> {
        self.is_domain().then(|| self.tenant.clone())
    }

    /// A scope of another API begins with its URI.
    fn knows_scope(&self, scope: &str) -> bool {
        let mut known = self.profile().scopes.into_iter().flatten();
        known.any(|it| it.eq_ignore_ascii_case(scope)) || scope.contains('/')
    }

    /// Each key says which issuers it is for.
    fn publish_keys(&self, site: &Site, keys: &mut Vec<Value>) {
        for key in keys.iter_mut().filter_map(Value::as_object_mut) {
            key.insert("issuer".to_owned(), site.issuer.as_str().into());
        }
    }

    fn callback_parameters(&self, site: &Site, error: Option<&str>) -> Vec<(&'static str, String)> {
        match error {
            None => vec![("session_state", ids::guid(&[&site.random_text()]))],
            Some("access_denied") => vec![("error_subcode", "cancel".to_owned())],
            Some(_) => Vec::new(),
        }
    }

    /// Another one for every client.
    fn subject(&self, client: &str, user: &User) -> String {
        ids::opaque(&["entra", self.tenant_of(user), client, user.subject()])
    }

    fn issuer_for(&self, site: &Site, user: &User) -> String {
        site.issuer.as_str().replace(TENANT_TEMPLATE, self.tenant_of(user))
    }

    fn claims(&self, occasion: &Occasion<'_>) -> Claims {
        claims::of_the_person(self, occasion)
    }

    fn finish_id_token(&self, occasion: &Occasion<'_>, _code: Option<&str>, claims: &mut Claims) {
        claims::finish(self, occasion, claims);
    }

    fn finish_tokens(&self, _site: &Site, _grant: &Grant, tokens: &mut Claims) {
        let expires_in = tokens.get("expires_in").cloned().unwrap_or_default();
        tokens.insert("ext_expires_in".to_owned(), expires_in);
    }

    fn finish_token_error(&self, site: &Site, error: &mut Claims) {
        errors::finish(site, error);
    }

    fn api(&self, site: &Site, request: &ApiRequest<'_>) -> Response {
        graph::answer(self, site, request)
    }
}
