//! The URLs that this adapter may call: parsed strictly, from the operator or from a metadata document.

mod inner_hosts;

use std::fmt;

use labgate_domain::public_url::is_loopback;
use url::Url;

use crate::ensure::ensure;

/// The setting that names origins where plain http is allowed, as messages call it.
pub const PLAIN_HTTP_SETTING: &str = "LAB_EXTERNAL_OIDC_PLAIN_HTTP_ORIGIN";

/// An absolute URL that an operator or a metadata document names, normalised: scheme and host in lower case,
/// no default port; path (with its case) and query as they were. Two endpoints are equal when they are so
/// after this.
///
/// There is one way to read a value of this type: no user info, no fragment, no dot segments (plain or
/// encoded), no backslash, no white space or control character, and at most [`Endpoint::MAX_LEN`] bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Url);

/// The rule that a URL breaks. Reads after the name of a setting or member; never repeats the URL, which may
/// hold credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// More than [`Endpoint::MAX_LEN`] bytes.
    #[error("is longer than {} bytes", Endpoint::MAX_LEN)]
    TooLong,
    /// Not `https://…` (or `http://…`).
    #[error("is not an absolute URL that starts with https://")]
    NotAbsolute,
    /// White space or a control character, also at either end.
    #[error("contains white space or a control character")]
    WhiteSpace,
    /// A backslash, which browsers take for a slash.
    #[error("contains a backslash")]
    Backslash,
    /// A user name or password (an `@` before the path).
    #[error("contains a user name or password")]
    UserInfo,
    /// A fragment (`#`).
    #[error("has a fragment (#)")]
    Fragment,
    /// A segment `.` or `..` in the path.
    #[error("has dot segments (/./ or /../) in its path")]
    DotSegments,
    /// An encoded dot (`%2e`), which some servers take for a dot segment.
    #[error("has an encoded dot (%2e)")]
    EncodedDot,
    /// A query where none can be.
    #[error("has a query (?), which an issuer cannot have")]
    Query,
    /// Something else that makes it no URL.
    #[error("is not a valid URL")]
    Invalid,
    /// Plain http where it is not allowed.
    #[error(
        "is plain http: use https. Plain http is for loopback hosts, and for the origins that {PLAIN_HTTP_SETTING} names"
    )]
    PlainHttp,
    /// A document points into a network where only the operator may point.
    #[error(
        "points at {0}, which is inside this machine or a private network, and none of the configured URLs names that host"
    )]
    InnerHost(String),
    /// More than an origin where one has to be named; or, in [`PLAIN_HTTP_SETTING`], one that is not http.
    #[error("is not an origin such as http://dex:5556 (scheme, host and port only)")]
    NotAnOrigin,
}

impl Endpoint {
    /// The longest accepted URL, in bytes.
    pub const MAX_LEN: usize = 2048;

    /// Takes a URL that the operator typed: https, or http on a loopback host or an origin in `plain_http`.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn parse(value: &str, plain_http: &PlainHttpOrigins) -> Result<Self, EndpointError> {
        let url = strict_url(value)?;
        let is_allowed = url.scheme() == "https" || is_loopback(&url) || plain_http.contain(&url);
        ensure(is_allowed, EndpointError::PlainHttp)?;
        Ok(Self(url))
    }

    /// Takes a URL that a metadata document names (Discovery section 3). Besides the rules of
    /// [`Endpoint::parse`], a host inside this machine or a private network must stand in one of the
    /// operator's own URLs.
    ///
    /// This judges the URL, not what a name resolves to: a name of the provider's can still resolve to a
    /// private address, where nothing but a certificate for that name lets it be used.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn parse_published(value: &str, operator: &OperatorHosts) -> Result<Self, EndpointError> {
        let endpoint = Self::parse(value, &operator.plain_http)?;
        let inner = endpoint.0.host().is_some_and(|host| inner_hosts::is_inner(&host));
        if inner && !operator.name(&endpoint.0) {
            return Err(EndpointError::InnerHost(host_of(&endpoint.0).to_owned()));
        }
        Ok(endpoint)
    }

    /// Takes an origin: scheme, host and port.
    pub(crate) fn parse_origin(value: &str) -> Result<Self, EndpointError> {
        let url = strict_url(value)?;
        let bare = url.path() == "/" && url.query().is_none() && !value.contains('*');
        ensure(bare, EndpointError::NotAnOrigin)?;
        Ok(Self(url))
    }

    /// The URL, normalised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL, normalised.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port, without a trailing slash.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The endpoint with `path` appended after exactly one slash, and without a query: for what is found
    /// relative to an issuer (Discovery section 4.1) or to the base of an API.
    #[must_use]
    pub fn child(&self, path: &str) -> Self {
        let base = self.0.path();
        self.with_path(&format!("{}/{path}", base.strip_suffix('/').unwrap_or(base)))
    }

    /// The same origin with another path, and without a query.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(path);
        url.set_query(None);
        Self(url)
    }

    /// The same path and query at the origin of another endpoint.
    pub(crate) fn at_origin_of(&self, other: &Self) -> Self {
        let place = self.0.as_str().get(self.origin().len()..).unwrap_or_default();
        Url::parse(&format!("{}{place}", other.origin())).map_or_else(|_| self.clone(), Self)
    }

    /// The same with this query.
    pub(crate) fn with_query(&self, query: &str) -> Self {
        let mut url = self.0.clone();
        url.set_query(Some(query));
        Self(url)
    }

    /// Another URL of the same origin, by all the rules for URLs; `None` when it is none.
    pub(crate) fn sibling(&self, value: &str) -> Option<Self> {
        strict_url(value).ok().filter(|url| url.origin() == self.0.origin()).map(Self)
    }

    /// The path's segments, encoded as they are.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.0.path().trim_start_matches('/').split('/').collect()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// The origins where the operator allows plain http although they are not loopback: a container network, such
