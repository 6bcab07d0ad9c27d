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
use tokio::sync::Semaphore;
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
    pushes: Semaphore,
    exchanges: Semaphore,
}

/// The calls of one kind that run side by side, of those that a stranger causes with a request.
const AT_ONCE: usize = 16;

impl Transport {
    pub(crate) fn new(exchange: Arc<dyn Exchange>, settings: &ProviderSettings) -> Self {
        Self {
            exchange,
            limits: settings.limits,
            internal: settings.internal.clone(),
            pushes: Semaphore::new(AT_ONCE),
            exchanges: Semaphore::new(AT_ONCE),
        }
    }

    /// Sends a request that a stranger can cause. A few of a kind run side by side; further ones wait for them, for a
    /// quarter of the time limit of the call.
    pub(crate) async fn send_in_turn(
        &self,
        call: ProviderCall,
        request: HttpRequest,
    ) -> Result<Answer, TransportError> {
        let turns = if call == ProviderCall::Push { &self.pushes } else { &self.exchanges };
        let turn = tokio::time::timeout(self.limits.time(call) / 4, turns.acquire()).await;
        // The semaphore is never closed.
        let _turn = turn.map_err(|_| TransportError::Crowded)?.ok();
        self.send(call, request).await
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
        let limit = self.limits.time(call);
        let inside = self.internal.as_ref().filter(|internal| internal.route(&mut request));
        let answer = self.answer(call, request.map(Bytes::from));
        let answer = tokio::time::timeout(limit, answer).await;
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
    /// Too many calls of the kind are under way.
    #[error("is asked by too many sign-ins at once, and none of them got an answer in time")]
    Crowded,
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
            Self::Crowded => CallFailure::Crowded,
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use http::Response;
    use http_body_util::{BodyExt as _, Full};
    use labgate_domain::error::ErrorCode;

    use super::*;
    use crate::exchange::ExchangeBody;
    use crate::{Field, UncheckedSettings};

    /// A provider that takes its time, and counts.
    #[derive(Default)]
    struct Slow {
        now: AtomicUsize,
        most: AtomicUsize,
        all: AtomicUsize,
    }

    #[async_trait]
    impl Exchange for Slow {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<ExchangeBody>, ExchangeError> {
            self.all.fetch_add(1, Ordering::SeqCst);
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            self.now.fetch_sub(1, Ordering::SeqCst);
            Ok(Response::new(Full::default().map_err(|never| match never {}).boxed_unsync()))
        }
    }

    fn over(slow: &Arc<Slow>, token_time: Duration) -> Arc<Transport> {
        let settings = UncheckedSettings::default()
            .with(Field::Id, ["p"])
            .with(Field::Name, ["P"])
            .with(Field::Issuer, ["https://op.example"])
            .with(Field::ClientId, ["lab"])
            .with(Field::ClientSecret, ["s"]);
        let mut settings = settings.parse().unwrap();
        settings.limits.token_time = token_time;
        Arc::new(Transport::new(Arc::clone(slow) as _, &settings))
    }

    fn endpoint() -> HttpRequest {
        get(&Url::parse("https://op.example/endpoint").unwrap())
    }

    #[tokio::test]
    async fn f10_of_100_made_up_sign_ins_at_once_16_are_at_the_provider() {
        for call in [ProviderCall::Push, ProviderCall::Token] {
            let slow = Arc::new(Slow::default());
            let transport = over(&slow, Duration::from_hours(1));
            let calls = (0..100).map(|_| {
                let transport = Arc::clone(&transport);
                tokio::spawn(async move { transport.send_in_turn(call, endpoint()).await.map(drop) })
            });
            for call in calls.collect::<Vec<_>>() {
                assert_eq!(call.await.unwrap(), Ok(()), "it waits for its turn");
            }
            let count = |it: &AtomicUsize| it.load(Ordering::SeqCst);
            assert_eq!((count(&slow.most), count(&slow.all)), (AT_ONCE, 100), "{call:?}");
        }
    }

    #[tokio::test]
    async fn f10_a_call_whose_turn_does_not_come_is_not_sent_and_says_that_the_provider_is_busy() {
        let slow = Arc::new(Slow::default());
        let transport = over(&slow, Duration::from_millis(10));
        let all = u32::try_from(AT_ONCE).unwrap();
        let _pushes = transport.pushes.acquire_many(all).await.unwrap();
        let error = transport.send_in_turn(ProviderCall::Push, endpoint()).await.map(drop).unwrap_err();
        assert_eq!(error, TransportError::Crowded);
        assert_eq!(error.of(ProviderCall::Push).code(), ErrorCode::ProviderBusy);
        assert_eq!(slow.all.load(Ordering::SeqCst), 0);
        // What no stranger causes waits for nobody: a refresh is a call of the kind that strangers fill, too.
        let _exchanges = transport.exchanges.acquire_many(all).await.unwrap();
        for call in [ProviderCall::UserInfo, ProviderCall::Token] {
            assert!(transport.send(call, endpoint()).await.is_ok(), "{call:?}");
        }
    }
}
