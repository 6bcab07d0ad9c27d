//! A request, parsed once: no handler looks at a header again.

use std::sync::LazyLock;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use labgate_domain::access::host_name;
use labgate_domain::public_url::PublicUrl;
use labgate_domain::return_to::ReturnTo;
use labgate_domain::session::UserAgent;
use labgate_domain::sign_in::{CsrfSecret, Visitor};

use crate::audience::Audience;
use crate::authorization::{PresentedToken, TokenChallenge};
use crate::client_addr::{ClientAddr, Peer, ProxyNetwork, client_addr};
use crate::connection::Nth;
use crate::cookies::{Cookies, PresentedCookies};
use crate::failure::HttpErrorCode;
use crate::form::{Fields, Posted, named_session};
use crate::original::Original;
use crate::reply::{self, Response};
use crate::site::Site;

/// A request, as handlers see it.
#[derive(Clone, Debug)]
pub(crate) struct ParsedRequest {
    /// The readers of the answer.
    pub(crate) audience: Audience,
    /// The access token.
    pub(crate) access_token: Option<PresentedToken>,
    /// Whether a refused program is asked for an access token.
    pub(crate) challenge: TokenChallenge,
    /// The cookies of ours.
    pub(crate) cookies: PresentedCookies,
    pub(crate) method: Method,
    /// The host that the browser asked, lower case and without port; empty if there is none.
    pub(crate) host: String,
    /// What a trusted proxy says about the request that it holds.
    pub(crate) original: Original,
    /// The path, undecoded.
    pub(crate) path: String,
    /// The length of the base path, which the path begins with.
    base_path_len: usize,
    /// The query, undecoded.
    pub(crate) query: String,
    /// The parameters of the path, undecoded.
    parameters: Vec<(&'static str, String)>,
    /// Set when a page of this lab's own origin made the browser send it: the first part of the CSRF check.
    pub(crate) is_same_origin: bool,
    /// Set when the browser only guesses the person's next step.
    pub(crate) prefetch: bool,
    /// Set unless the browser says that something else than a tab asks: a script, a frame, an image.
    pub(crate) is_top_level: bool,
    pub(crate) client_addr: ClientAddr,
    /// The number of the request on its connection, from 1, where there is one.
    pub(crate) nth_of_connection: Option<u32>,
    pub(crate) user_agent: Option<UserAgent>,
    /// The precondition `If-Match` (RFC 9110 section 13.1.1).
    pub(crate) if_match: Option<String>,
    /// The body.
    pub(crate) posted: Posted,
}

impl ParsedRequest {
    pub(crate) fn parse(
        parts: &Parts,
        parameters: Vec<(&'static str, String)>,
        body: &Bytes,
        cookies: &Cookies,
        public_url: &PublicUrl,
        proxies: &[ProxyNetwork],
    ) -> Self {
        let headers = &parts.headers;
        let is_top_level = is_top_level(headers);
        let cookies = cookies.read(headers);
        Self {
            audience: Audience::of(headers),
            access_token: PresentedToken::read(headers),
            challenge: TokenChallenge::Asks,
            // The next step of a person in a tab is not one for a script that runs beside it.
            cookies: if is_top_level { cookies } else { cookies.without_tickets() },
            method: parts.method.clone(),
            host: text(headers, "host").and_then(host_name).unwrap_or_default(),
            original: Original::read(parts, proxies),
            path: parts.uri.path().to_owned(),
            base_path_len: public_url.base_path().len(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            parameters,
            is_same_origin: is_same_origin(headers, public_url),
            prefetch: ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
                text(headers, name).is_some_and(|purpose| purpose.to_ascii_lowercase().contains("prefetch"))
            }),
            is_top_level,
            nth_of_connection: parts.extensions.get::<Nth>().map(|nth| nth.0),
            client_addr: client_addr(parts.extensions.get::<Peer>().copied(), headers, proxies),
            user_agent: text(headers, "user-agent").and_then(UserAgent::new),
            if_match: text(headers, header::IF_MATCH.as_str()).map(str::to_owned),
            posted: Posted::read(&parts.method, headers, body),
        }
    }

    /// Returns the secret behind this browser's CSRF tokens: its session, or else the cookie for that.
    pub(crate) fn csrf_secret(&self) -> Option<CsrfSecret<'_>> {
        let session = self.cookies.session.as_deref().and_then(named_session).map(CsrfSecret::Session);
        session.or_else(|| self.cookies.form.as_deref().map(CsrfSecret::Browser))
    }

