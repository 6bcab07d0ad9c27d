//! The seam under the adapter: its rules hold over any HTTP client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use labgate_domain::ForeignText;
use labgate_domain::ports::{ProviderCall, ProviderError};
use labgate_provider::{Exchange, ExchangeBody, ExchangeError, provider_over};

use crate::support::{NOW, TestClock, at_issuer, parsed};

/// A client that answers every request alike, or never.
struct Canned {
    answer: Option<Result<Response<&'static str>, ExchangeError>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Exchange for Canned {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ExchangeBody>, ExchangeError> {
        self.requests.lock().unwrap().push(request);
        let Some(answer) = self.answer.clone() else { return std::future::pending().await };
        let body = |text: &'static str| Full::from(text).map_err(|never| match never {}).boxed_unsync();
        answer.map(|answer| answer.map(body))
    }
}

/// The requests and the reason with which discovery fails over this client.
async fn discovery(
    answer: Option<Result<Response<&'static str>, ExchangeError>>,
) -> (Vec<Request<Bytes>>, String) {
    let client = Arc::new(Canned { answer, requests: Mutex::default() });
    let mut settings = at_issuer("https://op.example");
    settings.limits.metadata_time = Duration::from_millis(50);
    settings.limits.document_size = 100;
    let provider = provider_over(parsed(settings), Arc::new(TestClock::at(NOW)), client.clone()).unwrap();
    let error = provider.authorization_server().await.unwrap_err();
    let ProviderError::Unavailable { call: ProviderCall::Discovery, reason, .. } = error else {
        panic!("{error:?}")
    };
    (std::mem::take(&mut client.requests.lock().unwrap()), reason)
}

/// Longer than the limit.
const LONG: &str = include_str!("exchange.rs");

#[tokio::test]
async fn c005_c006_limits_and_refusals_hold_over_any_http_client() {
    let answer = |status, header, body| {
        Response::builder().status(status).header("location", "/").header(header, "gzip").body(body).unwrap()
    };
    for (answer, expected) in [
        (Some(Ok(answer(307, "x", ""))), "answers with a redirect"),
        (Some(Ok(answer(200, "content-encoding", "{}"))), "answers compressed"),
        (Some(Ok(answer(200, "x", LONG))), "answers with more than"),
        (Some(Err(ExchangeError::Broken(ForeignText::new("line\nbreak")))), "breaks off (line break)"),
        (None, "does not answer in time"),
    ] {
        let (requests, reason) = discovery(answer).await;
        assert!(reason.contains(expected), "{reason} instead of {expected}");
        let [request] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!(request.uri(), "https://op.example/.well-known/openid-configuration");
        assert_eq!(request.headers()["user-agent"], concat!("labgate/", env!("CARGO_PKG_VERSION")));
        assert_eq!(request.headers()["accept"], "application/json");
    }
}
