//! Headers, methods and odd requests.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use labgate_test_harness::{Browser, TestLab};

use super::{ADA, json, last_visit, request, session_cookie};

#[tokio::test]
async fn c022_c189_every_answer_carries_the_protecting_headers() {
    let lab = TestLab::new();
    for path in [
        "/",
        "/login",
        "/nowhere",
        "/api/auth/me",
        "/api/auth/oidc/login",
        "/api/auth/oidc/callback",
        "/healthz",
        "/assets/labgate.css",
    ] {
        let response = lab.request(request("GET", path, &[("accept", "text/html")])).await;
        let headers = response.headers();
        let csp = headers["content-security-policy"].to_str().unwrap();
        assert!(
            csp.contains("default-src 'none'") && csp.contains("frame-ancestors 'none'"),
            "{path}: {csp}"
        );
        assert!(!csp.contains("unsafe"), "{path}: {csp}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin", "{path}");
        assert!(headers.contains_key("referrer-policy"), "{path}");
        assert_eq!(headers["strict-transport-security"], "max-age=31536000", "{path}");
    }
}

#[tokio::test]
async fn c045_the_way_back_ends_at_an_address_without_the_code() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    assert_eq!(browser.page().url().as_str(), "https://lab.test/");
    let callback = last_visit(&browser, "/api/auth/oidc/callback");
    let path = format!("{}?{}", callback.path(), callback.query().unwrap());
    let response = lab.request(request("GET", &path, &[("accept", "text/html")])).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body = std::str::from_utf8(response.body()).unwrap();
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1;
    assert!(!body.contains(&*code));
    let start = lab.request(request("GET", "/api/auth/oidc/login", &[])).await;
    assert_eq!(
        (start.status().as_u16(), &start.headers()["referrer-policy"]),
        (303, &"no-referrer".parse().unwrap())
    );
    assert_eq!(start.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn c044_only_a_real_get_uses_up_the_code() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/api/auth/oidc/login").await;
    let callback = lab.idp().sign_in(&last_visit(&browser, "/authorize"), "ada").unwrap();
    let url = url::Url::parse(&callback).unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    let cookies = browser.cookies("https://lab.test/");
    let cookie = format!("{}={}", cookies[0].name, cookies[0].value);
    for method in ["HEAD", "OPTIONS", "POST"] {
        let response = lab.request(request(method, &path, &[("cookie", &cookie)])).await;
        assert_eq!(response.status(), 405, "{method}");
    }
    for (name, value) in
        [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")]
    {
        let response = lab.request(request("GET", &path, &[("cookie", &cookie), (name, value)])).await;
        assert_eq!(response.status(), 204, "{value}");
    }
    browser.open_from("https://idp.test/", &callback).await;
    assert!(browser.page().text().contains("ada@example.test"), "{}", browser.page());
}

#[tokio::test]
async fn c019_background_requests_and_prefetches_start_no_attempt() {
    let lab = TestLab::new();
    let script = lab.request(request("GET", "/api/auth/oidc/login", &[("sec-fetch-mode", "cors")])).await;
    assert_eq!((script.status().as_u16(), json(&script)["code"].as_str()), (400, Some("bad_request")));
    let prefetch = lab.request(request("GET", "/api/auth/oidc/login", &[("sec-purpose", "prefetch")])).await;
    assert_eq!(prefetch.status(), 204);
    for response in [script, prefetch] {
        assert!(!response.headers().contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn c021_third_party_initiation_is_not_supported_and_changes_nothing() {
    let lab = TestLab::new();
    let path = "/api/auth/oidc/login?iss=https://evil.test&target_link_uri=https://evil.test/&login_hint=ada";
    let response = lab.request(request("GET", path, &[])).await;
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://idp.test/authorize?") && !location.contains("evil"), "{location}");
    assert!(location.contains("&login_hint=ada"), "{location}");
    assert_eq!(lab.request(request("GET", "/initiate_login", &[])).await.status(), 404);
}

#[tokio::test]
async fn c043_a_form_post_callback_is_405() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/api/auth/oidc/login").await;
    browser
        .post_from(
            "https://idp.test/",
            "https://lab.test/api/auth/oidc/callback",
            &[("code", "c"), ("state", "s")],
        )
        .await;
    assert_eq!(browser.page().status(), 405);
}

#[tokio::test]
async fn c031_c032_odd_callbacks_are_answered_and_never_panic() {
    let lab = TestLab::new();
    let huge = format!("/api/auth/oidc/callback?state=s&code={}", "c".repeat(60_000));
    for path in [
        "/api/auth/oidc/callback",
        "/api/auth/oidc/callback?",
        "/api/auth/oidc/callback?code",
        "/api/auth/oidc/callback?code=%ff&state=%00",
        "/api/auth/oidc/callback?code=a&code=b&state=c",
        "/api/auth/oidc/callback?&&&=&=",
        huge.as_str(),
    ] {
        let response = lab.request(request("GET", path, &[])).await;
        assert_eq!(response.status(), 400, "{path}");
        assert_eq!(json(&response)["code"], "callback_malformed", "{path}");
    }
    let response = lab.request(request("GET", "/api/auth/oidc/callback?code=%&state=%zz", &[])).await;
    assert_eq!(json(&response)["code"], "attempt_unknown");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let lab = TestLab::new();
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("GET", "/api/auth/verify/x", 404),
        ("GET", "/login/", 200),
        ("POST", "/signed-out", 405),
        ("GET", "/api/auth/logout", 405),
        ("PUT", "/api/auth/me", 405),
        ("DELETE", "/", 405),
        ("GET", "/%2e%2e/etc/passwd", 404),
        ("HEAD", "/", 200),
        ("HEAD", "/api/auth/me", 401),
    ] {
        let response = lab.request(request(method, path, &[])).await;
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
    }
}

#[tokio::test]
async fn an_unknown_provider_and_an_odd_provider_name_are_refused() {
    let lab = TestLab::new();
    for name in ["other", "Mock", "", "%3Cscript%3E"] {
        let path = format!("/api/auth/oidc/login?provider={name}");
        let refused = lab.request(request("GET", &path, &[])).await;
        let code = json(&refused)["code"].clone();
        assert_eq!((refused.status().as_u16(), code.as_str()), (404, Some("provider_unknown")), "{name}");
    }
}

#[tokio::test]
async fn c132_every_redirect_is_a_303() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    let start = lab.request(request("GET", "/api/auth/oidc/login", &[])).await;
    assert_eq!(start.status(), 303);

    browser.open("/api/auth/oidc/login").await;
    let callback = lab.idp().sign_in(&last_visit(&browser, "/authorize"), "ada").unwrap();
    let url = url::Url::parse(&callback).unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    let cookie = browser.cookies("https://lab.test/").remove(0);
    let cookie = format!("{}={}", cookie.name, cookie.value);
    let back = lab.request(request("GET", &path, &[("cookie", &cookie)])).await;
    assert_eq!(back.status(), 303);

    let headers = [("sec-fetch-site", "same-origin"), ("accept", "text/html")];
    let out = lab.request(request("POST", "/api/auth/logout", &headers)).await;
    assert_eq!((out.status().as_u16(), &out.headers()["location"]), (303, &"/signed-out".parse().unwrap()));
}

#[tokio::test]
async fn a_405_says_what_the_path_answers_to() {
    let lab = TestLab::new();
    let user = "/api/auth/users/00000000-0000-7000-8000-000000000000";
    for (method, path, allow) in [
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/login", "GET, HEAD, POST"),
        ("PATCH", "/login/", "GET, HEAD, POST"),
        ("HEAD", "/api/auth/oidc/login", "GET"),
        ("POST", "/api/auth/oidc/callback?code=c&state=s", "GET"),
        ("OPTIONS", "/api/auth/oidc/enabled", "GET, HEAD"),
        ("GET", "/api/auth/login", "POST"),
        ("GET", "/api/auth/logout", "POST"),
        ("DELETE", "/api/auth/users", "GET, HEAD, POST"),
        ("PUT", user, "GET, HEAD, DELETE"),
        ("GET", &format!("{user}/disable"), "POST"),
        ("DELETE", "/admin", "GET, HEAD, POST"),
        ("POST", "/signed-out", "GET, HEAD"),
        ("TRACE", "/healthz", "GET, HEAD"),
        ("BREW", "/.well-known/jwks.json", "GET, HEAD"),
    ] {
        let response = lab.request(request(method, path, &[])).await;
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.headers()["allow"], allow, "{method} {path}");
    }
    let unknown = lab.request(request("POST", "/nowhere", &[])).await;
    assert_eq!((unknown.status().as_u16(), unknown.headers().get("allow")), (404, None));
}

