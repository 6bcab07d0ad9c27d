//! The routes. Every route is boxed and answers by itself; a rejection only ever means "not this route".

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use crate::faults::{Fault, Stage};
use crate::issuer::{IssuerCore, locked};
use crate::persona::ApiRequest;
use crate::protocol::{bearer, set};
use crate::reply::{self, Keep, Response};
use crate::site::Endpoint;
use crate::{authorize, login, logout, pages, token, userinfo};

type Issuers = Arc<[Arc<IssuerCore>]>;
type Route = BoxedFilter<(Response,)>;

/// A request as the endpoints see it.
struct Incoming {
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

/// The whole mock.
pub(crate) fn routes(issuers: &Issuers) -> Route {
    use Endpoint as At;

    let get = || warp::get().boxed();
    let post = || warp::post().boxed();
    let by_query = |answer: fn(&IssuerCore, &str, &HeaderMap) -> Response| {
        move |issuer: &IssuerCore, it: &Incoming| answer(issuer, &it.query, &it.headers)
    };
    // The parameters of a POST stand in the form (OpenID Connect Core section 3.1.2.1).
    let by_form = |answer: fn(&IssuerCore, &str, &HeaderMap) -> Response| {
        move |issuer: &IssuerCore, it: &Incoming| {
            answer(issuer, &String::from_utf8_lossy(&it.body), &it.headers)
        }
    };
    let userinfo = |issuer: &IssuerCore, it: &Incoming| userinfo::answer(issuer, &it.headers);

    [
        route(issuers, get(), At::Jwks, |issuer, _| jwks(issuer)),
        route(issuers, get(), At::Authorization, by_query(authorize::answer)),
        route(issuers, post(), At::Authorization, by_form(authorize::answer)),
        route(issuers, post(), At::Login, |issuer, it| login::submit(issuer, &it.query, &it.body)),
        route(issuers, post(), At::Token, |issuer, it| token::answer(issuer, &it.headers, &it.body)),
        route(issuers, get(), At::UserInfo, userinfo),
        route(issuers, post(), At::UserInfo, userinfo),
        route(issuers, get(), At::EndSession, by_query(logout::answer)),
        route(issuers, post(), At::EndSession, by_form(logout::answer)),
        route(issuers, post(), At::Logout, by_query(logout::confirmed)),
        route(issuers, get(), At::Api, api),
        landing(issuers),
        warp::path("style.css").and(warp::path::end()).and(warp::get()).map(pages::style).boxed(),
    ]
    .into_iter()
    .fold(route(issuers, get(), At::Discovery, |issuer, _| discovery(issuer)), |routes, route| {
        routes.or(route).unify().boxed()
    })
    .recover(nothing_here)
    .unify()
    .boxed()
}

/// A request of this method to this endpoint, at whichever issuer the path names.
fn route(
    issuers: &Issuers,
    method: BoxedFilter<()>,
    endpoint: Endpoint,
    answer: impl Fn(&IssuerCore, &Incoming) -> Response + Clone + Send + Sync + 'static,
) -> Route {
    let at = at(issuers, endpoint).and(method).and(incoming());
    at.map(move |issuer: Arc<IssuerCore>, it| answer(&issuer, &it)).boxed()
}

/// Finds the issuer with an endpoint at the path.
fn at(issuers: &Issuers, endpoint: Endpoint) -> BoxedFilter<(Arc<IssuerCore>,)> {
    let issuers = Arc::clone(issuers);
    let find = move |path: warp::path::FullPath, headers: HeaderMap| {
        let mut there = issuers.iter().filter(|issuer| issuer.answers_at(endpoint, path.as_str()));
        let first = there.next();
        let issuer = match bearer(&headers).filter(|_| endpoint.is_shared()) {
            Some(token) => {
                let gave = |issuer: &&Arc<IssuerCore>| issuer.ledger().bearer(token, issuer.now()).is_some();
                first.into_iter().chain(there).find(gave).or(first)
            }
            None => first,
        };
        ready(issuer.cloned().ok_or_else(warp::reject::not_found))
    };
    warp::path::full().and(warp::header::headers_cloned()).and_then(find).boxed()
}

fn incoming() -> BoxedFilter<(Incoming,)> {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::path::full()
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::body::bytes())
        .map(|path: warp::path::FullPath, query, headers, body| Incoming {
            path: path.as_str().to_owned(),
            query,
            headers,
            body,
        })
        .boxed()
}

fn landing(issuers: &Issuers) -> Route {
    let issuers = Arc::clone(issuers);
    let page = move || pages::landing(issuers.iter().map(|issuer| &**issuer));
    warp::path::end().and(warp::get()).map(page).boxed()
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
    reply::json(StatusCode::OK, &Value::Object(metadata), Keep::FiveMinutes)
}

fn jwks(issuer: &IssuerCore) -> Response {
    if issuer.take_faults(Stage::Jwks).contains(&Fault::Jwks500) {
        return failure();
    }
    let mut jwks = locked(&issuer.keys).jwks(issuer.now());
    if let Some(keys) = jwks.get_mut("keys").and_then(Value::as_array_mut) {
        issuer.behaviour.publish_keys(issuer, keys);
    }
    reply::json(StatusCode::OK, &jwks, Keep::FiveMinutes)
}

fn api(issuer: &IssuerCore, it: &Incoming) -> Response {
    let request = ApiRequest {
        path: &it.path,
        query: &it.query,
        headers: &it.headers,
        ledger: &issuer.ledger(),
        faults: &|stage| issuer.take_faults(stage),
    };
    issuer.behaviour.api(issuer, &request)
}

fn failure() -> Response {
    reply::text(StatusCode::INTERNAL_SERVER_ERROR, "The mock was told to fail.")
}

async fn nothing_here(rejection: Rejection) -> Result<Response, Infallible> {
    let known_path = rejection.find::<warp::reject::MethodNotAllowed>().is_some();
    Ok(if known_path {
        let message = "This endpoint does not take that method.";
        pages::message_page(StatusCode::METHOD_NOT_ALLOWED, "Another method", message)
    } else {
        let message = "There is nothing at this address. The page at / names the issuers.";
        pages::message_page(StatusCode::NOT_FOUND, "Nothing here", message)
    })
}
