//! What has to hold behind each proxy, for services on paths of Labgate's host and on hosts of their own.

use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use labgate_test_harness::Browser;
use serde_json::Value;

use super::echo::SETS_COOKIES;
use super::lab::{LAB, Lab, Person};
use super::paths;

/// Where services are.
#[derive(Clone, Copy)]
struct Layout {
    name: &'static str,
    /// Of everybody who is signed in.
    open: &'static str,
    /// Of the group `staff`.
    closed: &'static str,
    /// Of all the world.
    public: &'static str,
    /// Where a browser without a session is sent.
    way_in: &'static str,
}

const LAYOUTS: [Layout; 2] = [
    Layout {
        name: "one host",
        open: "https://lab.example.org/mlflow",
        closed: "https://lab.example.org/grafana",
        public: "https://lab.example.org/mlflow/health",
        way_in: "https://lab.example.org/login?return_to=%2F",
    },
    Layout {
        name: "hosts",
        open: "https://notebooks.example.org",
        closed: "https://data.example.org",
        public: "https://data.example.org/public/a.csv",
        way_in: "https://notebooks.example.org/.labgate/enter?to=%2F",
    },
];

type Cell = fn(Arc<Lab>, Layout) -> Pin<Box<dyn Future<Output = ()> + Send>>;

const CELLS: [(&str, Cell); 14] = [
    ("redirect", |lab, layout| Box::pin(a_navigation_is_sent_to_sign_in(lab, layout))),
    ("return", |lab, layout| Box::pin(people_come_back_to_the_very_address(lab, layout))),
    ("fetch", |lab, layout| Box::pin(a_script_is_told_where_to_sign_in(lab, layout))),
    ("identity", |lab, layout| Box::pin(the_service_is_told_who_asks(lab, layout))),
    ("spoofed", |lab, layout| Box::pin(nobody_else_says_who_asks(lab, layout))),
    ("tokens", |lab, layout| Box::pin(an_access_token_passes_and_stays_here(lab, layout))),
    ("cookies", |lab, layout| Box::pin(the_service_does_not_see_labgates_cookies(lab, layout))),
    ("planted", |lab, layout| Box::pin(the_service_sets_no_cookie_of_labgate(lab, layout))),
    ("websocket", |lab, layout| Box::pin(a_websocket_is_checked_and_passes(lab, layout))),
    ("upgrade", |lab, layout| Box::pin(no_other_protocol_passes(lab, layout))),
    ("sign-out", |lab, layout| Box::pin(sign_out_closes_at_once(lab, layout))),
    ("rule", |lab, layout| Box::pin(the_rule_decides(lab, layout))),
    ("kept", |lab, layout| Box::pin(connections_to_labgate_are_kept(lab, layout))),
    ("paths", |lab, layout| Box::pin(paths::what_is_served_was_judged(lab, layout.name == "hosts"))),
];

/// Runs every cell, prints the rows, and returns the cells that failed.
pub(super) async fn fill(lab: &Arc<Lab>) -> Vec<String> {
    let product = lab.product();
    let mut failed = Vec::new();
    let mut rows = vec![row("", "", CELLS.iter().map(|(name, _)| *name))];
    for layout in LAYOUTS {
        let mut cells = Vec::new();
        for (name, cell) in CELLS {
            let holds = tokio::spawn(cell(Arc::clone(lab), layout)).await.is_ok();
            cells.push(if holds { "ok" } else { "FAILED" });
            if !holds {
                failed.push(format!("{}: {name}", layout.name));
            }
        }
        rows.push(row(product, layout.name, cells.into_iter()));
    }
    println!("{}", rows.join("\n"));
    failed
}

/// A line that `cargo xtask e2e --lab` finds and shows again.
fn row(product: &str, layout: &str, cells: impl Iterator<Item = &'static str>) -> String {
    let cells: Vec<_> = cells.map(|cell| format!(" {cell:<9}")).collect();
    format!("| {product:<8} {layout:<9}{}", cells.concat())
}