/// The CSRF token of the browser's page.
fn csrf_token(browser: &Browser) -> String {
    let html = browser.page().html();
    let (_, rest) = html.split_once("name=\"csrf_token\" value=\"").expect("a form");
    rest.split_once('"').unwrap().0.to_owned()
}

/// Posts the form that signs out, as one of our pages would.
async fn sign_out(lab: &TestLab, cookie: &str, csrf_token: &str) -> Response<Bytes> {
    let form = Request::post("/api/auth/logout")
        .header("cookie", cookie)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("csrf_token={csrf_token}").into());
    lab.request(form.unwrap()).await
}

#[tokio::test]
async fn a_form_is_still_good_when_the_token_was_renewed_in_another_tab() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let (csrf_token, first) = (csrf_token(&browser), session_cookie(&browser));
    lab.clock().advance(Duration::from_mins(15));
    let check = lab.request(request("GET", "/api/auth/verify", &[("cookie", &first)])).await;
    let renewed = check.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    assert_ne!(renewed, first);
    assert!(sign_out(&lab, renewed, &csrf_token).await.status().is_success());
    let after = lab.request(request("GET", "/api/auth/verify", &[("cookie", renewed)])).await;
    assert_eq!(after.status(), 401);
}

#[tokio::test]
async fn c157_a_form_of_another_session_is_refused() {
    let lab = TestLab::new();
    let (mut mine, mut other) = (lab.browser(), lab.browser());
    lab.sign_in(&mut mine, ADA).await;
    lab.sign_in(&mut other, ADA).await;
    let cookie = session_cookie(&mine);
    for token in [csrf_token(&other), String::new()] {
        let response = sign_out(&lab, &cookie, &token).await;
        assert_eq!(
            (response.status().as_u16(), json(&response)["code"].as_str()),
            (403, Some("csrf_failed"))
        );
    }
    let check = lab.request(request("GET", "/api/auth/verify", &[("cookie", &cookie)])).await;
    assert_eq!(check.status(), 200);
    assert!(sign_out(&lab, &cookie, &csrf_token(&mine)).await.status().is_success());
}

