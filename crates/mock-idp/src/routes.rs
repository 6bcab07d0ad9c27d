//! The routes: the path leads to an endpoint of an issuer, and the method to its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::Value;

use crate::faults::{Fault, Stage};
use crate::issuer::{IssuerCore, locked};
use crate::logout::LogoutProblem;
use crate::persona::ApiRequest;
use crate::protocol::{UnanswerableRequest, bearer, set};
use crate::reply::{self, Response};
use crate::site::Endpoint as At;
use crate::{authorize, login, logout, pages, token, userinfo};

/// Answers a request to the mock.
pub(crate) fn answer(issuers: &[Arc<IssuerCore>], request: &Request<Bytes>) -> Response {
    let Some((issuer, endpoint)) = find(issuers, request) else {
        return match (request.uri().path(), request.method()) {
            ("/", &Method::GET) => pages::landing(issuers),
            ("/style.css", &Method::GET) => pages::style(),
            ("/" | "/style.css", _) => another_method(),
            _ => {
                let message = "There is nothing at this address. The page at / names the issuers.";
                pages::message_page(StatusCode::NOT_FOUND, "Nothing here", message)
            }
        };
    };
    let (headers, body) = (request.headers(), request.body());
    let query = request.uri().query().unwrap_or_default();
    // The parameters of a POST stand in the form (OpenID Connect Core section 3.1.2.1).
    let form = String::from_utf8_lossy(body);
    let parameters = if request.method() == Method::POST { &form } else { query };
    let unanswerable = |problem: UnanswerableRequest| pages::unanswerable(issuer, &problem);
    let refused = |problem: LogoutProblem| pages::bad_request(&problem.to_string());
    match (endpoint, request.method()) {
        (At::Discovery, &Method::GET) => discovery(issuer),
        (At::Jwks, &Method::GET) => jwks(issuer),
        (At::Authorization, &(Method::GET | Method::POST)) if issuer.has(At::Connector) => {
            let connector = issuer.path_of(At::Connector);
            reply::redirect(StatusCode::FOUND, &format!("{connector}?{parameters}"))
        }
        (At::Authorization | At::Connector, &(Method::GET | Method::POST)) => {
            authorize::answer(issuer, parameters, headers).unwrap_or_else(unanswerable)
        }
        (At::Login, &Method::POST) => login::submit(issuer, query, body).unwrap_or_else(unanswerable),
        (At::Token, &Method::POST) => token::answer(issuer, headers, body),
        (At::UserInfo, &(Method::GET | Method::POST)) => userinfo::answer(issuer, headers),
        (At::EndSession, &(Method::GET | Method::POST)) => {
            logout::answer(issuer, parameters, headers).unwrap_or_else(refused)
        }
        (At::Logout, &Method::POST) => logout::confirmed(issuer, query, headers).unwrap_or_else(refused),
        (At::Api, &Method::GET) => api(issuer, request),
        _ => another_method(),
    }
}

/// Finds the endpoint at the path; of several issuers that share it, at the one that gave the access token.
fn find<'a>(issuers: &'a [Arc<IssuerCore>], request: &Request<Bytes>) -> Option<(&'a IssuerCore, At)> {
    let path = request.uri().path();
    let endpoint = issuers.iter().find_map(|issuer| issuer.place_at(path))?.endpoint;
    let there = move || issuers.iter().filter(move |issuer| issuer.place_at(path).is_some());
    let token = bearer(request.headers()).filter(|_| endpoint.is_shared());
    let gave = |issuer: &&Arc<IssuerCore>| {
        token.is_some_and(|token| issuer.ledger().bearer(token, issuer.now()).is_some())
    };
    let issuer = there().find(gave).or_else(|| there().next())?;
    Some((issuer, endpoint))
}

fn discovery(issuer: &IssuerCore) -> Response {
    let mut metadata = issuer.metadata.clone();
    for fault in issuer.take_faults(Stage::Discovery) {
        match fault {
            Fault::Discovery500 => return failure(),
            Fault::DiscoveryIssuerMismatch => {
                set(&mut metadata, "issuer", format!("{}INVALID", issuer.issuer));
            }
            _ => {}
        }
    }
    reply::kept_for_minutes(reply::json(StatusCode::OK, &Value::Object(metadata)))
}

fn jwks(issuer: &IssuerCore) -> Response {
    if issuer.take_faults(Stage::Jwks).contains(&Fault::Jwks500) {
        return failure();
    }
    let mut jwks = locked(&issuer.keys).jwks(issuer.now());
    if let Some(keys) = jwks.get_mut("keys").and_then(Value::as_array_mut) {
        issuer.behaviour.publish_keys(issuer, keys);
    }
    reply::kept_for_minutes(reply::json(StatusCode::OK, &jwks))
}

fn api(issuer: &IssuerCore, request: &Request<Bytes>) -> Response {
    let request = ApiRequest {
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        ledger: &issuer.ledger(),
        faults: &|stage| issuer.take_faults(stage),
    };
    issuer.behaviour.api(issuer, &request)
}

fn failure() -> Response {
    reply::text(StatusCode::INTERNAL_SERVER_ERROR, "The mock was told to fail.")
}

fn another_method() -> Response {
    let message = "This endpoint does not take that method.";
    pages::message_page(StatusCode::METHOD_NOT_ALLOWED, "Another method", message)
}
