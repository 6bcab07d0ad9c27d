//! A refused sign-in says why, and leaves no account and no session behind.

use std::time::Duration;

use labgate_mock_idp::Fault;
use labgate_test_harness::{Browser, TestLab};

use super::{ADA, cookie_names, last_visit, request, session_cookie};

/// Signs in as this user and expects a page with this code, and nothing created.
async fn refused(lab: &TestLab, user: &str, status: u16, code: &str) -> Browser {
    let before = (lab.store().account_count(), lab.store().session_count());
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, user).await;
    expect_page(lab, &browser, status, code);
    assert_eq!(
        (lab.store().account_count(), lab.store().session_count()),
        before,
        "{code}: something was created"
    );
    // What the sign-in page's form needs may stay.
    let left: Vec<_> =
        cookie_names(&browser).into_iter().filter(|name| name != "__Host-labgate-form").collect();
    assert!(left.is_empty(), "{code}: cookies are left: {left:?}");
    browser
}

fn expect_page(lab: &TestLab, browser: &Browser, status: u16, code: &str) {
    let page = browser.page();
    assert_eq!(page.status().as_u16(), status, "{page}");
    assert!(page.text().contains(&format!("({code})")), "{page}");
    assert_eq!(page.headers()["cache-control"], "no-store");
    assert_eq!(lab.log().refusals().last(), Some(&code), "the log does not say the same");
}

#[tokio::test]
async fn c033_cancelling_shows_a_page_and_makes_no_token_request() {
    let lab = TestLab::new();
    let browser = refused(&lab, "Deny", 403, "access_denied").await;
    assert!(browser.page().text().contains("cancelled"));
    assert!(lab.idp().requests().iter().all(|request| request.path() != "/token"));
}

#[tokio::test]
async fn an_unverified_address_is_refused_with_its_remedy() {
    let lab = TestLab::new();
    let browser = refused(&lab, "Sign in as Bob Example", 403, "email_unverified").await;
    assert!(browser.page().text().contains("verify it there"));
}

#[tokio::test]
async fn a_missing_address_is_refused_with_its_remedy() {
    refused(&TestLab::new(), "Sign in as No One", 403, "email_missing").await;
}

#[tokio::test]
async fn without_self_registration_a_new_user_is_referred_to_the_administrator() {
    let lab = TestLab::builder().without_self_registration().build();
    let browser = refused(&lab, ADA, 403, "registration_closed").await;
    assert!(browser.page().text().contains("administrator"));
}

#[tokio::test]
async fn c003_a_provider_that_fails_once_does_not_stop_the_lab() {
    for fault in [Fault::HtmlTokenError, Fault::TruncatedJson, Fault::Error200, Fault::NoIdToken] {
        let lab = TestLab::new();
        lab.idp().fault(fault.clone()).once();
        let mut browser = lab.browser();
        lab.sign_in(&mut browser, ADA).await;
        assert!(browser.page().status().as_u16() >= 400, "{fault:?}: {}", browser.page());
        assert_eq!((lab.store().account_count(), lab.store().session_count()), (0, 0), "{fault:?}");
        lab.sign_in(&mut browser, ADA).await;
        assert!(browser.page().text().contains("ada@example.test"), "{fault:?}: {}", browser.page());
    }
}

#[tokio::test]
async fn c012_c025_nonce_and_issuer_of_the_id_token_are_checked() {
    for fault in [Fault::WrongNonce, Fault::MissingNonce, Fault::WrongIssuer] {
        let lab = TestLab::new();
        lab.idp().fault(fault).always();
        refused(&lab, ADA, 502, "id_token_invalid").await;
    }
}

#[tokio::test]
async fn c039_c040_a_wrong_or_missing_iss_stops_before_the_code_is_sent() {
    for (fault, code) in
        [(Fault::CallbackWrongIss, "issuer_mismatch"), (Fault::CallbackNoIss, "issuer_missing")]
    {
        let lab = TestLab::new();
        lab.idp().fault(fault).always();
        refused(&lab, ADA, 400, code).await;
        assert!(lab.idp().requests().iter().all(|request| request.path() != "/token"), "the code was sent");
    }
}

#[tokio::test]
async fn c023_an_altered_or_missing_state_is_refused() {
    for (fault, code) in [
        (Fault::CallbackAlteredState, "attempt_unknown"),
        (Fault::CallbackMissingState, "callback_malformed"),
    ] {
        let lab = TestLab::new();
        lab.idp().fault(fault).always();
        let mut browser = lab.browser();
        lab.sign_in(&mut browser, ADA).await;
        expect_page(&lab, &browser, 400, code);
        assert_eq!(lab.store().session_count(), 0);
        assert!(lab.idp().requests().iter().all(|request| request.path() != "/token"));
    }
}

#[tokio::test]
async fn c029_an_expired_attempt_offers_to_start_again_and_keeps_the_target() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/api/auth/oidc/login?return_to=/notebooks").await;
    let callback = lab.idp().sign_in(&last_visit(&browser, "/authorize"), "ada").unwrap();
    let url = url::Url::parse(&callback).unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    let kept = browser.cookies("https://lab.test/").remove(0);
    lab.clock().advance(Duration::from_mins(10));

    // The browser has forgotten the cookie by then.
    browser.open_from("https://idp.test/", &callback).await;
    expect_page(&lab, &browser, 400, "attempt_unknown");
    browser.click("Sign in again").await;
    assert_eq!(browser.page().url().path(), "/login");

    // One that keeps cookies for longer learns that it was too late, and does not lose the target.
    let cookie = format!("{}={}", kept.name, kept.value);
    let response = lab.request(request("GET", &path, &[("cookie", &cookie), ("accept", "text/html")])).await;
    let page = std::str::from_utf8(response.body()).unwrap();
    assert!(page.contains("(attempt_expired)") && page.contains("/login?return_to=%2Fnotebooks"), "{page}");
}

#[tokio::test]
async fn c026_a_reloaded_callback_of_a_signed_in_user_sends_no_second_code() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let callback = last_visit(&browser, "/api/auth/oidc/callback");
    let cookie = session_cookie(&browser);
    browser.open(callback.as_str()).await;
    assert!(browser.page().text().contains("ada@example.test"), "{}", browser.page());
    assert_eq!(session_cookie(&browser), cookie, "the session was replaced");
    let token_requests = lab.idp().requests().iter().filter(|request| request.path() == "/token").count();
    assert_eq!(token_requests, 1);
}

#[tokio::test]
async fn c121_a_disabled_account_stays_out_at_sign_in() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let session =
        lab.store().live_sessions(labgate_domain::world::Clock::now(lab.clock()), Duration::MAX).remove(0);
    lab.store().disable(session.account);
    refused(&lab, ADA, 403, "account_disabled").await;
}

#[tokio::test]
async fn a_failing_store_is_an_error_page_and_not_a_session() {
    let lab = TestLab::new();
    lab.store().set_failing(true);
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    expect_page(&lab, &browser, 503, "store_unavailable");
    lab.store().set_failing(false);
    assert_eq!((lab.store().account_count(), lab.store().session_count()), (0, 0));
}

#[tokio::test]
async fn c038_c192_a_hostile_error_description_is_neither_shown_nor_run() {
    let lab = TestLab::new();
    let hostile = "<script>alert(1)</script>\r\nSet-Cookie: x=y\u{1b}[31m";
    lab.idp().fault(Fault::CallbackError("invalid_scope".into(), hostile.into())).always();
    let browser = refused(&lab, ADA, 502, "request_refused").await;
    assert!(!browser.page().html().contains("alert(1)"), "{}", browser.page().html());
}
