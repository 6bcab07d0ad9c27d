use std::time::Duration;

use labgate_test_harness::TestLab;

use super::{ADA, cookie_names, request, session_cookie};

async fn check(lab: &TestLab, cookie: &str) -> (u16, Option<String>) {
    let response = lab.request(request("GET", "/api/auth/verify", &[("cookie", cookie)])).await;
    let renewed = response
        .headers()
        .get("set-cookie")
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
    (response.status().as_u16(), renewed)
}

#[tokio::test]
async fn signing_out_ends_the_session_everywhere_and_clears_the_cookie() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    assert_eq!(check(&lab, &cookie).await.0, 200);
    browser.click("Sign out").await;
    assert!(browser.page().text().contains("You are signed out"), "{}", browser.page());
    assert!(cookie_names(&browser).is_empty());
    assert_eq!(check(&lab, &cookie).await.0, 401, "a copy of the cookie opens nothing any more");
}

#[tokio::test]
async fn a_script_can_sign_out_and_gets_no_page() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let response = browser.fetch(http::Method::POST, "/api/auth/logout").await;
    assert_eq!(response.status(), 200);
    assert!(cookie_names(&browser).is_empty());
}

#[tokio::test]
async fn an_expired_token_is_renewed_while_its_session_lives() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let first = session_cookie(&browser);
    lab.clock().advance(Duration::from_mins(14));
    assert_eq!(check(&lab, &first).await, (200, None));
    lab.clock().advance(Duration::from_mins(1));
    let (status, renewed) = check(&lab, &first).await;
    assert_eq!(status, 200);
    let renewed = renewed.expect("no renewed cookie");
    assert_ne!(renewed, first);
    assert_eq!(check(&lab, &renewed).await, (200, None));
    // Opening a page renews the browser's own cookie.
    browser.open("/").await;
    assert!(browser.page().text().contains("ada@example.test"));
    assert_ne!(session_cookie(&browser), first);
}

#[tokio::test]
async fn signing_out_ends_renewed_tokens_of_the_session_too() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let first = session_cookie(&browser);
    lab.clock().advance(Duration::from_mins(15));
    let renewed = check(&lab, &first).await.1.unwrap();
    browser.click("Sign out").await;
    assert_eq!(check(&lab, &first).await.0, 401);
    assert_eq!(check(&lab, &renewed).await.0, 401);
}

#[tokio::test]
async fn c151_a_session_ends_when_it_is_idle_and_at_its_absolute_limit() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    lab.clock().advance(Duration::from_hours(12));
    assert_eq!(check(&lab, &cookie).await.0, 401, "idle for twelve hours");

    lab.sign_in(&mut browser, ADA).await;
    let mut cookie = session_cookie(&browser);
    for hour in 1..7 * 24 {
        lab.clock().advance(Duration::from_hours(1));
        let (status, renewed) = check(&lab, &cookie).await;
        assert_eq!(status, 200, "after {hour} hours of use");
        cookie = renewed.unwrap_or(cookie);
    }
    lab.clock().advance(Duration::from_hours(1));
    assert_eq!(check(&lab, &cookie).await.0, 401, "after seven days");
}

#[tokio::test]
async fn c150_a_disabled_account_is_out_when_its_token_expires_at_the_latest() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    let now = labgate_domain::world::Clock::now(lab.clock());
    lab.store().disable(lab.store().live_sessions(now, Duration::MAX)[0].account);
    lab.clock().advance(Duration::from_mins(15));
    assert_eq!(check(&lab, &cookie).await.0, 401);
}

#[tokio::test]
async fn c188_when_it_cannot_be_found_out_the_answer_is_no() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    lab.clock().advance(Duration::from_mins(15));
    lab.store().set_failing(true);
    assert_eq!(check(&lab, &cookie).await.0, 503);
    let ready = lab.request(request("GET", "/readyz", &[])).await;
    assert_eq!(ready.status(), 503);
    assert_eq!(lab.request(request("GET", "/healthz", &[])).await.status(), 200);
}

