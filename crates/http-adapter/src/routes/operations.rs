//! `/.well-known/jwks.json`, `/healthz`, `/readyz`, `/api/auth/source`: for other services and for whoever runs this one.

use std::sync::Arc;

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use labgate_domain::ports::Source;
use labgate_domain::provider::ProviderHealth;
use serde_json::{Value, json};

use super::methods::get_or_head;
use super::{Lab, Route, either, route};
use crate::app::Response;
use crate::head::Head;
use crate::origin::Whence;

pub(super) fn routes(lab: &Arc<Lab>) -> Route {
    let jwks = route(lab, warp::path!(".well-known" / "jwks.json" / ..), get_or_head(), jwks);
    let health = route(lab, warp::path!("healthz" / ..), get_or_head(), health);
    let readiness = route(lab, warp::path!("readyz" / ..), get_or_head(), readiness);
    let source = route(lab, warp::path!("api" / "auth" / "source" / ..), get_or_head(), source);
    either(either(health, readiness), either(source, jwks))
}

/// Who says where this request comes from, and whether that is the address `is`: so an operator sees whether the proxies are
/// known, and whether a made-up address counts. The address itself is not told, for it can be a proxy's inside.
async fn source(_: Arc<Lab>, head: Arc<Head>) -> Response {
    let asked = head.parameter("is").and_then(|address| address.parse().ok()).map(Source::of);
    let Whence { told_by, source } = head.whence;
    super::json(&json!({ "told_by": told_by.as_str(), "is": source.is_some() && source == asked }))
}

/// The public keys of the session tokens (RFC 7517).
async fn jwks(lab: Arc<Lab>, _: Arc<Head>) -> Response {
    let mut response = Response::new(lab.sign_in.jwks().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// Whether the process answers.
async fn health(_: Arc<Lab>, _: Arc<Head>) -> Response {
    Response::default()
}

/// Whether people can be signed in. A provider that is down is told, but is no reason to take this replica out.
async fn readiness(lab: Arc<Lab>, _: Arc<Head>) -> Response {
    let store = lab.sign_in.housekeeping().check_readiness().await;
    if let Err(error) = &store {
        tracing::error!(%error, "not ready");
    }
    let providers: Value = lab
        .sign_in
        .providers()
        .all()
        .into_iter()
        .map(|(provider, health)| {
            let health = match health {
                ProviderHealth::Unknown => "unknown",
                ProviderHealth::Ready => "ready",
                ProviderHealth::Unavailable { .. } => "unavailable",
            };
            (provider.id.as_str().to_owned(), health)
        })
        .collect();
    let store = if store.is_ok() { "ready" } else { "unavailable" };
    let mut response = super::json(&json!({ "store": store, "providers": providers }));
    if store != "ready" {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