    /// Returns the visitor, for the use cases.
    pub(crate) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            session_token: self.cookies.session.as_deref(),
            access_token: self.access_token.as_ref().map(PresentedToken::expose),
            user_agent: self.user_agent.clone(),
            source: self.client_addr.source,
            device: self.cookies.device.as_deref(),
            turn: self.cookies.turn.as_deref(),
        }
    }

    /// Returns the path below the lab's base path, undecoded.
    pub(crate) fn below_base(&self) -> &str {
        self.path.get(self.base_path_len..).unwrap_or_default()
    }

    /// Returns a query parameter, decoded; the first of its name.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Returns the fields that the query states.
    pub(crate) fn query_fields(&self) -> Fields {
        Fields::encoded(self.query.as_bytes())
    }

    /// Returns a parameter of the path, undecoded.
    pub(crate) fn in_path(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// Returns the fields of the body; none if it has none.
    pub(crate) fn fields(&self) -> &Fields {
        static NONE: LazyLock<Fields> = LazyLock::new(Fields::default);
        match &self.posted {
            Posted::Form(fields) | Posted::Json(fields) => fields,
            Posted::Nothing | Posted::Unreadable => &NONE,
        }
    }

    /// Returns the page of a list that the query asks for, counted from 1, and the number of the next one if
    /// there is more. A page after the last one is empty.
    pub(crate) fn page_of<'a, T>(
        &self,
        list: &'a [T],
        page_len: usize,
    ) -> Result<(&'a [T], Option<usize>), HttpErrorCode> {
        let page =
            optional(self.parameter("page"), |page| page.parse::<usize>().map_err(|_| ()))?.unwrap_or(1);
        let before = page.checked_sub(1).ok_or(HttpErrorCode::BadRequest)?.saturating_mul(page_len);
        let rest = list.get(before..).unwrap_or_default();
        let (shown, further) = rest.split_at(rest.len().min(page_len));
        Ok((shown, (!further.is_empty()).then_some(page + 1)))
    }

    /// Returns the target after signing in, as a link states it.
    pub(crate) fn return_to(&self, site: &Site) -> ReturnTo {
        site.return_to(self.parameter("return_to").as_deref())
    }

    /// Returns this very address.
    pub(crate) fn here(&self) -> String {
        let (path, query) = (&self.path, &self.query);
        if query.is_empty() { path.clone() } else { format!("{path}?{query}") }
    }

    /// Answers a form with the way back to its page, and anything else with 204.
    pub(crate) fn done(&self, back: &str) -> Response {
        if self.is_form() { reply::see_other(back) } else { reply::status(http::StatusCode::NO_CONTENT) }
    }

    /// Returns whether a browser sends it, as its name for itself says.
    pub(crate) fn is_from_browser(&self) -> bool {
        self.user_agent.as_ref().is_some_and(|name| name.as_str().starts_with("Mozilla/"))
    }

    /// Returns whether the body is a form.
    pub(crate) fn is_form(&self) -> bool {
        matches!(self.posted, Posted::Form(_))
    }
}

/// Parses a text that can be left out.
pub(crate) fn optional<T, E>(
    text: Option<impl AsRef<str>>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, HttpErrorCode> {
    text.map(|text| parse(text.as_ref())).transpose().map_err(|_| HttpErrorCode::BadRequest)
}

/// Returns whether the request comes from our own origin, as `Sec-Fetch-Site` says, which no script can
/// forge, or else `Origin`. A request with neither does not.
fn is_same_origin(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    match text(headers, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => text(headers, header::ORIGIN.as_str()) == Some(public_url.origin()),
    }
}

/// Returns whether the request fills a tab, as `Sec-Fetch-Mode` and `Sec-Fetch-Dest` say, which no script can
/// forge. Without them, nothing speaks against it.
fn is_top_level(headers: &HeaderMap) -> bool {
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
        .iter()
        .all(|(name, expected)| !headers.contains_key(*name) || text(headers, name) == Some(*expected))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use labgate_domain::public_url::PlainHttp;

    use super::*;
    use crate::paths;

    fn same_origin(headers: &[(&'static str, &str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        // The base path is no part of an origin.
        let of = |url| PublicUrl::parse(url, PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap();
        let [root, below] = ["https://lab.example", "https://lab.example/auth"].map(of);
        assert_eq!(is_same_origin(&headers, &root), is_same_origin(&headers, &below));
        is_same_origin(&headers, &root)
    }

    #[test]
    fn f27_only_a_tab_is_at_the_top_level() {
        let is_top_level = |headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            is_top_level(&headers.collect())
        };
        assert!(is_top_level(&[]));
        assert!(is_top_level(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]));
        for dest in ["empty", "iframe", "frame", "object", "embed", "image", "script", "", "fencedframe"] {
            assert!(!is_top_level(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", dest)]), "{dest}");
            assert!(!is_top_level(&[("sec-fetch-dest", dest)]), "{dest}");
        }
        for mode in ["cors", "no-cors", "same-origin", "websocket"] {
            assert!(!is_top_level(&[("sec-fetch-mode", mode), ("sec-fetch-dest", "document")]), "{mode}");
            assert!(!is_top_level(&[("sec-fetch-mode", mode)]), "{mode}");
        }
    }

    #[test]
    fn c157_the_same_origin_must_be_stated() {
        assert!(same_origin(&[("sec-fetch-site", "same-origin")]));
        assert!(same_origin(&[("origin", "https://lab.example")]));
        assert!(!same_origin(&[("sec-fetch-site", "cross-site"), ("origin", "https://lab.example")]));
        for other in
            ["https://evil.example", "null", "https://lab.example.evil.example", "http://lab.example"]
        {
            assert!(!same_origin(&[("origin", other)]), "{other}");
        }
        for site in ["same-site", "none", "cross-site"] {
            assert!(!same_origin(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!same_origin(&[]));
    }
}