#[tokio::test]
async fn readiness_is_asked_without_the_store_and_ends_when_the_server_leaves() {
    let lab = TestLab::new();
    lab.store().set_failing(true);
    let ready = async |query: &str| {
        lab.request(request("GET", &format!("/readyz{query}"), &[])).await.status().as_u16()
    };
    assert_eq!((ready("").await, ready("?exclude=store").await), (503, 200));
    assert_eq!(ready("?exclude=stores").await, 400, "not passed over");
    lab.store().set_failing(false);
    // The answer is that of the second.
    lab.clock().advance(Duration::from_secs(1));
    assert_eq!(ready("").await, 200);
    lab.app().leave();
    assert_eq!((ready("").await, ready("?exclude=store").await), (503, 503));
    assert_eq!(lab.request(request("GET", "/healthz", &[])).await.status(), 200);
}

#[tokio::test]
async fn f09_while_the_store_fails_no_answer_says_not_signed_in() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    lab.clock().advance(Duration::from_mins(15));
    lab.store().set_failing(true);
    let session = "AAAAAAAAAAAAAAAAAAAAAA";
    let one_session = format!("/api/auth/account/sessions/{session}/sign-out");
    for (method, path) in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/login"),
        ("GET", "/account"),
        ("GET", "/password"),
        ("GET", "/admin"),
        ("GET", "/admin/accounts/01900000-0000-7000-8000-000000000000"),
        ("GET", "/api/auth/verify"),
        ("GET", "/api/auth/me"),
        ("GET", "/api/auth/account"),
        ("GET", "/api/auth/users"),
        ("POST", "/api/auth/account/name"),
        ("POST", "/api/auth/account/link"),
        ("POST", "/api/auth/account/unlink"),
        ("POST", "/api/auth/account/sign-out-everywhere"),
        ("POST", &one_session),
        ("POST", "/api/auth/password"),
        ("POST", "/api/auth/users"),
    ] {
        for accept in ["text/html", "application/json"] {
            let headers = [("cookie", &*cookie), ("accept", accept), ("sec-fetch-site", "same-origin")];
            let response = lab.request(request(method, path, &headers)).await;
            assert_eq!(response.status(), 503, "{method} {path}");
            assert_eq!(response.headers()["retry-after"], "30", "{method} {path}");
            let body = String::from_utf8_lossy(response.body());
            assert!(method == "HEAD" || body.contains("store_unavailable"), "{method} {path}: {body}");
        }
    }
    lab.store().set_failing(false);
    let headers = [("cookie", &*cookie), ("accept", "text/html")];
    let page = lab.request(request("GET", "/account", &headers)).await;
    assert_eq!(page.status(), 200, "the same cookie is signed in again");
}

#[tokio::test]
async fn c152_a_token_in_the_query_opens_nothing() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    let token = cookie.split_once('=').unwrap().1;
    let query = format!("/api/auth/verify?token={token}&__Host-labgate={token}&access_token={token}");
    assert_eq!(lab.request(request("GET", &query, &[])).await.status(), 403);
    let bearer = format!("Bearer {token}");
    let header = lab.request(request("GET", "/api/auth/verify", &[("authorization", &bearer)])).await;
    assert_eq!(header.status(), 401);
}

#[tokio::test]
async fn another_service_can_check_the_token_by_the_published_keys() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    let token = cookie.split_once('=').unwrap().1;
    let jwks = lab.request(request("GET", "/.well-known/jwks.json", &[])).await;
    let jwks = std::str::from_utf8(jwks.body()).unwrap();
    let verifier = labgate_token::Verifier::from_jwks(jwks, "https://lab.test", "https://lab.test").unwrap();
    let now = labgate_domain::world::Clock::now(lab.clock());
    assert_eq!(verifier.verify(token, now).unwrap().username.as_str(), "ada@example.test");
    assert!(verifier.verify(token, now.plus(Duration::from_mins(15))).is_err());
}
