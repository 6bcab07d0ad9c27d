//! Headers, methods and odd requests.

use labgate_test_harness::Lab;

use super::{ADA, json, last_visit, request};

#[tokio::test]
async fn c022_c189_every_answer_carries_the_protecting_headers() {
    let lab = Lab::new();
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
        assert!(headers.contains_key("referrer-policy"), "{path}");
        assert_eq!(headers["strict-transport-security"], "max-age=31536000", "{path}");
    }
}

#[tokio::test]
async fn c045_the_way_back_ends_at_an_address_without_the_code() {
    let lab = Lab::new();
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
    let lab = Lab::new();
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
    let lab = Lab::new();
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
    let lab = Lab::new();
    let path = "/api/auth/oidc/login?iss=https://evil.test&target_link_uri=https://evil.test/&login_hint=ada";
    let response = lab.request(request("GET", path, &[])).await;
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://idp.test/authorize?") && !location.contains("evil"), "{location}");
    assert_eq!(lab.request(request("GET", "/initiate_login", &[])).await.status(), 404);
}

#[tokio::test]
async fn c043_a_form_post_callback_is_405() {
    let lab = Lab::new();
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
    let lab = Lab::new();
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
    let lab = Lab::new();
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("GET", "/api/auth/verify/x", 404),
        ("GET", "/login/", 200),
        ("POST", "/login", 405),
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
    let lab = Lab::new();
    let unknown = lab.request(request("GET", "/api/auth/oidc/login?provider=other", &[])).await;
    assert_eq!((unknown.status().as_u16(), json(&unknown)["code"].as_str()), (404, Some("provider_unknown")));
    let odd = lab.request(request("GET", "/api/auth/oidc/login?provider=%3Cscript%3E", &[])).await;
    assert_eq!((odd.status().as_u16(), json(&odd)["code"].as_str()), (400, Some("bad_request")));
}

#[tokio::test]
async fn c132_every_redirect_is_a_303() {
    let lab = Lab::new();
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

    let headers = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate")];
    let out = lab.request(request("POST", "/api/auth/logout", &headers)).await;
    assert_eq!((out.status().as_u16(), &out.headers()["location"]), (303, &"/".parse().unwrap()));
}
