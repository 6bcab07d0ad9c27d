//! The application: the routes, and around them the rules for every answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response as HttpResponse};
use http_body_util::{BodyExt as _, Full};
use labgate_domain::ports::Source;
use labgate_domain::sign_in::SignIn;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::body::UnsyncBoxBody;
use tower_http::catch_panic::CatchPanicLayer;

use crate::audience::Audience;
use crate::client_addr::{Peer, ProxyNetwork, client_addr};
use crate::content_security;
use crate::cookies::Cookies;
use crate::failure::{Failure, HttpErrorCode};
use crate::reply::Response;
use crate::request::ParsedRequest;
use crate::route_table::{self, Call, Effect, Found};
use crate::state::{AppInfo, AppState};

/// The application, the same behind the binary's listener and in tests. Cheap to clone.
#[derive(Clone)]
pub struct App {
    state: Arc<AppState>,
    routes: Routes,
}

type Routes = BoxCloneSyncService<Request<Full<Bytes>>, HttpResponse<RoutedBody>, Infallible>;
type RoutedBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The longest that a client waits: a provider has 10 seconds for each of the three calls of a sign-in. A
/// route that changes something goes on to its end.
const TIME_LIMIT: Duration = Duration::from_secs(35);

impl App {
    /// Puts the application together.
    #[must_use]
    pub fn new(sign_in: Arc<SignIn>, info: AppInfo) -> Self {
        let cookies = Cookies::of_lab_at(&sign_in.policy().public_url, &info.cookie_name);
        let state = Arc::new(AppState::new(sign_in, cookies, info));
        let on_panic = {
            let state = Arc::clone(&state);
            move |_| state.internal("a request handler panicked").into_response().map(Full::new)
        };
        let routes = ServiceBuilder::new()
            .layer(CatchPanicLayer::custom(on_panic))
            .service(warp::service(route_table::filter(&state)));
        Self { state, routes: BoxCloneSyncService::new(routes) }
    }

    /// Answers a request with its body read. Must be called within a tokio runtime.
    ///
    /// A route that changes something runs to its end even when this future is dropped because the client
    /// hung up: otherwise a code could be redeemed and an account created, without a session.
    pub async fn handle(&self, request: Request<Bytes>) -> HttpResponse<Bytes> {
        let (parts, body) = request.into_parts();
        let (route, parameters) = match self.find(&parts) {
            Ok(found) => (Ok(found.route), found.parameters),
            Err(failure) => (Err(failure), Vec::new()),
        };
        let changes = route.as_ref().is_ok_and(|route| route.effect == Effect::Changes);
        let AppState { sign_in, cookies, info, .. } = &*self.state;
        let (public_url, proxies) = (&sign_in.policy().public_url, &info.trusted_proxies);
        let mut request = ParsedRequest::parse(&parts, parameters, &body, cookies, public_url, proxies);
        if let Ok(route) = route {
            request = route.with_fitting_token(request);
        }
        let (audience, source, uri) = (request.audience, request.client_addr.source, parts.uri.clone());

        let mut routed = Request::from_parts(parts, Full::new(body));
        routed.extensions_mut().insert(Arc::new(Call { route, request }));
        let answering = self.routes.clone().oneshot(routed);
        let answer = tokio::time::timeout(TIME_LIMIT, async {
            if changes { tokio::spawn(answering).await } else { Ok(answering.await) }
        });
        let response = match answer.await {
            Ok(Ok(Ok(response))) => collected(response).await,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(error)) => {
                self.state.internal(&format!("a request handler was cut off: {error}")).into_response()
            }
            Err(_) => Failure::from(HttpErrorCode::Timeout).into_response(),
        };
        self.finish(response, audience, uri.path(), source)
    }

    /// Takes leave: the readiness check fails from now on, and each answer ends its connection. A load balancer sends
    /// further requests to other replicas; those that come are answered.
    pub fn leave(&self) {
        self.state.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Returns whether this server is about to stop.
    pub(crate) fn is_leaving(&self) -> bool {
        self.state.is_leaving.load(Ordering::Relaxed)
    }

    /// Answers a request without its body, which could not be read.
    pub(crate) fn refuse(&self, request: &Parts, code: HttpErrorCode) -> Response {
        let response = Failure::from(code).into_response();
        let peer = request.extensions.get::<Peer>().copied();
        let source = client_addr(peer, &request.headers, self.trusted_proxies()).source;
        self.finish(response, Audience::of(&request.headers), request.uri.path(), source)
    }

    /// Answers what could not be read as a request.
    pub(crate) fn refuse_unread(&self, code: HttpErrorCode, peer: Peer) -> Response {
        let source = client_addr(Some(peer), &HeaderMap::new(), self.trusted_proxies()).source;
        self.finish(Failure::from(code).into_response(), Audience::Program, "", source)
    }

    /// Finds the route of a request below the base path; without one, returns what to say.
    pub(crate) fn find(&self, request: &Parts) -> Result<Found, Failure> {
        let path = self.state.site.below_base(request.uri.path());
        route_table::find(&request.method, path.ok_or(HttpErrorCode::NotFound)?)
    }

    /// Returns the trusted proxies.
    pub(crate) fn trusted_proxies(&self) -> &[ProxyNetwork] {
        &self.state.info.trusted_proxies
    }

    /// Writes out a failure, and adds the headers of every answer.
    fn finish(&self, mut response: Response, audience: Audience, path: &str, source: Source) -> Response {
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            let reference = self.state.logged(&failure, path, source);
            response = failure.render(&reference, audience, &self.state.site);
        }
        protect(response.headers_mut(), self.state.sign_in.policy().public_url.is_secure());
        response
    }
}

/// Collects a body, which is in memory already: this neither waits nor fails.
async fn collected(response: HttpResponse<RoutedBody>) -> Response {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Response::from_parts(parts, body)
}

/// Adds the headers of every answer; a handler's own are kept.
fn protect(headers: &mut HeaderMap, secure: bool) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(CACHE_CONTROL, "no-store");
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not `no-referrer`: with it browsers send `Origin: null` from our own forms.
    default(header::REFERRER_POLICY, "same-origin");
    default(header::CONTENT_SECURITY_POLICY, content_security::POLICY);
    default(header::X_FRAME_OPTIONS, "DENY");
    // A page that opened ours, or was opened by it, gets no handle on it.
    default(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if secure {
        default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

#[cfg(test)]
mod tests;