/// Addresses that something in between might change.
const NASTY: [&str; 12] = [
    "/",
    "/lab/tree/My%20Notebook.ipynb",
    "/%C3%A4%C3%B6%C3%BC/%E2%9C%93",
    "/a+b%2Bc?d=e+f%2Bg",
    "/?a=1&b=2&a=3",
    "/x?next=https%3A%2F%2Fevil.example%2F%3Fa%3Db",
    "/x?return_to=%2F%2Fevil.example&to=%2F&code=1&state=2",
    "/100%25/x?y=%25%32%35",
    "/x?q=%22%3E%3Cscript%3E&r=%0D%0ASet-Cookie:a=b",
    "/a~b!$&'()*,=:@/c?d=/e?f=%23g",
    "/x?",
    "/long?x=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
];

async fn a_navigation_is_sent_to_sign_in(lab: Arc<Lab>, layout: Layout) {
    let (host, path) = parts(layout.open);
    let navigation = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    for method in ["GET", "HEAD"] {
        let answer = ask(&lab, method, host, &format!("{path}/a?b=c"), navigation).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{method}");
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(location.starts_with(layout.way_in), "{location}");
    }
    // A form that is sent without a session is refused: the way back would lose it.
    let post = ask(&lab, "POST", host, &format!("{path}/a"), navigation).await;
    assert_eq!(post.status(), StatusCode::UNAUTHORIZED);
}

async fn people_come_back_to_the_very_address(lab: Arc<Lab>, layout: Layout) {
    let (_, path) = parts(layout.open);
    for nasty in NASTY {
        let browser = lab.signed_in(Person::Ada, &format!("{}{nasty}", layout.open)).await;
        let page = browser.page();
        assert_eq!(page.url().as_str(), format!("{}{nasty}", layout.open), "{page}");
        assert!(page.html().starts_with(&format!("GET {path}{nasty} HTTP/1.")), "{nasty}: {}", page.html());
    }
}

async fn a_script_is_told_where_to_sign_in(lab: Arc<Lab>, layout: Layout) {
    let mut browser = lab.browser();
    for method in [Method::GET, Method::PUT, Method::OPTIONS, Method::DELETE] {
        let answer = browser.fetch(method.clone(), &format!("{}/api?x=1", layout.open)).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method}");
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Labgate "), "{method}");
        let problem: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem["code"], "not_signed_in", "{method}");
        assert!(problem["sign_in"].as_str().unwrap().starts_with(layout.way_in), "{method}: {problem}");
    }
}

async fn the_service_is_told_who_asks(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/x", layout.closed);
    let browser = lab.signed_in(Person::Ada, &url).await;
    let told = browser.page().html().to_owned();
    for (name, value) in [
        ("remote-user", "ada@example.org"),
        ("remote-email", "ada@example.org"),
        ("remote-name", "Ada Löwe"),
        ("remote-groups", "staff"),
    ] {
        assert_eq!(values(&told, name), [value], "{told}");
    }
    let [assertion] = values(&told, "x-labgate-assertion")[..] else { panic!("{told}") };
    assert_eq!(values(&told, "authorization"), [format!("Bearer {assertion}")]);
    // The body of an upload goes to the service, too.
    let (host, path) = parts(&url);
    let upload = format!("{}Content-Length: 5\r\nConnection: close\r\n\r\nhello", session(&browser, &url));
    let head = format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\n{upload}");
    let answer = lab.client.exchange(host, head.as_bytes()).await;
    assert!(text(&answer).starts_with("PUT ") && text(&answer).ends_with("\n\nhello"), "{}", text(&answer));
}

