//! GitHub: OAuth 2.0 without ID tokens, errors that say 200, and a REST API.

mod api;

use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::{Host, Url, form_urlencoded};

use super::{ApiRequest, ProviderBehaviour, ids};
use crate::client::RegisteredClient;
use crate::protocol::{Claims, Grant};
use crate::reply::{self, Response};
use crate::site::Site;
use crate::user::User;

/// The API answers as that of an Enterprise Server does, and at the second origin as `api.github.com` does.
/// The tokens of an OAuth app hold until they are revoked. There are no claims: `/user` is the one statement.
pub(super) struct GitHub;

impl ProviderBehaviour for GitHub {
    /// Whatever is below a registered URI will do, and on a loopback address any port.
    fn allows_redirect(&self, client: &RegisteredClient, uri: &str) -> bool {
        let Ok(asked) = Url::parse(uri) else { return false };
        client.redirect_uris.iter().filter_map(|known| Url::parse(known.as_str()).ok()).any(|known| {
            let below = asked.path().strip_prefix(known.path());
            let fits = |rest: &str| rest.is_empty() || rest.starts_with('/') || known.path().ends_with('/');
            asked.scheme() == known.scheme()
                && asked.host() == known.host()
                && asked.username().is_empty()
                && (asked.port() == known.port() || is_loopback(&known))
                && below.is_some_and(fits)
        })
    }

    fn callback_parameters(&self, _site: &Site, error: Option<&str>) -> Vec<(&'static str, String)> {
        error.map(|error| ("error_uri", error_uri("authorization", error))).into_iter().collect()
    }

    fn subject(&self, _client: &str, user: &User) -> String {
        ids::number(&["github", user.subject()]).to_string()
    }

    fn access_token(&self, random: String) -> String {
        format!("gho_{}", random.replace(['-', '_'], "0").chars().take(36).collect::<String>())
    }

    fn finish_tokens(&self, _site: &Site, _grant: &Grant, tokens: &mut Claims) {
        if let Some(scope) = tokens.get_mut("scope") {
            *scope = api::granted(scope.as_str().unwrap_or_default()).join(",").into();
        }
        tokens.insert("token_type".to_owned(), "bearer".into());
    }

    fn finish_token_error(&self, _site: &Site, error: &mut Claims) {
        let code = error.get("error").and_then(Value::as_str).unwrap_or_default();
        let page = error_uri("access-token", code);
        error.insert("error_uri".to_owned(), page.into());
    }

    /// A form, unless JSON is asked for.
    fn write_token_answer(&self, status: StatusCode, body: &Value, request: &HeaderMap) -> Response {
        let accept = request.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.contains("json") {
            return reply::json(status, body);
        }
        let pairs = body.as_object().into_iter().flatten();
        let pairs = pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        reply::with_body(status, "application/x-www-form-urlencoded; charset=utf-8", form)
    }

    fn api(&self, site: &Site, request: &ApiRequest<'_>) -> Response {
        api::answer(site, request)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn error_uri(of: &str, error: &str) -> String {
    let page = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting";
    format!("{page}-{of}-request-errors/#{}", error.replace('_', "-"))
}
