//! The lab's public address.

use std::fmt;

use url::{Host, Url};

use crate::protocol::RedirectUri;

/// The lab's public URL, from configuration and never from a request: scheme, host and port, and the base path
/// below which all addresses of the lab are.
///
/// Every public name of the lab derives from it: the redirect URI, the token's `iss`, the cookie's
/// attributes. A forged `Host` header changes none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
    base_path: String,
    redirect_uri: RedirectUri,
    signed_out: &'static str,
    secure: bool,
}

/// The reason that a URL cannot be the public URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPublicUrl {
    /// It is not an absolute http(s) URL.
    #[error("is not an absolute http or https URL")]
    NotAUrl,
    /// It has a query, a fragment, a user name or a password.
    #[error("must be scheme, host, port and perhaps a path, without query, fragment or user name")]
    MoreThanAnAddress,
    /// Programs could read its path in several ways.
    #[error(
        "has a path that is not plain: each segment must have letters, digits, -, ., _ and ~ only, and none is empty, \
         . or .., as in https://lab.example.org/auth"
    )]
    UnclearPath,
    /// It is plain http for a host that is not this machine.
    #[error("is plain http: use https, or state that this network does without TLS")]
    PlainHttp,
}

/// The rule for plain http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// Plain http is for this machine only.
    LoopbackOnly,
    /// The operator states that this network does without TLS.
    NetworkWithoutTls,
}

/// The paths of this lab that are registered at every provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisteredPaths {
    /// The path of the redirect URI.
    pub callback: &'static str,
    /// The page to come back to after signing out at a provider.
    pub signed_out: &'static str,
}

impl PublicUrl {
    /// Parses the public URL from the configuration.
    ///
    /// # Errors
    /// See [`UnfitPublicUrl`].
    pub fn parse(value: &str, plain_http: PlainHttp, paths: RegisteredPaths) -> Result<Self, UnfitPublicUrl> {
        let url = Url::parse(value).map_err(|_| UnfitPublicUrl::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(UnfitPublicUrl::NotAUrl);
        }
        let bare = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(UnfitPublicUrl::MoreThanAnAddress);
        }
        let base_path = base_path(value, &url).ok_or(UnfitPublicUrl::UnclearPath)?;
        let secure = url.scheme() == "https";
        if !secure && plain_http == PlainHttp::LoopbackOnly && !is_loopback(&url) {
            return Err(UnfitPublicUrl::PlainHttp);
        }
        let origin = url.origin().ascii_serialization();
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
        let redirect_uri = RedirectUri::parse(&format!("{origin}{base_path}{}", paths.callback))
            .map_err(|_| UnfitPublicUrl::NotAUrl)?;
        Ok(Self { origin, host, base_path, redirect_uri, signed_out: paths.signed_out, secure })
    }

    /// Returns the origin, without the base path and without a trailing slash.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the host: lower case, without port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the address of a host beside this one, for advice: where this one is a name, one level below it.
    #[must_use]
    pub fn sibling(&self, name: &str) -> String {
        let (scheme, rest) = self.origin.split_once("://").unwrap_or_default();
        let is_address = self.host.parse::<std::net::Ipv4Addr>().is_ok() || self.host.starts_with('[');
        let beside = if is_address { rest.replacen(&self.host, "localhost", 1) } else { rest.to_owned() };
        format!("{scheme}://{name}.{beside}/")
    }

    /// Returns the base path, without a trailing slash: empty for a lab that has its host for itself.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// Returns whether it is https: cookies are then `Secure` and have the `__Host-` prefix.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The redirect URI that is registered at every provider.
    #[must_use]
    pub fn redirect_uri(&self) -> RedirectUri {
        self.redirect_uri.clone()
    }

    /// The page to come back to after signing out at a provider; it is registered there, too.
    #[must_use]
    pub fn signed_out_page(&self) -> Option<Url> {
        Url::parse(&format!("{self}{}", self.signed_out)).ok()
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        f.write_str(&self.base_path)
    }
}

