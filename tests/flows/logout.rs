//! Signing out here and at the provider, from either side.

use bytes::Bytes;
use http::Request;
use labgate_mock_idp::Fault;
use labgate_test_harness::{Browser, TestLab};

use super::{ADA, CAROL, cookie_names, json, last_visit, request, session_cookie, with_carol};

const BACK_CHANNEL: &str = "/api/auth/oidc/backchannel-logout";

async fn is_open(lab: &TestLab, cookie: &str) -> bool {
    lab.request(request("GET", "/api/auth/verify", &[("cookie", cookie)])).await.status() == 200
}

async fn signed_in(lab: &TestLab) -> (Browser, String) {
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let cookie = session_cookie(&browser);
    (browser, cookie)
}

fn logout_request(token: &str) -> Request<Bytes> {
    let body =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    Request::builder()
        .method("POST")
        .uri(BACK_CHANNEL)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into())
        .unwrap()
}

#[tokio::test]
async fn c155_signing_out_ends_the_session_here_first_and_then_the_providers() {
    let lab = TestLab::new();
    let (mut browser, cookie) = signed_in(&lab).await;
    browser.click("Sign out").await;
    assert!(browser.page().text().contains("You are signed out here"), "{}", browser.page());
    assert!(!cookie_names(&browser).contains(&"__Host-labgate".to_owned()));
    assert!(!is_open(&lab, &cookie).await, "the session here waits for the provider");

    browser.click("Go on to Mock provider").await;
    assert_eq!(browser.page().url().path(), "/signed-out", "{}", browser.page());
    let sent = browser.history().iter().rev().find(|url| url.path() == "/end_session").unwrap();
    let sent: std::collections::HashMap<_, _> = sent.query_pairs().into_owned().collect();
    assert_eq!(sent["post_logout_redirect_uri"], "https://lab.test/signed-out");
    assert_eq!(sent["id_token_hint"].matches('.').count(), 2);
    assert_eq!(last_visit(&browser, "/signed-out").query(), Some(&*format!("state={}", sent["state"])));

    // The provider asks again who is there.
    browser.open("/login").await;
    browser.click("Continue with Mock provider").await;
    assert!(
        browser.page().text().contains("Ada Example"),
        "signed in without being asked: {}",
        browser.page()
    );
}

#[tokio::test]
async fn c156_whatever_state_comes_back_the_page_is_plain() {
    let lab = TestLab::new();
    for fault in [Fault::PostLogoutMissingState, Fault::PostLogoutOtherState] {
        let (mut browser, _) = signed_in(&lab).await;
        lab.idp().fault(fault.clone()).once();
        browser.click("Sign out").await;
        browser.click("Go on to Mock provider").await;
        assert_eq!(browser.page().status(), 200, "{fault:?}: {}", browser.page());
        assert!(browser.page().text().contains("You are signed out"), "{fault:?}: {}", browser.page());
    }
    let mut browser = lab.browser();
    for path in
        ["/signed-out?state=%3Cscript%3E&x=1", "/signed-out?kept_by=%3Cb%3E", "/signed-out?kept_by=mock"]
    {
        browser.open(path).await;
        assert_eq!(browser.page().status(), 200, "{path}");
        assert!(
            !browser.page().html().contains("<b>") && !browser.page().html().contains("<script>"),
            "{path}"
        );
    }
    assert!(browser.page().text().contains("Mock provider may still know you"), "{}", browser.page());
}

#[tokio::test]
async fn a_script_that_signs_out_is_told_where_the_provider_signs_out() {
    let lab = TestLab::new();
    let (mut browser, _) = signed_in(&lab).await;
    let response = browser.fetch(http::Method::POST, "/api/auth/logout").await;
    assert_eq!(response.status(), 200);
    let told = json(&response);
    assert_eq!(told["provider"]["name"], "Mock provider");
    assert!(
        told["provider"]["end_session_url"].as_str().unwrap().starts_with("https://idp.test/end_session?")
    );
}

#[tokio::test]
async fn c165_a_session_that_ends_at_the_provider_ends_here() {
    let lab = with_carol().build();
    let (_browser, cookie) = signed_in(&lab).await;
    let (_other, elsewhere) = signed_in(&lab).await;
    let mut bob = lab.browser();
    lab.sign_in(&mut bob, CAROL).await;
    let notices = lab.idp().end_sessions_of("ada").await.unwrap();
    assert_eq!(notices.len(), 2);
    let answer = lab.request(notices[0].request()).await;
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
    assert_eq!(answer.headers()["cache-control"], "no-store", "C166");
    let open = [is_open(&lab, &cookie).await, is_open(&lab, &elsewhere).await];
    assert_eq!(open.iter().filter(|open| **open).count(), 1, "the one session that was named, and no other");
    assert!(is_open(&lab, &session_cookie(&bob)).await);
}