/// Names of headers that a service might take for those of Labgate.
const ALIASES: [&str; 20] = [
    "Remote-User",
    "REMOTE-USER",
    "remote_user",
    "Remote.User",
    "Remote-Email",
    "Remote_Email",
    "Remote-Name",
    "Remote-Groups",
    "REMOTE_GROUPS",
    "Remote-Something",
    "X-Auth-Request-User",
    "X_Auth_Request_User",
    "X-Auth_Request-Email",
    "X.Auth.Request.User",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Access-Token",
    "X-Labgate-Assertion",
    "X_Labgate_Assertion",
    "x.labgate-assertion",
];

async fn nobody_else_says_who_asks(lab: Arc<Lab>, layout: Layout) {
    // A name that Labgate has no word for comes through where a proxy can only remove names that it is told.
    let aliases = ALIASES.iter().filter(|name| lab.product() != "nginx" || **name != "Remote-Something");
    let spoofed: Vec<_> = aliases.map(|name| format!("{name}: mallory\r\n{name}: mallory2\r\n")).collect();
    let mut spoofed = spoofed.concat();
    // Once: of two some proxies would know what to think.
    spoofed += "Authorization: mallory\r\n";
    let (host, path) = parts(layout.public);
    let answer = ask(&lab, "GET", host, path, &spoofed).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", text(&answer));
    assert!(!text(&answer).contains("mallory"), "{}", text(&answer));
    let browser = lab.signed_in(Person::Bob, &format!("{}/x", layout.open)).await;
    let (host, path) = parts(layout.open);
    let with_session = session(&browser, layout.open) + &spoofed;
    let answer = ask(&lab, "GET", host, &format!("{path}/x"), &with_session).await;
    assert!(!text(&answer).contains("mallory"), "{}", text(&answer));
    assert_eq!(values(&text(&answer), "remote-user"), ["bob@example.org"]);
    // The checks, whose answers tell who asks, are not for clients.
    let own = session(&browser, &format!("{LAB}/"));
    for check in
        ["verify", "check/envoy/mlflow/x", "check/refused", "check/traefik", "check/caddy", "check/haproxy"]
    {
        let answer = ask(&lab, "GET", "lab.example.org", &format!("/api/auth/{check}"), &own).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{check}");
    }
    // What a client says about itself changes no check.
    let (host, path) = parts(layout.closed);
    let said: String = [
        "X-Original-URL: https://notebooks.example.org/",
        "X-Original-Method: GET",
        "X-Forwarded-Host: notebooks.example.org",
        "X-Forwarded-Uri: /mlflow/",
        "X-Forwarded-Method: OPTIONS",
        "X-Forwarded-Proto: http",
        "Forwarded: host=notebooks.example.org",
    ]
    .map(|line| format!("{line}\r\n"))
    .concat();
    let answer =
        ask(&lab, "GET", host, &format!("{path}/x"), &(session(&browser, layout.open) + &said)).await;
    assert!(answer.status().is_client_error(), "{}", text(&answer));
}

