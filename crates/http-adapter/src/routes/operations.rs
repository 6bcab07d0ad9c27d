//! `/.well-known/jwks.json`, `/healthz`, `/readyz`, `/api/auth/source`: for other services and for operators.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use labgate_domain::ForeignText;
use labgate_domain::ports::Source;
use labgate_domain::provider::ProviderHealth;
use serde_json::{Value, json};

use crate::client_addr::ClientAddr;
use crate::failure::{Failure, HttpErrorCode};
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// Tells how the client's address was found, and whether it is the address `is`: so an operator sees whether
/// the proxies are known, and whether a made-up address counts. The address itself, which can be a proxy's
/// inside, is not told; a value that is no address is, so that the operator sees what the proxy sends.
pub(crate) async fn source(_: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let asked = request.parameter("is").and_then(|address| address.parse().ok()).map(Source::of);
    let ClientAddr { told_by, source, unreadable } = &request.client_addr;
    let is = asked == Some(*source);
    let told = json!({
        "told_by": told_by,
        "is": is,
        "nth_of_connection": request.nth_of_connection,
        "value": unreadable.as_ref().map(ForeignText::as_str),
    });
    let told = told.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Ok(reply::json(&told.collect::<BTreeMap<_, _>>()))
}

/// Publishes the public keys of the session tokens (RFC 7517).
pub(crate) async fn jwks(state: &AppState, _: &ParsedRequest) -> Result<Response, Failure> {
    let keys = reply::typed("application/jwk-set+json", state.sign_in.jwks());
    Ok(reply::with_header(keys, CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")))
}

/// The liveness check: the process answers.
pub(crate) async fn health(_: &AppState, _: &ParsedRequest) -> Result<Response, Failure> {
    Ok(Response::default())
}

/// The readiness check: people can be signed in, and this server is not about to stop. A provider that is down is
/// told, but is no reason to take this replica out. With `exclude=store` neither is the database: it is every
/// replica's, and live sessions outlast it for a while.
pub(crate) async fn readiness(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let (store, is_ready) = match request.parameter("exclude").as_deref() {
        Some("store") => ("excluded", true),
        Some(_) => return Err(HttpErrorCode::BadRequest.into()),
        None => match state.sign_in.housekeeping().check_readiness().await {
            Ok(()) => ("ready", true),
            Err(error) => {
                tracing::error!(%error, "not ready");
                ("unavailable", false)
            }
        },
    };
    let providers: Value = state
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
    let is_leaving = state.is_leaving.load(Ordering::Relaxed);
    let mut response =
        reply::json(&json!({ "store": store, "providers": providers, "stopping": is_leaving }));
    *response.status_mut() =
        if is_ready && !is_leaving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(response)
}
