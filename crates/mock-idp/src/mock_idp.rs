use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use url::Url;

use crate::capture::CapturedRequest;
use crate::issuer::{IssuerCore, locked};
use crate::logout_notice::LogoutNotice;
use crate::mock_core::Core;
use crate::mock_issuer::MockIssuer;
use crate::server::Server;

/// A running mock: one or several issuers under one base URL. Dropping it stops its server.
///
/// The methods of the first issuer are at hand here, by way of `Deref`; [`issuer_at`](Self::issuer_at) finds
/// the others.
pub struct MockIdp {
    core: Arc<Core>,
    first: MockIssuer,
    base_url: Url,
    server: Option<Server>,
}

impl MockIdp {
    pub(crate) fn new(core: Core, first: Arc<IssuerCore>, base_url: Url) -> Self {
        let core = Arc::new(core);
        Self { first: MockIssuer::new(Arc::clone(&core), first), core, base_url, server: None }
    }

    pub(crate) fn served(self, listener: tokio::net::TcpListener, address: SocketAddr) -> Self {
        let server = Some(Server::spawn(listener, address, Arc::clone(&self.core)));
        Self { server, ..self }
    }

    /// The URL below which every issuer is, such as `http://127.0.0.1:9400/`.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base_url
    }

    /// The address that it listens on; `None` for a mock without sockets.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// Every issuer, in the order in which they were described.
    #[must_use]
    pub fn issuers(&self) -> Vec<MockIssuer> {
        let issuers = self.core.issuers.iter();
        issuers.map(|issuer| MockIssuer::new(Arc::clone(&self.core), Arc::clone(issuer))).collect()
    }

    /// The issuer at this path, if there is one: the path of its identifier, or for a
    /// [`Persona`](crate::Persona) also the one that everything of it is below, such as `/dex`.
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
        locked(&self.core.captured).iter().cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        locked(&self.core.captured).clear();
    }

    /// The logout tokens of the sessions that ended by a request so far, each given out once; the last 1 000
    /// are kept. A mock that listens has sent them before it answered that request; without sockets it is for
    /// the test to bring them to the relying party.
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
