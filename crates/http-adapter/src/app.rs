//! The application: routes, and around them what holds for every answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use labgate_domain::error::Reference;
use labgate_domain::sign_in::SignIn;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::body::UnsyncBoxBody;
use tower_http::catch_panic::CatchPanicLayer;

use crate::audience::Audience;
use crate::cookies::Cookies;
use crate::failure::{Failure, HttpErrorCode};
use crate::head::Head;
use crate::origin::ProxyNetwork;
use crate::paths;
use crate::routes::{self, Lab};

/// What the pages and the API tell about this lab, beside what the core knows.
#[derive(Clone, Debug, Default)]
pub struct AppInfo {
    /// The names of the settings that external sign-in still lacks; empty when it is set up.
    pub missing_settings: Vec<String>,
    /// The proxies in front of this lab whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ProxyNetwork>,
}

/// The application, the same behind the binary's listener and in tests. Cheap to clone.
#[derive(Clone)]
pub struct App {
    sign_in: Arc<SignIn>,
    cookies: Arc<Cookies>,
    proxies: Arc<[ProxyNetwork]>,
    routes: Routes,
}

/// Every answer is small and in memory.
pub(crate) type Response = http::Response<Bytes>;

type Routes = BoxCloneSyncService<Request<Full<Bytes>>, http::Response<RoutedBody>, Infallible>;
type RoutedBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Nothing that we do takes longer: a provider has 10 seconds for each of the three calls of a sign-in. Nobody is kept
/// waiting for longer; what changes something goes on to its end.
const TIME_LIMIT: Duration = Duration::from_secs(35);

impl App {
    /// Puts the application together.
    #[must_use]
    pub fn new(sign_in: Arc<SignIn>, info: AppInfo) -> Self {
        let cookies = Arc::new(Cookies::of_lab_at(&sign_in.policy().public_url));
        let proxies = Arc::from(info.trusted_proxies.as_slice());
        let lab = Arc::new(Lab { sign_in: Arc::clone(&sign_in), cookies: Arc::clone(&cookies), info });
        let on_panic = {
            let sign_in = Arc::clone(&sign_in);
            move |_| {
                let reference = sign_in.fresh_reference();
                tracing::error!(%reference, "a request handler panicked");
                Failure::internal(reference).into_response().map(Full::new)
            }
        };
        let routes = ServiceBuilder::new()
            .layer(CatchPanicLayer::custom(on_panic))
            .service(warp::service(routes::all(&lab)));
        Self { sign_in, cookies, proxies, routes: BoxCloneSyncService::new(routes) }
    }

    /// Answers a request whose body was read. Must be called within a tokio runtime.
    ///
    /// What changes something runs to its end even when this future is dropped because the client hung up: otherwise a
    /// code could be redeemed and an account made, and nobody be signed in.
    pub async fn handle(&self, request: Request<Bytes>) -> http::Response<Bytes> {
        let (parts, body) = request.into_parts();
        let public_url = &self.sign_in.policy().public_url;
        let head = Head::parse(&parts, &body, &self.cookies, public_url, &self.proxies);
        let (audience, uri) = (head.audience, parts.uri.clone());
        let changes_something = changes_something(&parts);

        let mut request = Request::from_parts(parts, Full::new(body));
        request.extensions_mut().insert(Arc::new(head));
        let answering = self.routes.clone().oneshot(request);
        let answer = tokio::time::timeout(TIME_LIMIT, async {
            if changes_something { tokio::spawn(answering).await } else { Ok(answering.await) }
        });
        let response = match answer.await {
            Ok(Ok(Ok(response))) => collected(response).await,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(error)) => {
                let reference = self.reference();
                tracing::error!(%reference, %error, "a request handler was cut off");
                Failure::internal(reference).into_response()
            }
            Err(_) => Failure::http(HttpErrorCode::Timeout, self.reference()).into_response(),
        };
        self.finish(response, audience, uri.path())
    }

    /// Answers a request whose body could not be read.
    pub(crate) fn refuse(&self, request: &Parts, code: HttpErrorCode) -> Response {
        let response = Failure::http(code, self.reference()).into_response();
        self.finish(response, Audience::of(&request.headers), request.uri.path())
    }

    /// What every answer goes through, whoever made it.
    fn finish(&self, mut response: Response, audience: Audience, path: &str) -> Response {
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            failure.log(path);
            let headers = std::mem::take(response.headers_mut());
            response = failure.render(audience);
            keep_headers(headers, response.headers_mut());
        }
        protect(response.headers_mut(), self.sign_in.policy().public_url.is_secure());
        response
    }

    fn reference(&self) -> Reference {
        self.sign_in.fresh_reference()
    }
}

/// Whether a request must not end half-way. The check runs on every request of the lab, with any method, and changes
/// nothing that could be left half-done.
fn changes_something(request: &Parts) -> bool {
    match request.uri.path().trim_end_matches('/') {
        paths::VERIFY => false,
        paths::OIDC_CALLBACK => true,
        _ => !matches!(request.method, Method::GET | Method::HEAD),
    }
}

/// The body is in memory already: collecting it neither waits nor fails.
async fn collected(response: http::Response<RoutedBody>) -> Response {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Response::from_parts(parts, body)
}

/// What stands beside a failure, whoever it is rendered for.
fn keep_headers(from: HeaderMap, to: &mut HeaderMap) {
    let mut name = None;
    for (next, value) in from {
        name = next.or(name);
        if let Some(name) = name.as_ref().filter(|name| [header::SET_COOKIE, header::ALLOW].contains(name)) {
            to.append(name, value);
        }
    }
}

/// The headers of every answer; a handler's own are kept.
fn protect(headers: &mut HeaderMap, secure: bool) {
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(CACHE_CONTROL, "no-store");
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Not `no-referrer`: with it browsers send `Origin: null` from our own forms.
    default(header::REFERRER_POLICY, "same-origin");
    default(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    default(header::X_FRAME_OPTIONS, "DENY");
    if secure {
        default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

#[cfg(test)]
mod tests;
