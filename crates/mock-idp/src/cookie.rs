//! The one cookie of the mock: which session a browser has.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::issuer::IssuerCore;

const NAME: &str = "labgate-mock-idp";

pub(crate) fn read(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    pairs
        .flat_map(|header| header.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

pub(crate) fn set(issuer: &IssuerCore, value: &str) -> HeaderValue {
    written(issuer, value, "")
}

pub(crate) fn clear(issuer: &IssuerCore) -> HeaderValue {
    written(issuer, "", "; Max-Age=0")
}

/// An issuer's home and our own values are visible ASCII, so the header can be written.
fn written(issuer: &IssuerCore, value: &str, more: &str) -> HeaderValue {
    let path = if issuer.home.is_empty() { "/" } else { &issuer.home };
    let text = format!("{NAME}={value}; Path={path}; HttpOnly; SameSite=Lax{more}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
