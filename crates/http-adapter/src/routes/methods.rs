//! The methods that routes answer to, and what `Allow` says to any other (RFC 9110 section 15.5.6).

use http::{HeaderValue, Method};
use warp::reject::Reject;
use warp::{Filter, Rejection};

const GET: u8 = 1;
const HEAD: u8 = 2;
const POST: u8 = 4;
const DELETE: u8 = 8;
/// `HEAD` as HTTP demands of whatever answers to `GET` (RFC 9110 section 9.3.2).
const GET_OR_HEAD: u8 = GET | HEAD;

/// The rejection of a route whose path is the request's: it answers to these methods only.
#[derive(Debug)]
struct AnswersTo<const METHODS: u8>;

impl<const METHODS: u8> Reject for AnswersTo<METHODS> {}

/// `GET` and nothing else: what changes something on the way must not be asked for by `HEAD`.
pub(super) fn get() -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    only::<GET>()
}

/// `GET` and `HEAD`.
pub(super) fn get_or_head() -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    only::<GET_OR_HEAD>()
}

/// `POST`.
pub(super) fn post() -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    only::<POST>()
}

/// `DELETE`.
pub(super) fn delete() -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    only::<DELETE>()
}

/// Every method.
pub(super) fn any() -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::any().and_then(|| async { Ok::<_, Rejection>(()) }).untuple_one()
}

/// What the routes of the request's path answer to, if there are any.
pub(super) fn allow(rejection: &Rejection) -> Option<HeaderValue> {
    let methods = told::<GET>(rejection)
        | told::<GET_OR_HEAD>(rejection)
        | told::<POST>(rejection)
        | told::<DELETE>(rejection);
    let names: Vec<&str> = [(GET, "GET"), (HEAD, "HEAD"), (POST, "POST"), (DELETE, "DELETE")]
        .into_iter()
        .filter(|(method, _)| methods & method != 0)
        .map(|(_, name)| name)
        .collect();
    if names.is_empty() { None } else { HeaderValue::from_str(&names.join(", ")).ok() }
}

fn told<const METHODS: u8>(rejection: &Rejection) -> u8 {
    rejection.find::<AnswersTo<METHODS>>().map_or(0, |_| METHODS)
}

fn only<const METHODS: u8>() -> impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::method()
        .and_then(|method: Method| async move {
            let method = match method {
                Method::GET => GET,
                Method::HEAD => HEAD,
                Method::POST => POST,
                Method::DELETE => DELETE,
                _ => 0,
            };
            if METHODS & method == 0 { Err(warp::reject::custom(AnswersTo::<METHODS>)) } else { Ok(()) }
        })
        .untuple_one()
}
