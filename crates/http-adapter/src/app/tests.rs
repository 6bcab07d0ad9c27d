use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::yield_now;

use super::*;
use crate::client_addr::Peer;
use crate::terms::Terms;
use crate::testing::{self, Lines};

impl App {
    /// The same, but whatever is asked for waits for `go` and then sets `done`.
    pub(crate) fn with_slow_handler(self, go: &Arc<Notify>, done: &Arc<AtomicBool>) -> Self {
        let (go, done) = (Arc::clone(go), Arc::clone(done));
        let handler = tower::service_fn(move |request: Request<Full<Bytes>>| {
            let (go, done) = (Arc::clone(&go), Arc::clone(&done));
            async move {
                go.notified().await;
                done.store(true, Ordering::Relaxed);
                drop(request);
                Ok(http::Response::new(RoutedBody::default()))
            }
        });
        Self { routes: BoxCloneSyncService::new(handler), ..self }
    }
}

fn request(method: &str, path: &str) -> Request<Bytes> {
    Request::builder().method(method).uri(path).body(Bytes::new()).unwrap()
}

async fn others_run() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_change_runs_to_its_end_when_the_client_hangs_up() {
    for (method, path, ends) in [
        ("POST", "/api/auth/login", true),
        ("DELETE", "/api/auth/users/x", true),
        ("GET", "/api/auth/oidc/callback?code=c&state=s", true),
        ("GET", "/api/auth/oidc/callback/?code=c&state=s", true),
        ("GET", "/login", false),
        ("HEAD", "/", false),
        ("POST", "/api/auth/verify", false),
    ] {
        let (go, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let app = testing::app().with_slow_handler(&go, &done);
        tokio::select! {
            biased;
            _ = app.handle(request(method, path)) => panic!("{method} {path} did not wait"),
            () = others_run() => {}
        }
        go.notify_one();
        others_run().await;
        assert_eq!(done.load(Ordering::Relaxed), ends, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_answers_and_a_change_still_runs_to_its_end() {
    let (go, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let app = testing::app().with_slow_handler(&go, &done);
    assert_eq!(app.handle(request("POST", "/api/auth/login")).await.status(), 503);
    go.notify_one();
    others_run().await;
    assert!(done.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_panic_in_a_handler_that_runs_to_its_end_is_the_error_page() {
    let lines = Lines::default();
    let _guard = lines.collect();
    // The ports of this application expect no call: any panics.
    let logout = Request::post("/api/auth/logout")
        .header("sec-fetch-site", "same-origin")
        .header("cookie", "__Host-labgate=x")
        .body(Bytes::new())
        .unwrap();
    let response = testing::app().handle(logout).await;
    assert_eq!((response.status().as_u16(), code(&response).as_str()), (500, "internal"));
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert!(lines.text().contains("a request handler panicked"), "{}", lines.text());
}

#[tokio::test]
async fn every_reference_is_found_in_the_log_without_query_and_cookies() {
    for (method, path, status) in [
        ("GET", "/nowhere?code=planted", 404),
        ("PUT", "/api/auth/me?code=planted", 405),
        ("GET", "/api/auth/me?code=planted", 401),
        ("GET", "/password?code=planted", 401),
        ("GET", "/api/auth/oidc/login?login_hint=planted%0A", 400),
    ] {
        let lines = Lines::default();
        let guard = lines.collect();
        let mut request = request(method, path);
        request.headers_mut().insert("cookie", "other=planted".parse().unwrap());
        let response = testing::app().handle(request).await;
        drop(guard);
        assert_eq!(response.status(), status, "{path}");
        let text = lines.text();
        let bare = path.split('?').next().unwrap();
        let said = format!("code=\"{}\" path=\"{bare}\"", code(&response));
        let line = text.lines().find(|line| line.contains(&said)).unwrap_or_else(|| panic!("{path}: {text}"));
        assert!(line.contains(&format!("reference={}", member(&response, "reference"))), "{line}");
        assert!(!text.contains("planted"), "{text}");
    }
}

#[tokio::test]
async fn c191_a_path_cannot_forge_a_log_line() {
    let lines = Lines::default();
    let guard = lines.collect();
    let response = testing::app().handle(request("GET", "/x\u{2003}code=\"ok\"\u{202e}\u{2028}WARN")).await;
    drop(guard);
    assert_eq!(response.status(), 404);
    let text = lines.text();
    assert!(text.contains(r#"code="not_found" path="/x code=\"ok\" WARN""#), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

fn code(response: &Response) -> String {
    member(response, "code")
}

fn member(response: &Response, name: &str) -> String {
    let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    problem[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn f04_a_client_learns_if_its_address_is_known_and_never_the_address() {
    for (query, forwarded, told_by, is) in [
        ("?is=198.51.100.7", "198.51.100.7", "forwarded", true),
        ("?is=198.51.100.8", "198.51.100.7", "forwarded", false),
        ("?is=nonsense", "198.51.100.7", "forwarded", false),
        ("", "198.51.100.7", "forwarded", false),
        ("?is=127.0.0.1", "127.0.0.1", "proxy", false),
        ("?is=", "unknown", "unreadable", false),
    ] {
        let info = AppInfo { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..AppInfo::default() };
        let mut request = request("GET", &format!("/api/auth/source{query}"));
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        request.extensions_mut().insert(Peer([127, 0, 0, 1].into()));
        let response = testing::app_with(info).handle(request).await;
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let value = if told_by == "unreadable" { r#","value":"unknown""# } else { "" };
        let expected = format!(r#"{{"is":{is},"told_by":"{told_by}"{value}}}"#);
        assert_eq!(response.body(), &expected.into_bytes(), "{query} {forwarded}");
    }
}

#[tokio::test]
async fn the_pages_on_the_way_in_lead_to_the_terms_of_service() {
    let elsewhere = Terms::Link("https://example.org/terms".parse().unwrap());
    let own = Terms::Text("Be <kind>.\n\nThat is all.".to_owned());
    for (terms, href) in
        [(None, None), (Some(elsewhere), Some("https://example.org/terms")), (Some(own), Some("/terms"))]
    {
        let app = testing::app_with(AppInfo { terms, ..AppInfo::default() });
        let open = |path| {
            let mut request = request("GET", path);
            request.headers_mut().insert("accept", "text/html".parse().unwrap());
            app.handle(request)
        };
        for path in ["/", "/login", "/register"] {
            let page = open(path).await;
            let html = String::from_utf8_lossy(page.body());
            let links: Vec<_> = html.match_indices("Terms of service").collect();
            assert_eq!((page.status().as_u16(), links.len()), (200, usize::from(href.is_some())), "{html}");
            let link = href.map(|href| format!("<a href=\"{href}\">Terms of service</a>"));
            assert!(link.is_none_or(|link| html.contains(&link)), "{path}: {html}");
        }
        let page = open("/terms").await;
        let html = String::from_utf8_lossy(page.body());
        let is_own = href == Some("/terms");
        assert_eq!(page.status().as_u16(), if is_own { 200 } else { 404 }, "{html}");
        assert_eq!(html.contains("That is all."), is_own, "{html}");
        assert!(!html.contains("<kind>"), "{html}");
    }
}
