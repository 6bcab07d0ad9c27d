//! Requests as a browser makes them, but following nothing.

use std::time::Duration;

use http::header::{DATE, LOCATION, SET_COOKIE};
use http::{Method, StatusCode};
use labgate_provider::{ExchangeError, ProviderSettings};
use reqwest::Response;
use reqwest::redirect::Policy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use url::Url;

/// The part of a page that is searched for an error message. Entra's error page has it in a script after some
/// ten kilobytes.
const MAX_BODY: usize = 256 * 1024;
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

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

/// The answer to a request for another protocol.
pub(super) enum Upgraded {
    /// The protocol was not changed.
    Refused(Answer),
    /// It was changed, and this came back to a message.
    Changed(Result<Vec<u8>, String>),
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
            .http1_only()
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
        self.ask(Method::GET, url, headers).await
    }

    /// The same by another method.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
    ) -> Result<Answer, ExchangeError> {
        Ok(read(self.send(method, url, headers).await?).await)
    }

    /// Asks for the protocol that the headers name, and sends a message of it.
    pub(super) async fn upgrade(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        message: &[u8],
    ) -> Result<Upgraded, ExchangeError> {
        let response = self.send(Method::GET, url, headers).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Upgraded::Refused(read(response).await));
        }
        let mut connection = response.upgrade().await.map_err(ExchangeError::from)?;
        let echo = async {
            connection.write_all(message).await?;
            let mut echo = vec![0; message.len()];
            connection.read_exact(&mut echo).await?;
            Ok::<_, std::io::Error>(echo)
        };
        let echo = timeout(PATIENCE, echo).await.unwrap_or_else(|late| Err(late.into()));
        Ok(Upgraded::Changed(echo.map_err(|error| error.to_string())))
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
    ) -> Result<Response, ExchangeError> {
        let mut request = self.0.request(method, url.clone()).header("accept", "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.map_err(ExchangeError::from)
    }
}

async fn read(mut response: Response) -> Answer {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
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
    Answer { status, location, date, cookies, body: String::from_utf8_lossy(&body).into_owned() }
}
