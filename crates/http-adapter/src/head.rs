//! What a request says before its body, parsed once: no handler looks at a header again.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use labgate_domain::public_url::PublicUrl;
use labgate_domain::session::UserAgent;
use labgate_domain::sign_in::Visitor;

use crate::audience::Audience;
use crate::cookies::{Cookies, PresentedCookies};
use crate::form::{FormSecret, Posted};
use crate::origin::{Peer, ProxyNetwork, Whence, whence};

/// The head of a request.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Who will read the answer.
    pub(crate) audience: Audience,
    /// What of the cookies concerns us.
    pub(crate) cookies: PresentedCookies,
    /// The query, undecoded.
    pub(crate) query: String,
    /// Whether one of our own pages made the browser send it.
    pub(crate) from_our_page: bool,
    /// Whether the browser is only guessing what the person will do next.
    pub(crate) prefetch: bool,
    /// Whether the browser says that this is a script or an image asking, not the person going somewhere.
    pub(crate) in_background: bool,
    /// Where it comes from.
    pub(crate) whence: Whence,
    /// What it says of the browser.
    pub(crate) user_agent: Option<UserAgent>,
    /// What it posts.
    pub(crate) posted: Posted,
}

impl Head {
    pub(crate) fn parse(
        parts: &Parts,
        body: &Bytes,
        cookies: &Cookies,
        public_url: &PublicUrl,
        proxies: &[ProxyNetwork],
    ) -> Self {
        let headers = &parts.headers;
        Self {
            audience: Audience::of(headers),
            cookies: cookies.read(headers),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            from_our_page: is_from_our_page(headers, public_url),
            prefetch: ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
                text(headers, name).is_some_and(|purpose| purpose.to_ascii_lowercase().contains("prefetch"))
            }),
            in_background: text(headers, "sec-fetch-mode").is_some_and(|mode| mode != "navigate"),
            whence: whence(parts.extensions.get::<Peer>().copied(), headers, proxies),
            user_agent: text(headers, "user-agent").and_then(UserAgent::new),
            posted: Posted::read(headers, body),
        }
    }

    /// What the form tokens of this browser are made from: its session, or else the cookie for that.
    pub(crate) fn form_secret(&self) -> Option<FormSecret<'_>> {
        let session = self.cookies.session.as_deref().and_then(FormSecret::of_session_cookie);
        session.or_else(|| self.cookies.form.as_deref().map(FormSecret::Browser))
    }

    /// Who asks, for the use cases.
    pub(crate) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            session_token: self.cookies.session.as_deref(),
            user_agent: self.user_agent.clone(),
            source: self.whence.source,
        }
    }

    /// A query parameter, decoded; the first of its name.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// Evidence that the request comes from our own origin: `Sec-Fetch-Site`, which no script can forge, or else `Origin`.
/// Without any there is no evidence.
fn is_from_our_page(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    match text(headers, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => text(headers, header::ORIGIN.as_str()) == Some(public_url.origin()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use labgate_domain::public_url::PlainHttp;

    use super::*;

    fn from_our_page(headers: &[(&'static str, &str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        is_from_our_page(&headers, &PublicUrl::parse("https://lab.example", PlainHttp::LoopbackOnly).unwrap())
    }

    #[test]
    fn c157_same_origin_needs_evidence() {
        assert!(from_our_page(&[("sec-fetch-site", "same-origin")]));
        assert!(from_our_page(&[("origin", "https://lab.example")]));
        assert!(!from_our_page(&[("sec-fetch-site", "cross-site"), ("origin", "https://lab.example")]));
        for other in
            ["https://evil.example", "null", "https://lab.example.evil.example", "http://lab.example"]
        {
            assert!(!from_our_page(&[("origin", other)]), "{other}");
        }
        for site in ["same-site", "none", "cross-site"] {
            assert!(!from_our_page(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!from_our_page(&[]));
    }
}
