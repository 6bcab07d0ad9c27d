//! The lab's public address.

use std::fmt;

use url::{Host, Url};

use crate::protocol::RedirectUri;

/// The lab's public origin, from configuration and never from a request: scheme, host and port.
///
/// Every public name of the lab derives from it: the redirect URI, the token's `iss`, the cookie's
/// attributes. A forged `Host` header changes none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
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
    /// It has more than scheme, host and port.
    #[error("must be scheme, host and port only, without path, query, fragment or user name")]
    MoreThanAnOrigin,
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
        let bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare {
            return Err(UnfitPublicUrl::MoreThanAnOrigin);
        }
        let secure = url.scheme() == "https";
        if !secure && plain_http == PlainHttp::LoopbackOnly && !is_loopback(&url) {
            return Err(UnfitPublicUrl::PlainHttp);
        }
        let origin = url.origin().ascii_serialization();
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_owned();
        let redirect_uri = RedirectUri::parse(&format!("{origin}{}", paths.callback))
            .map_err(|_| UnfitPublicUrl::NotAUrl)?;
        Ok(Self { origin, host, redirect_uri, signed_out: paths.signed_out, secure })
    }

    /// Returns the origin, without a trailing slash.
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
        Url::parse(&format!("{}{}", self.origin, self.signed_out)).ok()
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
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
    fn more_than_an_origin_is_refused() {
        for bad in [
            "https://lab.example/x",
            "https://u@lab.example",
            "https://lab.example/?x",
            "https://lab.example#",
        ] {
            assert_eq!(parse(bad), Err(UnfitPublicUrl::MoreThanAnOrigin), "{bad}");
        }
        for bad in ["lab.example", "ftp://lab.example", "https://", ""] {
            assert_eq!(parse(bad), Err(UnfitPublicUrl::NotAUrl), "{bad}");
        }
    }
}
