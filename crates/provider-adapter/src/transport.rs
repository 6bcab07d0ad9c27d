//! The only place that talks to the network: one request, one bounded answer, no surprises.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use labgate_domain::ForeignText;
use labgate_domain::ports::{ProviderCall, ProviderError};
use openidconnect::HttpRequest;
use reqwest::{Certificate, Client, ClientBuilder};

use crate::settings::Limits;
use crate::unchecked::SettingsError;

/// One provider's HTTP client.
///
/// It follows no redirect (a 3xx is a failure: RFC 9700 section 4.12), decompresses nothing, keeps no cookies, repeats
/// nothing, and uses a connection once: a code is never sent a second time because a kept connection was just closing.
/// Every call has a total time limit and a size limit that holds while the body arrives.
///
/// The proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY`) is used for https, where it sees only the host
/// name. Plain http, which is allowed for this machine and for named origins of its own network, never goes through a
/// proxy: it would read the client secret.
pub(crate) struct Transport {
    secure: Result<Client, String>,
    plain: Client,
    limits: Limits,
}

impl Transport {
    /// A client that trusts the system's certification authorities and those in `extra_ca_pem`.
    ///
    /// A system without any is no error here: the provider may do without TLS. An https call says so then.
    pub(crate) fn new(extra_ca_pem: Option<&str>, limits: Limits) -> Result<Self, SettingsError> {
        let extra = extra_ca_pem.map_or(Ok(Vec::new()), certificates)?;
        let secure = builder(&limits).https_only(true).tls_certs_merge(extra).build();
        let plain = builder(&limits).no_proxy().tls_certs_only([]).build();
        if extra_ca_pem.is_some() && secure.is_err() {
            return Err(SettingsError::ExtraCa);
        }
        Ok(Self {
            secure: secure.map_err(|error| cause(&error)),
            plain: plain.map_err(|error| SettingsError::HttpClient(cause(&error)))?,
            limits,
        })
    }

    /// Sends a request once and reads the answer to its end. Any status but a redirect is the caller's to judge.
    pub(crate) async fn send(
        &self,
        call: ProviderCall,
        request: HttpRequest,
    ) -> Result<Answer, TransportError> {
        let client = match request.uri().scheme_str() {
            Some("https") => {
                self.secure.as_ref().map_err(|reason| TransportError::Unreachable(reason.clone()))?
            }
            _ => &self.plain,
        };
        let host = request.uri().host().unwrap_or_default().to_owned();
        let mut request = reqwest::Request::try_from(request).map_err(failure)?;
        *request.timeout_mut() = Some(self.limits.time(call));
        let mut response = client.execute(request).await.map_err(failure)?;

        let status = response.status();
        tracing::debug!(call = call.as_str(), host, status = status.as_u16(), "the provider answers");
        if status.is_redirection() {
            return Err(TransportError::Redirect(status));
        }
        if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(TransportError::Compressed);
        }
        let limit = self.limits.size(call);
        let announced = response.content_length().unwrap_or_default();
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(TransportError::TooLarge { limit });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > limit {
                return Err(TransportError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status, media_type: media_type(&headers), headers, body })
    }
}

/// Why there is no answer to judge. Reads after the name of what was asked; the texts carry no URL, which may have a
/// query, and nothing of a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection, no TLS, no answer in time, or one that breaks off.
    #[error("{0}")]
    Unreachable(String),
    /// A status of the 300s.
    #[error("answers with a redirect ({0}), which is not followed")]
    Redirect(StatusCode),
    /// A `Content-Encoding`, which was not asked for.
    #[error("answers compressed, which was not asked for")]
    Compressed,
    /// More than the limit in bytes.
    #[error("answers with more than {} KiB", limit.div_ceil(1024))]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl TransportError {
    /// The same for the core.
    pub(crate) fn of(self, call: ProviderCall) -> ProviderError {
        ProviderError::Unavailable { call, reason: format!("it {self}") }
    }
}

/// What came back. It has no `Debug`: the body may be a token.
pub(crate) struct Answer {
    /// Never a redirect.
    pub(crate) status: StatusCode,
    /// The type of the body in lower case, without parameters; `None` when it is not stated exactly once.
    pub(crate) media_type: Option<String>,
    /// All header fields; they say what a page's list goes on with, and how much may still be asked.
    pub(crate) headers: HeaderMap,
    /// At most as large as the limit for the call.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body of a 200 of one of these media types; otherwise why there is none, in the manner of [`TransportError`].
    pub(crate) fn ok_body(self, media_types: &[&str]) -> Result<Vec<u8>, String> {
        if self.status != StatusCode::OK {
            return Err(format!("answers with {}", self.status));
        }
        match self.media_type {
            Some(stated) if media_types.contains(&stated.as_str()) => Ok(self.body),
            Some(stated) => Err(format!(
                "answers with {} instead of {}",
                ForeignText::new(&stated),
                media_types.join(" or ")
            )),
            None => Err(format!("answers without saying that it is {}", media_types.join(" or "))),
        }
    }
}

/// JSON's media type (RFC 8259 section 11).
pub(crate) const JSON: &str = "application/json";

/// The media type of a message (RFC 9110 section 8.3): parameters and the space around them do not matter.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let mut stated = headers.get_all(CONTENT_TYPE).iter();
    let value = stated.next()?.to_str().ok()?;
    if stated.next().is_some() {
        return None;
    }
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

fn builder(limits: &Limits) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("labgate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(limits.connect)
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, SettingsError> {
    match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(SettingsError::ExtraCa),
    }
}

/// What went wrong with a request, in words that carry no URL.
#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn failure(error: reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::Unreachable("does not answer in time".to_owned());
    }
    let what = match () {
        () if error.is_connect() => "cannot be reached",
        () if error.is_builder() => "cannot be asked",
        () => "breaks off",
    };
    TransportError::Unreachable(format!("{what} ({})", cause(&error)))
}

/// The innermost cause of an error: of a chain, it is the one that names neither URL nor request.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = match innermost.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request is not possible".to_owned(),
        None => innermost.to_string(),
    };
    ForeignText::new(&text).to_string()
}

impl Limits {
    fn time(&self, call: ProviderCall) -> Duration {
        match call {
            ProviderCall::Discovery | ProviderCall::Jwks => self.metadata_time,
            ProviderCall::Token | ProviderCall::UserInfo | ProviderCall::Groups => self.token_time,
        }
    }

    fn size(&self, call: ProviderCall) -> usize {
        match call {
            ProviderCall::Jwks => self.jwks_size,
            ProviderCall::Discovery | ProviderCall::Token | ProviderCall::UserInfo | ProviderCall::Groups => {
                self.document_size
            }
        }
    }
}
