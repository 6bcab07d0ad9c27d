//! A provider with two names: one for browsers, and one inside the network of this machine.

use http::HeaderValue;
use http::header::HOST;
use openidconnect::HttpRequest;
use url::{Position, Url};

use crate::endpoint::Endpoint;

/// The setting, as messages call it.
pub(crate) const INTERNAL_URL_SETTING: &str = "LAB_EXTERNAL_OIDC_INTERNAL_URL";

/// The two origins of one provider. What is for the public one is asked at the internal one, by the public
/// name (`Host`): the provider then speaks of itself as it does to browsers, and its issuer stays the public
/// one.
#[derive(Clone, Debug)]
pub(crate) struct InternalUrl {
    public: Endpoint,
    internal: Endpoint,
}

impl InternalUrl {
    pub(crate) fn new(public: &Endpoint, internal: Endpoint) -> Self {
        Self { public: public.with_path("/"), internal }
    }

    /// Sends a request for the public origin to the internal one, and returns whether it is one.
    pub(crate) fn route(&self, request: &mut HttpRequest) -> bool {
        let Ok(url) = Url::parse(&request.uri().to_string()) else { return false };
        let Some((inside, name)) = self.inside(&url) else { return false };
        match (HeaderValue::from_str(&name), inside.as_str().parse()) {
            (Ok(name), Ok(inside)) => {
                request.headers_mut().insert(HOST, name);
                *request.uri_mut() = inside;
                true
            }
            _ => false,
        }
    }

    /// Returns where a URL of the public origin is asked, and the name by which.
    pub(crate) fn inside(&self, url: &Url) -> Option<(Url, String)> {
        let name = self.public.url()[Position::BeforeHost..Position::AfterPort].to_owned();
        let inside = format!("{}{}", self.internal.origin(), &url[Position::BeforePath..]);
        let is_public = url.origin() == self.public.url().origin();
        Some((Url::parse(&inside).ok()?, name)).filter(|_| is_public)
    }

    /// Tells where a request was really sent.
    pub(crate) fn told(&self) -> String {
        let (public, internal) = (self.public.origin(), self.internal.origin());
        format!("asked at {internal} in place of {public}, as {INTERNAL_URL_SETTING} says")
    }
}
