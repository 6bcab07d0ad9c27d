//! Answers, as they are made where they arise. None is cached (RFC 6749 section 5.1) unless it says so.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION, PRAGMA};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

/// An answer with its body at hand.
pub(crate) type Response = http::Response<Bytes>;

pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    with_body(status, "application/json", value.to_string())
}

pub(crate) fn text(status: StatusCode, text: &'static str) -> Response {
    with_body(status, "text/plain; charset=utf-8", text)
}

pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, PRAGMA, "no-cache");
    response
}

/// Lets any cache keep an answer for five minutes.
pub(crate) fn kept_for_minutes(mut response: Response) -> Response {
    response.headers_mut().remove(PRAGMA);
    set(&mut response, CACHE_CONTROL, "public, max-age=300");
    response
}

/// Sends the browser on, with GET whatever it came with (RFC 9700 section 4.12).
pub(crate) fn see_other(location: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, location)
}

/// Every location is a registered URI, or one of ours, with an encoded query: visible ASCII.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    set(&mut response, CACHE_CONTROL, "no-store");
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

pub(crate) fn set(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
