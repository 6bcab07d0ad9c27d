//! Requests as a browser makes them, but following nothing.

use std::time::Duration;

use http::header::{DATE, LOCATION, SET_COOKIE};
use labgate_provider::{ExchangeError, ProviderSettings};
use reqwest::redirect::Policy;
use url::Url;

/// The part of a page that is searched for an error message. Entra's error page has it in a script after some
/// ten kilobytes.
const MAX_BODY: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// No HTTP client can be made.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made: {0}")]
pub struct Unusable(reqwest::Error);

pub(super) struct Http(reqwest::Client);

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) date: Option<String>,
    pub(super) cookies: Vec<String>,
    pub(super) body: String,
}

impl Answer {
    /// The cookies of the answer as a browser sends them back.
    pub(super) fn cookie_header(&self) -> String {
        let pairs: Vec<&str> = self.cookies.iter().filter_map(|cookie| cookie.split(';').next()).collect();
        pairs.join("; ")
    }
}

impl Http {
    pub(super) fn new() -> Result<Self, Unusable> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("labgate-doctor/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .timeout(PATIENCE)
            // A balancer that looks no further than connections would lead to one replica only.
            .pool_max_idle_per_host(0)
            .build();
        client.map(Self).map_err(Unusable)
    }

    /// Asks for a page of a provider with these cookies, inside the network where its settings say so.
    pub(super) async fn get_of(
        &self,
        settings: &ProviderSettings,
        url: &Url,
        cookies: &str,
    ) -> Result<Answer, ExchangeError> {
        let inside = settings.inside(url);
        let host = inside.as_ref().map(|(_, host)| ("host", host.as_str()));
        let cookies = Some(("cookie", cookies)).filter(|(_, cookies)| !cookies.is_empty());
        let headers: Vec<_> = host.into_iter().chain(cookies).collect();
        self.get(inside.as_ref().map_or(url, |(inside, _)| inside), &headers).await
    }

    /// Asks for a page, with these headers besides; the error is why there is no answer.
    pub(super) async fn get(&self, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, ExchangeError> {
        let mut request = self.0.get(url.clone()).header("accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send().await.map_err(ExchangeError::from)?;
        let text =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, location, date) = (response.status().as_u16(), text(LOCATION), text(DATE));
        let cookies = response.headers().get_all(SET_COOKIE).iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                body.truncate(MAX_BODY);
                break;
            }
        }
        Ok(Answer { status, location, date, cookies, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