#[tokio::test]
async fn c178_who_knows_the_session_id_alone_cannot_make_a_csrf_token() {
    let (lab, other) = (TestLab::new(), TestLab::builder().without_provider().build());
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    let headers = [("cookie", &*cookie), ("accept", "text/html")];
    // A page for this very session, under another key.
    let page = other.request(request("GET", "/login", &headers)).await;
    let html = std::str::from_utf8(page.body()).unwrap();
    let (_, rest) = html.split_once("name=\"csrf_token\" value=\"").expect("a form");
    let refused = sign_out(&lab, &cookie, rest.split_once('"').unwrap().0).await;
    assert_eq!((refused.status().as_u16(), json(&refused)["code"].as_str()), (403, Some("csrf_failed")));
    let [one, another] = [csrf_token(&browser), {
        browser.open("/").await;
        csrf_token(&browser)
    }];
    assert_ne!(one, another, "each page has another one");
    assert!(sign_out(&lab, &cookie, &one).await.status().is_success());
}

/// Returns the length of the response's head on the wire, in bytes.
fn head_len(response: &Response<Bytes>) -> usize {
    let lines = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    // The status line, and what the server adds: date, length, connection.
    "HTTP/1.1 303 See Other\r\n\r\n".len() + 100 + lines.sum::<usize>()
}

#[tokio::test]
async fn the_largest_head_of_a_response_fits_a_proxy_buffer_of_8_kilobytes() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    let target = format!("/{}", "x".repeat(2047));
    // What a hint becomes when every byte of it has to be encoded, of which a provider can take two.
    let hint = "%C3%A4".repeat(128);
    let begin = format!("/api/auth/oidc/login?return_to={target}&login_hint={hint}");
    for _ in 0..6 {
        browser.open(&begin).await;
    }
    // With as many attempts under way as there may be, and one more to be dropped.
    let cookies: Vec<String> = browser
        .cookies("https://lab.test/")
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    let start = lab.request(request("GET", &begin, &[("cookie", &cookies.join("; "))])).await;
    assert_eq!(start.status(), 303);
    assert!(start.headers()["location"].to_str().unwrap().ends_with(&hint));
    let second_hint = "&identity_provider=".len() + hint.len();
    assert!(head_len(&start) + second_hint < 8192, "{}", head_len(&start));

    let callback = lab.idp().sign_in(&last_visit(&browser, "/authorize"), "ada").unwrap();
    let path = callback.strip_prefix("https://lab.test").unwrap();
    let back = lab.request(request("GET", path, &[("cookie", &cookies.join("; "))])).await;
    assert_eq!(back.headers()["location"].len(), 2048);
    assert!(head_len(&back) < 8192, "{}", head_len(&back));
}
