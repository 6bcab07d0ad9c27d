//! One request to a provider, one bounded answer, no surprises.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, ProviderCall, ProviderError};
use openidconnect::HttpRequest;
use url::Url;

use crate::exchange::{Exchange, ExchangeError};
use crate::internal_url::InternalUrl;
use crate::settings::{Limits, ProviderSettings};

/// All calls to one provider, over any [`Exchange`].
///
/// Every call is sent once, with a total time limit and a size limit that holds while the body arrives. A
/// redirect (RFC 9700 section 4.12) and a compressed answer are failures.
pub(crate) struct Transport {
    exchange: Arc<dyn Exchange>,
    limits: Limits,
    internal: Option<InternalUrl>,
}

impl Transport {
    pub(crate) fn new(exchange: Arc<dyn Exchange>, settings: &ProviderSettings) -> Self {
        Self { exchange, limits: settings.limits, internal: settings.internal.clone() }
    }

    /// Sends a request once and reads the answer to its end. Any status but a redirect is the caller's to
    /// judge.
    pub(crate) async fn send(
        &self,
        call: ProviderCall,
        mut request: HttpRequest,
    ) -> Result<Answer, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        request.headers_mut().insert(USER_AGENT, AGENT);
        let inside = self.internal.as_ref().filter(|internal| internal.route(&mut request));
        let answer = self.answer(call, request.map(Bytes::from));
        let answer = tokio::time::timeout(self.limits.time(call), answer).await;
        let answer = answer.unwrap_or(Err(TransportError::Unreachable(ExchangeError::TimedOut)));
        let answer = answer.map_err(|error| match (error, inside) {
            (TransportError::Unreachable(error), Some(inside)) => {
                TransportError::Inside { error, told: inside.told() }
            }
            (error, _) => error,
        })?;
        let (call, status) = (call.as_str(), answer.status.as_u16());
        tracing::debug!(call, host, status, "the provider answers");
        Ok(answer)
    }

    async fn answer(&self, call: ProviderCall, request: Request<Bytes>) -> Result<Answer, TransportError> {
        let (parts, body) = self.exchange.send(request).await?.into_parts();
        if parts.status.is_redirection() {
            return Err(TransportError::Redirect(parts.status));
        }
        if parts.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(TransportError::Compressed);
        }
        let limit = self.limits.size(call);
        let body = Limited::new(body, limit).collect().await.map_err(|error| match error.downcast() {
            Ok(broken) => TransportError::Unreachable(*broken),
            Err(_) => TransportError::TooLarge { limit },
        })?;
        Ok(Answer {
            status: parts.status,
            media_type: media_type(&parts.headers),
            headers: parts.headers,
            body: body.to_bytes().into(),
        })
    }
}

const AGENT: HeaderValue = HeaderValue::from_static(concat!("labgate/", env!("CARGO_PKG_VERSION")));

/// A GET for JSON.
pub(crate) fn get(url: &Url) -> HttpRequest {
    request(Method::GET, url, Vec::new())
}

/// A request for JSON.
pub(crate) fn request(method: Method, url: &Url, body: Vec<u8>) -> HttpRequest {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    // A URL that is none for `http` becomes an empty one, which the transport refuses to ask.
    *request.uri_mut() = url.as_str().parse().unwrap_or_default();
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(JSON));
    request
}

/// The field `Authorization` with an access token (RFC 6750 section 2.1).
pub(crate) fn bearer(access_token: &str) -> Result<HeaderValue, ProviderError> {
    let unfit = ProviderError::TokenResponse("its access_token does not fit into a header");
    sensitive(&format!("Bearer {access_token}")).ok_or(unfit)
}

/// A secret as a header field, if it fits into one.
pub(crate) fn sensitive(secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(secret).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A failure to get an answer. Reads after the name of the endpoint; the texts carry no URL, which may have a
/// query, and nothing of a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection, no TLS, no answer in time, or one that breaks off.
    #[error(transparent)]
    Unreachable(#[from] ExchangeError),
    /// The same, at the provider's place inside the network.
    #[error("{error}, {told}")]
    Inside {
        /// The failure.
        error: ExchangeError,
        /// The two places.
        told: String,
    },
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
    /// The kind of failure.
    pub(crate) fn cause(&self) -> CallFailure {
        match self {
            Self::Unreachable(error) | Self::Inside { error, .. } => error.cause(),
            Self::Redirect(_) => CallFailure::Redirected,
            Self::Compressed => CallFailure::Compressed,
            Self::TooLarge { .. } => CallFailure::TooLarge,
        }
    }

    /// The same for the core.
    pub(crate) fn of(self, call: ProviderCall) -> ProviderError {
        ProviderError::unavailable(call, self.cause(), format!("it {self}"))
    }
}

/// An answer. It has no `Debug`: the body may be a token.
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
    /// The body of a 200 of one of these media types; otherwise why there is none, in the manner of
    /// [`TransportError`].
    pub(crate) fn ok_body(self, media_types: &[&str]) -> Result<Vec<u8>, Unusable> {
        if self.status != StatusCode::OK {
            let cause = CallFailure::Status(self.status.as_u16());
            return Err(Unusable { cause, text: format!("answers with {}", self.status) });
        }
        let wanted = media_types.join(" or ");
        let text = match self.media_type {
            Some(stated) if media_types.contains(&stated.as_str()) => return Ok(self.body),
            Some(stated) => format!("answers with {} instead of {wanted}", ForeignText::new(&stated)),
            None => format!("answers without saying that it is {wanted}"),
        };
        Err(Unusable { cause: CallFailure::NotJson, text })
    }
}

/// An answer without a usable body, in the manner of [`TransportError`].
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Unusable {
    pub(crate) cause: CallFailure,
    pub(crate) text: String,
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

impl Limits {
    fn time(&self, call: ProviderCall) -> Duration {
        match call {
            ProviderCall::Discovery => self.metadata_time,
            ProviderCall::Jwks => self.jwks_time,
            ProviderCall::Push | ProviderCall::Token | ProviderCall::UserInfo | ProviderCall::Groups => {
                self.token_time
            }
        }
    }

    fn size(&self, call: ProviderCall) -> usize {
        match call {
            ProviderCall::Jwks => self.jwks_size,
            ProviderCall::Discovery
            | ProviderCall::Push
            | ProviderCall::Token
            | ProviderCall::UserInfo
            | ProviderCall::Groups => self.document_size,
        }
    }
}
