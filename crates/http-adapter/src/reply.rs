//! The answers that handlers give.

use askama::Template;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY};
use http::{HeaderName, StatusCode};
use serde::Serialize;

/// An answer: small, and in memory.
pub(crate) type Response = http::Response<Bytes>;

/// Builds an empty answer.
pub(crate) fn status(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Builds an answer of this media type.
pub(crate) fn typed(content_type: &'static str, body: impl Into<Bytes>) -> Response {
    with_header(Response::new(body.into()), CONTENT_TYPE, HeaderValue::from_static(content_type))
}

/// Builds a JSON document of this media type.
pub(crate) fn json_as(content_type: &'static str, value: &impl Serialize) -> Response {
    // Serialising fails only when a value's own `Serialize` does; ours do not.
    typed(content_type, serde_json::to_vec(value).unwrap_or_default())
}

/// Builds a JSON document.
pub(crate) fn json(value: &impl Serialize) -> Response {
    json_as("application/json", value)
}

/// Builds a page.
pub(crate) fn page(page: &impl Template) -> Response {
    // Rendering into a string fails only when a value's own `Display` does; ours do not.
    typed("text/html; charset=utf-8", page.render().unwrap_or_default())
}

/// Builds `303 See Other`: the next request is a `GET` (RFC 9110 section 15.4.4). The address left behind may
/// hold a code, so the browser sends no `Referer`.
pub(crate) fn see_other(location: &str) -> Response {
    // Every location is visible ASCII by construction; an empty one would lead to this very page.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    let response = with_header(status(StatusCode::SEE_OTHER), LOCATION, location);
    with_header(response, REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
}

/// Has the browser forget the pages that it keeps: no "Back" shows them after the session's end (Clear Site
/// Data section 3.1).
pub(crate) fn without_cache(response: Response) -> Response {
    const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
    with_header(response, CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""))
}

/// Sets one header of an answer.
pub(crate) fn with_header(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}