/// Returns the base path of a public URL, if it is plain. The text is compared as it was written: a parser
/// resolves dot segments without a word.
fn base_path(written: &str, url: &Url) -> Option<String> {
    let written =
        written.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    if written.unwrap_or("/") != url.path() {
        return None;
    }
    let path = url.path().strip_suffix('/').unwrap_or(url.path());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    let mut segments = path.split('/').skip(1);
    segments.all(|segment| !segment.is_empty() && segment.chars().all(is_plain)).then(|| path.to_owned())
}

/// Returns whether a URL's host is this machine: `localhost` (RFC 6761 section 6.3), 127.0.0.0/8 or `[::1]`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: RegisteredPaths = RegisteredPaths { callback: "/back", signed_out: "/bye" };

    fn parse(value: &str) -> Result<PublicUrl, UnfitPublicUrl> {
        PublicUrl::parse(value, PlainHttp::LoopbackOnly, PATHS)
    }

    #[test]
    fn c136_plain_http_is_for_loopback_or_a_network_without_tls() {
        for loopback in ["http://localhost:8091", "http://127.0.0.1", "http://[::1]:1", "http://127.9.9.9/"] {
            assert!(parse(loopback).is_ok(), "{loopback}");
        }
        for other in
            ["http://lab.example", "http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example"]
        {
            assert_eq!(parse(other), Err(UnfitPublicUrl::PlainHttp), "{other}");
            assert!(PublicUrl::parse(other, PlainHttp::NetworkWithoutTls, PATHS).is_ok());
        }
    }

    #[test]
    fn c017_the_redirect_uri_comes_from_the_public_url() {
        let url = parse("https://LAB.example:443/").unwrap();
        assert_eq!(url.redirect_uri().as_str(), "https://lab.example/back");
        assert_eq!(url.signed_out_page().unwrap().as_str(), "https://lab.example/bye");
        assert!(url.is_secure());
    }

    #[test]
    fn a_base_path_is_part_of_every_name_and_of_no_origin() {
        for written in ["https://lab.example/auth", "https://LAB.example:443/auth/"] {
            let url = parse(written).unwrap();
            assert_eq!((url.origin(), url.base_path()), ("https://lab.example", "/auth"));
            assert_eq!(url.to_string(), "https://lab.example/auth");
            assert_eq!(url.redirect_uri().as_str(), "https://lab.example/auth/back");
            assert_eq!(url.signed_out_page().unwrap().as_str(), "https://lab.example/auth/bye");
        }
        assert_eq!(parse("https://lab.example/a/B.c-d_~1").unwrap().base_path(), "/a/B.c-d_~1");
        assert_eq!(parse("https://lab.example").unwrap().base_path(), "");
        assert_eq!(parse("https://lab.example/").unwrap().base_path(), "");
    }

    #[test]
    fn a_base_path_that_can_be_read_in_two_ways_is_refused() {
        for bad in [
            "/a/../b",
            "/a/./b",
            "/..",
            "/.",
            "/a/..",
            "/%61",
            "/a%2fb",
            "/%2e%2e/a",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/a;b",
            "/a b",
            "/ä",
            "/a\\b",
            "/a\tb",
            "/a:b",
            "/a@b",
            "/a,b",
            "/a$b",
            "/a*b",
            "/{a}",
        ] {
            let url = format!("https://lab.example{bad}");
            assert_eq!(parse(&url), Err(UnfitPublicUrl::UnclearPath), "{bad}");
        }
        for bad in ["https:/lab.example/a", "https:///lab.example/a", "https:\\\\lab.example\\a"] {
            assert_eq!(parse(bad), Err(UnfitPublicUrl::UnclearPath), "{bad}");
        }
    }

    #[test]
    fn more_than_an_address_is_refused() {
        for bad in [
            "https://lab.example/x?",
            "https://u@lab.example",
            "https://lab.example/?x",
            "https://lab.example#",
        ] {
            assert_eq!(parse(bad), Err(UnfitPublicUrl::MoreThanAnAddress), "{bad}");
        }
        for bad in ["lab.example", "ftp://lab.example", "https://", ""] {
            assert_eq!(parse(bad), Err(UnfitPublicUrl::NotAUrl), "{bad}");
        }
    }
}