/// as `http://dex:5556`. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainHttpOrigins(Vec<String>);

impl PlainHttpOrigins {
    /// Takes the setting's value: none, one or several origins, separated by commas or white space.
    ///
    /// # Errors
    /// [`EndpointError::NotAnOrigin`], or the rule that an element breaks.
    pub fn parse(setting: &str) -> Result<Self, EndpointError> {
        setting
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|element| !element.is_empty())
            .map(|element| {
                let origin = Endpoint::parse_origin(element)?;
                ensure(origin.0.scheme() == "http", EndpointError::NotAnOrigin)?;
                Ok(origin.origin())
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The same with another origin that the operator names.
    pub(crate) fn with(mut self, origin: &Endpoint) -> Self {
        self.0.push(origin.origin());
        self
    }

    fn contain(&self, url: &Url) -> bool {
        self.0.contains(&url.origin().ascii_serialization())
    }
}

/// The hosts that the operator's own settings name: the only inner ones that a document may point at.
#[derive(Clone, Debug)]
pub struct OperatorHosts {
    hosts: Vec<String>,
    plain_http: PlainHttpOrigins,
}

impl OperatorHosts {
    /// Collects the hosts of the operator's URLs.
    #[must_use]
    pub fn of<'a>(endpoints: impl IntoIterator<Item = &'a Endpoint>, plain_http: &PlainHttpOrigins) -> Self {
        let hosts = endpoints.into_iter().map(|endpoint| host_of(&endpoint.0).to_owned());
        Self { hosts: hosts.collect(), plain_http: plain_http.clone() }
    }

    /// A host counts as named by the plain-http setting only at the origin that it names.
    fn name(&self, url: &Url) -> bool {
        self.hosts.iter().any(|host| host == host_of(url)) || self.plain_http.contain(url)
    }
}

fn host_of(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// Judges the text itself: the `url` crate would silently remove dot segments, tabs and line breaks, and turn
/// backslashes into slashes.
fn strict_url(value: &str) -> Result<Url, EndpointError> {
    ensure(value.len() <= Endpoint::MAX_LEN, EndpointError::TooLong)?;
    ensure(!value.contains(|c: char| c.is_whitespace() || c.is_control()), EndpointError::WhiteSpace)?;
    ensure(!value.contains('\\'), EndpointError::Backslash)?;
    let (scheme, rest) = value.split_once("://").ok_or(EndpointError::NotAbsolute)?;
    let is_http = ["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    ensure(is_http, EndpointError::NotAbsolute)?;
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_end);
    ensure(!authority.contains('@'), EndpointError::UserInfo)?;
    ensure(!authority.is_empty(), EndpointError::NotAbsolute)?;
    ensure(!rest.contains('#'), EndpointError::Fragment)?;
    let path = rest.split('?').next().unwrap_or_default();
    let has_encoded_dot = |part: &str| part.to_ascii_lowercase().contains("%2e");
    ensure(!has_encoded_dot(authority) && !has_encoded_dot(path), EndpointError::EncodedDot)?;
    let has_dot_segments = path.split('/').any(|segment| matches!(segment, "." | ".."));
    ensure(!has_dot_segments, EndpointError::DotSegments)?;
    Url::parse(value).map_err(|_| EndpointError::Invalid)
}

#[cfg(test)]
mod tests;