async fn an_access_token_passes_and_stays_here(lab: Arc<Lab>, layout: Layout) {
    lab.signed_in(Person::Ada, &format!("{}/x", layout.open)).await;
    let token = lab.access_token("ada@example.org", "mlflow notebooks").await;
    let password = BASE64_STANDARD.encode(format!("ci:{token}"));
    for (scheme, credentials) in [("Bearer", &token), ("Basic", &password)] {
        let sent = format!("Authorization: {scheme} {credentials}\r\n");
        let (host, path) = parts(layout.open);
        let answer = ask(&lab, "GET", host, &format!("{path}/api"), &sent).await;
        assert_eq!(values(&text(&answer), "remote-user"), ["ada@example.org"], "{scheme}: {}", text(&answer));
        assert!(!text(&answer).contains(credentials), "{}", text(&answer));
        // Nor where everybody passes, and no other service.
        let (host, path) = parts(layout.public);
        let answer = ask(&lab, "GET", host, path, &sent).await;
        assert!(
            answer.status() == StatusCode::OK && !text(&answer).contains(credentials),
            "{}",
            text(&answer)
        );
        let (host, path) = parts(layout.closed);
        let answer = ask(&lab, "GET", host, &format!("{path}/x"), &sent).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    let (host, path) = parts(layout.open);
    let unknown = format!("Authorization: Bearer lgt_{}\r\n", "A".repeat(43));
    let answer = ask(&lab, "GET", host, &format!("{path}/api"), &unknown).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
}

async fn the_service_does_not_see_labgates_cookies(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/x", layout.open);
    let browser = lab.signed_in(Person::Ada, &url).await;
    let token = session_cookie(&browser, &url);
    let (host, path) = parts(&url);
    for (sent, kept) in [
        (token.clone(), vec![]),
        (format!("a=1; {token}; b=2"), vec!["a=1", "b=2"]),
        (format!("{token}; a=1"), vec!["a=1"]),
        (format!("a=1; {token}"), vec!["a=1"]),
        (format!("a=\"x y\";{token};b=labgate"), vec!["a=\"x y\"", "b=labgate"]),
        (
            format!(
                "{token}; __Host-labgate-form=1; a=1; labgate-device=2;__HOST-LABGATE-x=3; b=2; labgate=4"
            ),
            vec!["a=1", "b=2"],
        ),
    ] {
        let answer = ask(&lab, "GET", host, path, &format!("Cookie: {sent}\r\n")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{sent}");
        let seen = values(&text(&answer), "cookie").join(";");
        let seen: Vec<&str> = seen.split(';').map(str::trim).filter(|cookie| !cookie.is_empty()).collect();
        assert_eq!(seen, kept, "{sent}");
    }
    // However many there are, and over however many lines.
    let many: Vec<_> = (0..30).map(|number| format!("a{number}=1; labgate-{number}=2; ")).collect();
    let lines = format!("Cookie: {}{token}\r\nCookie: labgate-x=1\r\n", many.concat());
    let answer = ask(&lab, "GET", host, path, &lines).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let seen = values(&text(&answer), "cookie").join(";").to_ascii_lowercase();
    assert!(!seen.contains("labgate"), "{seen}");
}

async fn the_service_sets_no_cookie_of_labgate(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/x?{SETS_COOKIES}", layout.open);
    let mut browser = lab.signed_in(Person::Ada, &url).await;
    browser.open(&url).await;
    assert!(browser.cookies(&url).iter().any(|cookie| cookie.name == "own"));
    let planted = browser.cookies(&url).into_iter().filter(|cookie| cookie.value == "planted");
    let planted: Vec<_> = planted.map(|cookie| cookie.name).collect();
    assert!(!planted.iter().any(|name| name.to_ascii_lowercase().starts_with("__host-")), "{planted:?}");
    browser.open(&url).await;
    assert_eq!(values(browser.page().html(), "remote-user"), ["ada@example.org"]);
    let seen = values(browser.page().html(), "cookie").join(";");
    assert!(seen.contains("own=1") && !seen.contains("planted"), "{seen}");
}

async fn a_websocket_is_checked_and_passes(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/socket", layout.open);
    let (host, path) = parts(&url);
    let refused = lab.client.web_socket(host, path, "").await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let browser = lab.signed_in(Person::Ada, &format!("{}/x", layout.open)).await;
    let echoed = lab.client.web_socket(host, path, &session(&browser, &url)).await;
    assert_eq!(echoed.unwrap(), "hello");
}

/// Through another protocol than WebSocket a service would get requests that nobody checks.
async fn no_other_protocol_passes(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/x", layout.open);
    let browser = lab.signed_in(Person::Ada, &url).await;
    let (host, path) = parts(&url);
    let own = session(&browser, &url);
    for upgrade in ["h2c", "H2C", "websocket, h2c", "TLS/1.0"] {
        let lines = format!(
            "{own}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
        );
        let answer = ask(&lab, "GET", host, path, &lines).await;
        assert_ne!(answer.status(), StatusCode::SWITCHING_PROTOCOLS, "{upgrade}");
        let shown = text(&answer);
        let seen = values(&shown, "upgrade");
        assert!(seen.is_empty(), "{upgrade}: {seen:?}");
    }
    // What a client calls hop-by-hop (RFC 9110 section 7.6.1) does not take away who asks.
    let lines = format!("{own}Connection: keep-alive, Remote-User, Remote-Groups, X-Labgate-Assertion\r\n");
    let answer = ask(&lab, "GET", host, path, &lines).await;
    if answer.status() == StatusCode::OK {
        assert_eq!(values(&text(&answer), "remote-user"), ["ada@example.org"]);
        assert_eq!(values(&text(&answer), "x-labgate-assertion").len(), 1);
    }
}

async fn sign_out_closes_at_once(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/x", layout.open);
    let mut browser = lab.signed_in(Person::Ada, &url).await;
    let before = session(&browser, &url);
    browser.open(LAB).await;
    browser.click("Sign out").await;
    // Where hosts of services were entered, a page leads on to them by itself.
    if browser.page().text().contains("Continue") {
        browser.click("Continue").await;
    }
    let (host, path) = parts(&url);
    assert_eq!(ask(&lab, "GET", host, path, &before).await.status(), StatusCode::UNAUTHORIZED);
    assert!(browser.cookies(&url).iter().all(|cookie| cookie.name != "__Host-labgate"));
}

async fn the_rule_decides(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/x", layout.closed);
    let ada = lab.signed_in(Person::Ada, &url).await;
    assert_eq!(ada.page().status(), StatusCode::OK);
    let mut bob = lab.signed_in(Person::Bob, &url).await;
    assert_eq!(bob.page().status(), StatusCode::FORBIDDEN);
    assert!(bob.page().text().contains("You may not use this service"), "{}", bob.page());
    bob.open(&format!("{LAB}/mlflow/admin/x")).await;
    assert_eq!(bob.page().status(), StatusCode::FORBIDDEN);
    assert!(bob.page().text().contains("You may not use this service"), "{}", bob.page());
    bob.open(&format!("{}/x", layout.open)).await;
    assert_eq!(bob.page().status(), StatusCode::OK);
}

async fn connections_to_labgate_are_kept(lab: Arc<Lab>, layout: Layout) {
    let url = format!("{}/x", layout.open);
    let browser = lab.signed_in(Person::Ada, &url).await;
    let (host, path) = parts(&url);
    let before = lab.connections();
    for _ in 0..20 {
        assert_eq!(ask(&lab, "GET", host, path, &session(&browser, &url)).await.status(), StatusCode::OK);
    }
    // One for each thread of a proxy at the most.
    let opened = lab.connections() - before;
    assert!(opened < 10, "{opened} connections for 20 requests");
}

/// Sends a request with these lines in its head.
pub(super) async fn ask(lab: &Lab, method: &str, host: &str, path: &str, lines: &str) -> Response<Bytes> {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n");
    lab.client.exchange(host, request.as_bytes()).await
}

/// Returns the line that presents a browser's session at this address.
pub(super) fn session(browser: &Browser, url: &str) -> String {
    format!("Cookie: {}\r\n", session_cookie(browser, url))
}

fn session_cookie(browser: &Browser, url: &str) -> String {
    let cookies = browser.cookies(url);
    let cookie = cookies.iter().find(|cookie| cookie.name == "__Host-labgate");
    let cookie = cookie.unwrap_or_else(|| panic!("no session at {url}: {}", browser.page()));
    format!("{}={}", cookie.name, cookie.value)
}

/// Returns host and path of a URL that is written here.
pub(super) fn parts(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("https://").unwrap();
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

pub(super) fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

/// Returns the values of a header, as the service got it. An empty one says nothing.
pub(super) fn values<'a>(shown: &'a str, name: &str) -> Vec<&'a str> {
    let lines = shown.lines().filter_map(|line| line.split_once(':'));
    let of_name = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    of_name.map(|(_, value)| value.trim()).filter(|value| !value.is_empty()).collect()
}
