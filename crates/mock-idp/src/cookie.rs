//! The one cookie of the mock: which session a browser has.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::site::Site;

const NAME: &str = "labgate-mock-idp";

pub(crate) fn read(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    pairs
        .flat_map(|header| header.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

/// Writes the header that gives the cookie this value, or with an empty one takes it away. An issuer's home
/// and our own values are visible ASCII, so the header can be written.
pub(crate) fn set(site: &Site, value: &str) -> HeaderValue {
    let path = if site.home.is_empty() { "/" } else { &site.home };
    let end = if value.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!("{NAME}={value}; Path={path}; HttpOnly; SameSite=Lax{end}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