#[tokio::test]
async fn c159_c160_c161_c163_c167_a_bad_logout_token_is_400_and_ends_nothing() {
    for fault in [
        Fault::LogoutWrongKey,
        Fault::LogoutAlgNone,
        Fault::LogoutUnknownKid,
        Fault::LogoutWrongIssuer,
        Fault::LogoutWrongAudience,
        Fault::LogoutMissingIat,
        Fault::LogoutStaleIat,
        Fault::LogoutMissingExp,
        Fault::LogoutExpired,
        Fault::LogoutMissingEvents,
        Fault::LogoutOtherEvent,
        Fault::LogoutEventsNotAnObject,
        Fault::LogoutNonce,
        Fault::LogoutNobody,
        Fault::LogoutAccessTokenType,
        Fault::LogoutIdToken,
    ] {
        let lab = TestLab::new();
        let (_browser, cookie) = signed_in(&lab).await;
        lab.idp().fault(fault.clone()).once();
        for notice in lab.idp().end_sessions_of("ada").await.unwrap() {
            let answer = lab.request(notice.request()).await;
            assert_eq!(answer.status(), 400, "{fault:?}");
            assert_eq!(json(&answer)["code"], "logout_token_invalid", "{fault:?}");
            assert_eq!(answer.headers()["cache-control"], "no-store", "{fault:?}");
        }
        assert!(is_open(&lab, &cookie).await, "{fault:?} ended the session");
    }
}

#[tokio::test]
async fn c162_c163_c165_odd_but_good_logout_tokens_end_the_session() {
    for fault in [
        Fault::LogoutNoType,
        Fault::LogoutTypeJwt,
        Fault::LogoutExtraClaims,
        Fault::LogoutSubOnly,
        Fault::LogoutSidOnly,
    ] {
        let lab = TestLab::new();
        let (_browser, cookie) = signed_in(&lab).await;
        lab.idp().fault(fault.clone()).once();
        for notice in lab.idp().end_sessions_of("ada").await.unwrap() {
            assert_eq!(lab.request(notice.request()).await.status(), 200, "{fault:?}");
        }
        assert!(!is_open(&lab, &cookie).await, "{fault:?} ended nothing");
    }
}

#[tokio::test]
async fn c165_an_unknown_session_is_a_200_and_ends_nothing() {
    let lab = TestLab::new();
    let (_browser, cookie) = signed_in(&lab).await;
    lab.idp().fault(Fault::LogoutUnknownSid).once();
    for notice in lab.idp().end_sessions_of("ada").await.unwrap() {
        assert_eq!(lab.request(notice.request()).await.status(), 200);
    }
    assert!(is_open(&lab, &cookie).await);
}

#[tokio::test]
async fn c164_a_logout_token_that_is_sent_again_ends_no_later_session() {
    let lab = TestLab::new();
    let _first = signed_in(&lab).await;
    lab.idp().fault(Fault::LogoutSubOnly).once();
    let notices = lab.idp().end_sessions_of("ada").await.unwrap();
    assert_eq!(lab.request(notices[0].request()).await.status(), 200);
    let (_browser, cookie) = signed_in(&lab).await;
    assert_eq!(lab.request(notices[0].request()).await.status(), 200);
    assert!(is_open(&lab, &cookie).await, "an old token ended a new session");
}

#[tokio::test]
async fn c166_only_a_form_with_a_logout_token_is_looked_at() {
    let lab = TestLab::new();
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", ""),
        ("application/x-www-form-urlencoded", "token=x"),
        ("application/json", "{\"logout_token\":\"x\"}"),
        ("text/plain", "logout_token=x"),
    ] {
        let mut request = request("POST", BACK_CHANNEL, &[("content-type", content_type)]);
        *request.body_mut() = Bytes::from_static(body.as_bytes());
        assert_eq!(lab.request(request).await.status(), 400, "{content_type} {body}");
    }
    assert_eq!(lab.request(logout_request("not a token")).await.status(), 400);
    assert_eq!(lab.request(request("GET", BACK_CHANNEL, &[])).await.status(), 405);
}
