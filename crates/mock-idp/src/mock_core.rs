use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Collected, Full};
use tower::ServiceExt as _;
use warp::filters::BoxedFilter;

use crate::capture::CapturedRequest;
use crate::delivery;
use crate::issuer::{IssuerCore, locked};
use crate::logout_notice::{LogoutNotice, Notices};
use crate::routes::routes;

/// The state that the server and the handles share.
pub(crate) struct Core {
    pub(crate) issuers: Arc<[Arc<IssuerCore>]>,
    routes: BoxedFilter<(Response<Bytes>,)>,
    pub(crate) captured: Mutex<VecDeque<CapturedRequest>>,
    pub(crate) notices: Mutex<VecDeque<LogoutNotice>>,
    sends_logout_tokens: bool,
}

/// The most requests and the most notices that are kept; the oldest go first.
const MAX_REQUESTS: usize = 10_000;
const MAX_NOTICES: usize = 1_000;

impl Core {
    pub(crate) fn new(issuers: Vec<Arc<IssuerCore>>, sends_logout_tokens: bool) -> Self {
        let issuers = Arc::from(issuers);
        let routes = routes(&issuers);
        Self { issuers, routes, captured: Mutex::default(), notices: Mutex::default(), sends_logout_tokens }
    }

    pub(crate) async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        keep(&self.captured, [CapturedRequest::of(&request)], MAX_REQUESTS);
        // On a task of its own, because warp does not run inside a handler of warp's, and a relying party
        // that is tested in process may be one.
        let answered = tokio::spawn(warp::service(self.routes.clone()).oneshot(request.map(Full::new)));
        let response = match answered.await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(gone) => std::panic::resume_unwind(gone.into_panic()),
        };
        let (mut parts, body) = response.into_parts();
        if let Some(Notices(notices)) = parts.extensions.remove() {
            keep(&self.notices, self.deliver(notices).await, MAX_NOTICES);
        }
        // Every body of ours is in memory: collecting it cannot fail.
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        Response::from_parts(parts, body)
    }

    /// Sends notices if this mock listens: the same ones, with what was answered.
    pub(crate) async fn deliver(&self, mut notices: Vec<LogoutNotice>) -> Vec<LogoutNotice> {
        if self.sends_logout_tokens {
            for notice in &mut notices {
                notice.answer = delivery::send(notice).await;
            }
        }
        notices
    }
}

fn keep<T>(kept: &Mutex<VecDeque<T>>, new: impl IntoIterator<Item = T>, most: usize) {
    let mut kept = locked(kept);
    kept.extend(new);
    let too_many = kept.len().saturating_sub(most);
    kept.drain(..too_many);
}
