//! A reverse proxy in front of a lab with services: it asks for each request as Traefik does, and shows what the
//! service would get.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, SET_COOKIE};
use http::{Method, Request, Response};
use labgate_domain::access::{NoService, Services, Target};
use labgate_http::{App, Peer, paths};

use crate::browser::Host;

/// The address of the proxy.
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// The headers that the proxy copies from the check to the service.
const COPIED: [&str; 10] = [
    "remote-user",
    "remote-email",
    "remote-name",
    "remote-groups",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-preferred-username",
    "x-auth-request-groups",
    "x-labgate-assertion",
    "authorization",
];

/// Returns the proxy: what belongs to a service is asked for, everything else is Labgate's.
pub(crate) fn before(app: App, services: Arc<Services>, base_path: &str) -> Host {
    let base_path: Arc<str> = base_path.into();
    Arc::new(move |request| {
        let (app, services, base_path) = (app.clone(), Arc::clone(&services), Arc::clone(&base_path));
        Box::pin(async move { answer(&app, &services, &base_path, request).await })
    })
}

async fn answer(
    app: &App,
    services: &Services,
    base_path: &str,
    mut request: Request<Bytes>,
) -> Response<Bytes> {
    if services.is_empty() {
        return app.handle(request).await;
    }
    request.extensions_mut().insert(Peer(ADDRESS));
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let uri = request.uri().path_and_query().map_or("/", |uri| uri.as_str()).to_owned();
    let target = Target::new(&host, &uri, request.method().as_str());
    let is_asked_for = target.as_ref().is_ok_and(|target| {
        let is_below_base = !base_path.is_empty() && target.path().starts_with(&format!("{base_path}/"));
        let is_ours = services.is_lab_host(target.host())
            && (is_below_base || services.judge(target) == Err(NoService::Unknown));
        !is_ours && !target.path().starts_with("/.labgate/")
    });
    if !is_asked_for {
        return app.handle(request).await;
    }
    let mut check = request.clone();
    *check.method_mut() = Method::GET;
    *check.uri_mut() = format!("{base_path}{}", paths::CHECK_TRAEFIK.as_str()).parse().expect("a path");
    *check.body_mut() = Bytes::new();
    let said = [
        ("x-forwarded-host", &*host),
        ("x-forwarded-uri", &uri),
        ("x-forwarded-method", request.method().as_str()),
    ];
    for (name, text) in said {
        check
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_str(text).expect("a value"));
    }
    let checked = app.handle(check).await;
    if !checked.status().is_success() {
        return checked;
    }
    let line = |name| {
        let value = checked.headers().get(name)?;
        Some(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
    };
    let asked = format!("{} {host}{uri}", request.method());
    let seen: Vec<_> = [asked].into_iter().chain(COPIED.into_iter().filter_map(line)).collect();
    let mut response = Response::new(Bytes::from(seen.join("\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    for cookie in checked.headers().get_all(SET_COOKIE) {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}
