//! Microsoft Entra ID, for one tenant or several, with the endpoints of version 2.0 or 1.0.

mod claims;
mod errors;
mod graph;
mod tenant;

use serde_json::Value;

pub(super) use self::tenant::{Entra, HOME_TENANT, Version};
use super::{ApiRequest, Occasion, Profile, ProviderBehaviour, Statement, ids};
use crate::protocol::{Claims, Grant};
use crate::reply::Response;
use crate::site::{Site, TENANT_TEMPLATE};
use crate::user::User;

impl ProviderBehaviour for Entra {
    fn placeholders(&self) -> Vec<(&'static str, String)> {
        let values =
            [("tenant", self.published()), ("issuing", self.template_or_tenant()), ("named", &self.tenant)];
        values.map(|(name, value)| (name, value.to_owned())).into()
    }

    fn alias(&self) -> Option<String> {
        self.is_domain().then(|| self.tenant.clone())
    }

    /// The profile has the scopes of Entra itself and of Graph; one of another API begins with its URI.
    fn knows_scope(&self, profile: &Profile, scope: &str) -> bool {
        profile.scopes.iter().flatten().any(|it| it.eq_ignore_ascii_case(scope)) || scope.contains('/')
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

    fn claims(&self, occasion: &Occasion<'_>, statement: &mut Statement) {
        claims::of_the_person(self, occasion, statement);
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
