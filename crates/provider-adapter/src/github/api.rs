//! GitHub's REST API: single objects, and lists that come in pages.

use http::header::{ACCEPT, AUTHORIZATION, LINK, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use labgate_domain::ports::{CallFailure, ProviderCall, ProviderError};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::Url;

use crate::endpoint::Endpoint;
use crate::json;
use crate::transport::{JSON, Transport, bearer, get};

/// So many pages of a list are asked for.
const MAX_PAGES: usize = 10;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
/// The version of the API that this module understands, which is also the oldest.
const VERSION: HeaderValue = HeaderValue::from_static("2022-11-28");
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-github-api-version");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const SINGLE_SIGN_ON: HeaderName = HeaderName::from_static("x-github-sso");

/// The API, as the owner of the access token.
///
/// The access token goes into the `Authorization` header and nowhere else (RFC 6750 section 2.1), and to no
/// other place than the API. Whatever is not a proper answer ends the sign-in.
pub(super) struct Api<'a> {
    transport: &'a Transport,
    base: &'a Endpoint,
    authorization: HeaderValue,
}

/// A list, from all its pages.
pub(super) struct List {
    pub(super) items: Vec<Value>,
    /// Whether there is nothing beyond the items, as far as GitHub tells.
    pub(super) is_complete: bool,
}

impl<'a> Api<'a> {
    pub(super) fn new(
        transport: &'a Transport,
        base: &'a Endpoint,
        access_token: &SecretString,
    ) -> Result<Self, ProviderError> {
        Ok(Self { transport, base, authorization: bearer(access_token.expose_secret())? })
    }

    /// The object at this path below the API's base.
    pub(super) async fn object(&self, path: &str) -> Result<Map<String, Value>, ProviderError> {
        let (_, body) = self.get(path, self.base.child(path).url()).await?;
        json::object(&body).ok_or_else(|| not_one_json(path, "object"))
    }

    /// The list at this path below the API's base.
    pub(super) async fn list(&self, path: &str, per_page: usize) -> Result<List, ProviderError> {
        let mut list = List { items: Vec::new(), is_complete: true };
        let mut url = self.base.child(path).url().clone();
        url.set_query(Some(&format!("per_page={per_page}")));
        for _ in 0..MAX_PAGES {
            let (headers, body) = self.get(path, &url).await?;
            list.items.extend(json::array(&body).ok_or_else(|| not_one_json(path, "array"))?);
            list.is_complete &= !leaves_out_organizations(&headers);
            let Some(next) = next_page(&headers) else { return Ok(list) };
            let Some(next) = url.join(next).ok().filter(|next| self.contains(next)) else {
                tracing::warn!(path, "GitHub's list goes on outside of its API, where it is not followed");
                return Ok(List { is_complete: false, ..list });
            };
            url = next;
        }
        tracing::warn!(path, read = list.items.len(), "GitHub's list has more pages than are read");
        Ok(List { is_complete: false, ..list })
    }

    async fn get(&self, path: &str, url: &Url) -> Result<(HeaderMap, Vec<u8>), ProviderError> {
        let mut request = get(url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, MEDIA_TYPE);
        headers.insert(VERSION_HEADER, VERSION);
        headers.insert(AUTHORIZATION, self.authorization.clone());

        let answer = self.transport.send(ProviderCall::UserInfo, request).await;
        let mut answer = answer.map_err(|error| unavailable(path, error.cause(), &error.to_string()))?;
        let headers = std::mem::take(&mut answer.headers);
        match answer.status {
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS if is_rate_limit(&headers) => {
                let reason = "has been asked too often for this person; wait a while";
                return Err(unavailable(path, CallFailure::Status(answer.status.as_u16()), reason));
            }
            StatusCode::UNAUTHORIZED => {
                return Err(ProviderError::UserInfo("the access token was not accepted there"));
            }
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                return Err(ProviderError::UserInfo("the access token does not reach what was asked for"));
            }
            _ => {}
        }
        let body = answer.ok_body(&[JSON]).map_err(|it| unavailable(path, it.cause, &it.text))?;
        Ok((headers, body))
    }

    /// Returns whether a URL is the API's, so that it may have the access token.
    fn contains(&self, url: &Url) -> bool {
        let base = self.base.url();
        let below = base.path().trim_end_matches('/');
        let is_below = url.path().strip_prefix(below).is_some_and(|rest| rest.starts_with('/'));
        url.origin() == base.origin() && is_below && url.username().is_empty() && url.password().is_none()
    }
}

fn unavailable(path: &str, cause: CallFailure, reason: &str) -> ProviderError {
    ProviderError::unavailable(ProviderCall::UserInfo, cause, format!("GET /{path} {reason}"))
}

fn not_one_json(path: &str, kind: &str) -> ProviderError {
    let reason = format!("answers with what is not one JSON {kind} with unique members");
    unavailable(path, CallFailure::NotJson, &reason)
}

/// Returns whether nothing may be asked for a while: the hourly limit is used up, or too much was asked at
/// once.
fn is_rate_limit(headers: &HeaderMap) -> bool {
    headers.get(REMAINING).is_some_and(|remaining| remaining == "0") || headers.contains_key(RETRY_AFTER)
}

/// Returns whether a list lacks organisations where the person would have to sign in with SAML first.
fn leaves_out_organizations(headers: &HeaderMap) -> bool {
    let partial = |value: &HeaderValue| value.as_bytes().starts_with(b"partial-results");
    headers.get_all(SINGLE_SIGN_ON).iter().any(partial)
}

/// The target of the link to the next page (RFC 8288 section 3).
fn next_page(headers: &HeaderMap) -> Option<&str> {
    let is_next = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let relations = value.trim().trim_end_matches(',').trim().trim_matches('"');
            name.trim() == "rel" && relations.split(' ').any(|relation| relation == "next")
        })
    };
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let mut links = values.flat_map(|value| value.split('<')).filter_map(|link| link.split_once('>'));
    links.find(|(_, parameters)| parameters.split(';').any(is_next)).map(|(target, _)| target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(links: &[&'static str]) -> Option<String> {
        let headers = links.iter().map(|link| (LINK, HeaderValue::from_static(link))).collect();
        next_page(&headers).map(str::to_owned)
    }

    #[test]
    fn the_next_page_is_found_among_all_links() {
        let all = r#"<https://a/?page=1>; rel="prev", <https://a/?page=3>; rel="next", <https://a/?page=9>; rel="last""#;
        assert_eq!(next(&[all]).as_deref(), Some("https://a/?page=3"));
        assert_eq!(next(&[r#"<x>; rel="last""#, "<y>;title=z; rel=next"]).as_deref(), Some("y"));
        for none in [
            &[][..],
            &[r#"<x>; rel="prev""#],
            &["<x>; rev=next"],
            &["<x>; rel=nextish"],
            &["rel=next"],
            &["<x"],
        ] {
            assert_eq!(next(none), None, "{none:?}");
        }
    }
}
