use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Collected, Full};
use tower::ServiceExt as _;
use url::Url;
use warp::filters::BoxedFilter;

use crate::builder::MockIdpBuilder;
use crate::capture::{Captured, CapturedRequest};
use crate::delivery;
use crate::issuer::{IssuerCore, locked};
use crate::logout_notice::{LogoutNotice, Notices};
use crate::mock_issuer::MockIssuer;
use crate::routes::routes;
use crate::server::Server;

/// A running mock: one or several issuers under one base URL. Dropping it stops its server.
///
/// The methods of the first issuer are at hand here, by way of `Deref`; [`issuer_at`](Self::issuer_at) finds the others.
pub struct MockIdp {
    core: Arc<Core>,
    first: MockIssuer,
    base_url: Url,
    server: Option<Server>,
}

impl MockIdp {
    /// Describes a mock.
    pub fn builder() -> MockIdpBuilder {
        MockIdpBuilder::default()
    }

    pub(crate) fn new(core: Core, first: Arc<IssuerCore>, base_url: Url) -> Self {
        let core = Arc::new(core);
        Self { first: MockIssuer::new(Arc::clone(&core), first), core, base_url, server: None }
    }

    pub(crate) fn served(self, listener: tokio::net::TcpListener, address: SocketAddr) -> Self {
        let server = Some(Server::spawn(listener, address, Arc::clone(&self.core)));
        Self { server, ..self }
    }

    /// What every issuer's URL begins with, such as `http://127.0.0.1:9400/`.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// Where it listens; `None` for a mock without sockets.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Every issuer, in the order in which they were described.
    #[must_use]
    pub fn issuers(&self) -> Vec<MockIssuer> {
        let issuers = self.core.issuers.iter();
        issuers.map(|issuer| MockIssuer::new(Arc::clone(&self.core), Arc::clone(issuer))).collect()
    }

    /// The issuer at this path, if there is one: the path of its identifier, or for a [`Persona`](crate::Persona) also
    /// the one that everything of it is below, such as `/dex`.
    #[must_use]
    pub fn issuer_at(&self, path: &str) -> Option<MockIssuer> {
        let path = path.trim_end_matches('/');
        self.issuers().into_iter().find(|issuer| issuer.core().is_at(path))
    }

    /// Answers a request in process, as the server would. Only the path and the query of its URI matter.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.core.handle(request).await
    }

    /// The requests that reached the mock so far, over sockets or in process, the last 10 000.
    #[must_use]
    pub fn requests(&self) -> Vec<CapturedRequest> {
        locked(&self.core.captured).all()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        *locked(&self.core.captured) = Captured::default();
    }

    /// The logout tokens of the sessions that ended by a request so far, each given out once; the last 1 000 are kept. A
    /// mock that listens has sent them before it answered that request; without sockets it is for the test to bring them
    /// to the relying party.
    #[must_use]
    pub fn take_logout_notices(&self) -> Vec<LogoutNotice> {
        std::mem::take(&mut *locked(&self.core.notices)).into()
    }
}

impl std::ops::Deref for MockIdp {
    type Target = MockIssuer;

    fn deref(&self) -> &MockIssuer {
        &self.first
    }
}

impl fmt::Debug for MockIdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MockIdp({})", self.base_url)
    }
}

/// What the server, the handle and the in-process port share.
pub(crate) struct Core {
    issuers: Arc<[Arc<IssuerCore>]>,
    routes: BoxedFilter<(Response<Bytes>,)>,
    captured: Mutex<Captured>,
    notices: Mutex<VecDeque<LogoutNotice>>,
    sends_logout_tokens: bool,
}

/// The most notices that are kept; the oldest go first.
const MAX_NOTICES: usize = 1_000;

impl Core {
    pub(crate) fn new(issuers: Vec<Arc<IssuerCore>>, sends_logout_tokens: bool) -> Self {
        let issuers = Arc::from(issuers);
        let routes = routes(&issuers);
        Self { issuers, routes, captured: Mutex::default(), notices: Mutex::default(), sends_logout_tokens }
    }

    pub(crate) async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        locked(&self.captured).push(CapturedRequest::of(&request));
        // On a task of its own, because warp does not run inside a handler of warp's, and a relying party that is tested
        // in process may be one.
        let answered = tokio::spawn(warp::service(self.routes.clone()).oneshot(request.map(Full::new)));
        let response = match answered.await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(gone) => std::panic::resume_unwind(gone.into_panic()),
        };
        let (mut parts, body) = response.into_parts();
        if let Some(Notices(notices)) = parts.extensions.remove() {
            let notices = self.deliver(notices).await;
            self.keep(notices);
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

    fn keep(&self, notices: Vec<LogoutNotice>) {
        let mut kept = locked(&self.notices);
        kept.extend(notices);
        let too_many = kept.len().saturating_sub(MAX_NOTICES);
        kept.drain(..too_many);
    }
}
