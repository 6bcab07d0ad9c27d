//! `/account`: what a person sees and does of their own.

use labgate_test_harness::TestLab;

use super::{ADA, CAROL, cookie_names, json, request, session_cookie, with_carol};

async fn is_open(lab: &TestLab, cookie: &str) -> bool {
    lab.request(request("GET", "/api/auth/verify", &[("cookie", cookie)])).await.status() == 200
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_at_once() {
    let lab = TestLab::new();
    let (mut here, mut there, mut third) = (lab.browser(), lab.browser(), lab.browser());
    for browser in [&mut here, &mut there, &mut third] {
        lab.sign_in(browser, ADA).await;
    }
    let cookies = [session_cookie(&here), session_cookie(&there), session_cookie(&third)];
    here.open("/account").await;
    assert_eq!(here.page().text().matches("Sign out there").count(), 2, "{}", here.page());
    assert_eq!(here.page().text().matches("this one").count(), 1, "{}", here.page());
    here.click("Sign out there").await;
    assert_eq!(here.page().text().matches("Sign out there").count(), 1, "{}", here.page());
    assert!(is_open(&lab, &cookies[0]).await);
    let mut open = 0;
    for cookie in &cookies[1..] {
        open += usize::from(is_open(&lab, cookie).await);
    }
    assert_eq!(open, 1);

    here.click("Sign out everywhere").await;
    assert!(here.page().text().contains("You are signed out"), "{}", here.page());
    assert!(!cookie_names(&here).contains(&"__Host-labgate".to_owned()));
    for cookie in &cookies {
        assert!(!is_open(&lab, cookie).await);
    }
}

#[tokio::test]
async fn f08_the_fifty_first_session_ends_the_first_and_pages_show_25() {
    let lab = TestLab::new();
    let mut browsers = Vec::new();
    for _ in 0..51 {
        let mut browser = lab.browser();
        lab.sign_in(&mut browser, ADA).await;
        browsers.push(browser);
        lab.clock().advance(std::time::Duration::from_secs(1));
    }
    let cookies: Vec<_> = browsers.iter().map(session_cookie).collect();
    // The feed of changes has told it by then.
    assert!(!is_open(&lab, &cookies[0]).await);
    for cookie in &cookies[1..] {
        assert!(is_open(&lab, cookie).await);
    }
    let page = |number: &'static str| {
        let lab = &lab;
        let headers = [("cookie", &*cookies[50]), ("accept", "application/json")];
        let request = request("GET", &format!("/api/auth/account{number}"), &headers);
        async move { json(&lab.request(request).await) }
    };
    for (number, sessions, next) in [("", 25, Some(2)), ("?page=2", 25, None), ("?page=3", 0, None)] {
        let page = page(number).await;
        assert_eq!(page["sessions"].as_array().unwrap().len(), sessions, "{number}");
        assert_eq!(page["next_page"].as_u64(), next, "{number}");
    }
    for malformed in ["?page=0", "?page=x", "?page=-1"] {
        assert_eq!(page(malformed).await["code"], "bad_request", "{malformed}");
    }
    let here = &mut browsers[50];
    here.open("/account").await;
    assert_eq!(here.page().text().matches("Sign out there").count(), 24, "{}", here.page());
    here.click("More").await;
    assert_eq!(here.page().text().matches("Sign out there").count(), 25, "{}", here.page());
}

#[tokio::test]
async fn a_session_of_another_account_cannot_be_ended() {
    let lab = with_carol().build();
    let (mut ada, mut bob) = (lab.browser(), lab.browser());
    lab.sign_in(&mut ada, ADA).await;
    lab.sign_in(&mut bob, CAROL).await;
    let own = request("GET", "/api/auth/account", &[("cookie", &session_cookie(&bob))]);
    let of_bob = json(&lab.request(own).await)["sessions"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/auth/account/sessions/{of_bob}/sign-out");
    let ada_cookie = session_cookie(&ada);
    let headers = [("cookie", &*ada_cookie), ("sec-fetch-site", "same-origin")];
    assert_eq!(lab.request(request("POST", &path, &headers)).await.status(), 204);
    assert!(is_open(&lab, &session_cookie(&bob)).await);
}

#[tokio::test]
async fn a_person_chooses_their_own_name_and_odd_ones_are_refused() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    browser.open("/account").await;
    browser.submit("Save the name", &[("name", "The Countess")]).await;
    assert!(browser.page().html().contains("value=\"The Countess\""), "{}", browser.page().html());
    let (cookie, json_type) = (session_cookie(&browser), "application/json");
    let mut request =
        request("POST", "/api/auth/account/name", &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]);
    request.headers_mut().insert("content-type", json_type.parse().unwrap());
    *request.body_mut() = bytes::Bytes::from("{\"name\":\"\u{202e}\"}");
    assert_eq!(lab.request(request).await.status(), 400);
}

#[tokio::test]
async fn the_account_page_needs_a_session() {
    let lab = TestLab::new();
    assert_eq!(lab.request(request("GET", "/account", &[])).await.status(), 401);
    for path in ["/api/auth/account/name", "/api/auth/account/sign-out-everywhere", "/api/auth/account/link"]
    {
        let refused = lab.request(request("POST", path, &[("sec-fetch-site", "same-origin")])).await;
        assert_eq!(refused.status(), 401, "{path}");
        assert_eq!(lab.request(request("POST", path, &[])).await.status(), 403, "{path}");
    }
}
