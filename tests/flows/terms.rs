//! Terms of service that everybody must accept, before anything of the lab opens.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use labgate_domain::people::{Role, TermsDigest};
use labgate_domain::ports::SignInEvent;
use labgate_test_harness::{Browser, TestLab};
use serde_json::{Value, json};

use super::services::{check, with_services};
use super::{ADA, posted, request, session_cookie};

const GOOD: &str = "correct horse battery";
const VERSION: &str = "2026-11-01";
const DEEP: &str = "https://nb.test/lab/tree/My%20N%C3%BC.ipynb?a=1&b=%3E+x&c=%2F";

/// Checks that the page asks, and says yes.
async fn accept(browser: &mut Browser) {
    let page = browser.page();
    assert_eq!((page.status(), page.url().path()), (StatusCode::OK, "/terms"), "{page}");
    assert!(page.text().contains("please read and accept version 2026-11-01"), "{page}");
    assert!(page.text().contains("Be kind."), "{page}");
    browser.click("I accept").await;
}

fn acceptances(lab: &TestLab) -> usize {
    let events = lab.log().events();
    events.iter().filter(|event| matches!(event, SignInEvent::TermsAccepted { .. })).count()
}

/// Returns the digest of what the lab shows.
fn digest() -> TermsDigest {
    TermsDigest::of("Be kind.")
}

async fn get(lab: &TestLab, cookie: &str, path: &str) -> (u16, Value) {
    let answer = lab.request(request("GET", path, &[("cookie", cookie)])).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

#[tokio::test]
async fn a_person_accepts_on_the_way_in_and_comes_to_the_very_address() {
    for url in
        ["https://lab.test/mlflow/My%20Notebook.ipynb?a=1&b=%3E+%C3%BC", DEEP, "https://lab.test/account"]
    {
        let lab = with_services().must_accept(VERSION).build();
        let mut browser = lab.browser();
        browser.open(url).await;
        browser.click("Continue with Mock provider").await;
        browser.click(ADA).await;
        assert!(browser.page().text().contains("ada@example.test"), "{}", browser.page());
        accept(&mut browser).await;
        assert_eq!(browser.page().url().as_str(), url, "{:?}", browser.page());
        assert_eq!(browser.page().status(), StatusCode::OK);
        assert_eq!(acceptances(&lab), 1);

        // Nobody is asked twice.
        browser.open("https://lab.test/terms?return_to=%2Faccount").await;
        assert!(browser.page().text().contains("Version 2026-11-01, accepted"), "{}", browser.page());
        browser.click("Continue").await;
        assert!(browser.page().text().contains("Version 2026-11-01, accepted"), "{}", browser.page());
        browser.open("https://grafana.test/d/1").await;
        assert_eq!(browser.page().url().as_str(), "https://grafana.test/d/1");
    }
}

#[tokio::test]
async fn who_has_a_session_is_asked_on_the_way_to_a_service() {
    for url in ["https://lab.test/mlflow/a?b=%2F", DEEP, "https://lab.test/"] {
        let before = with_services().build();
        let lab = before.with_terms(VERSION);
        let mut browser = lab.browser();
        lab.sign_in(&mut browser, ADA).await;
        browser.open(url).await;
        accept(&mut browser).await;
        assert_eq!(browser.page().url().as_str(), url, "{:?}", browser.page());
    }
}

#[tokio::test]
async fn who_registers_or_signs_in_with_a_password_is_asked_once() {
    let lab = TestLab::builder().without_provider().must_accept(VERSION).build();
    let mut browser = lab.browser();
    browser.open("/register").await;
    browser.submit("Create account", &[("username", "ada"), ("password", GOOD)]).await;
    accept(&mut browser).await;
    assert!(browser.page().text().contains("Hello, ada"), "{}", browser.page());
    browser.click("Sign out").await;
    browser.open("/login").await;
    let fields = [("username", "ada"), ("password", GOOD)];
    browser.submit("Sign in with password", &fields).await;
    assert!(browser.page().text().contains("Hello, ada"), "{}", browser.page());
    assert_eq!(acceptances(&lab), 1);

    lab.add_account("eve", Role::User, "staple clip drawer").await;
    let mut eve = lab.browser();
    eve.open("/login?return_to=%2Faccount").await;
    eve.submit("Sign in with password", &[("username", "eve"), ("password", "staple clip drawer")]).await;
    eve.submit("Change the password", &[("next", GOOD)]).await;
    accept(&mut eve).await;
    assert_eq!(eve.page().url().path(), "/account", "{}", eve.page());
    let program = request("POST", "/api/auth/login", &[("sec-fetch-site", "same-origin")]);
    let lab = lab.with_terms("another");
    let (mut program, body) = (program, json!({ "username": "ada", "password": GOOD, "return_to": "/a" }));
    program.headers_mut().insert("content-type", "application/json".parse().unwrap());
    *program.body_mut() = body.to_string().into();
    let answer = super::json(&lab.request(program).await);
    assert_eq!(answer["return_to"], "/terms?return_to=%2Fa", "{answer}");
}

#[tokio::test]
async fn an_administrator_is_asked_before_administration() {
    let lab = TestLab::builder().must_accept(VERSION).build();
    let mut root = lab.browser();
    root.open(&lab.setup_link()).await;
    root.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    root.open("/admin").await;
    assert_eq!(root.page().url().query(), Some("return_to=%2Fadmin"));
    let cookie = session_cookie(&root);
    let (status, problem) = get(&lab, &cookie, "/api/auth/users").await;
    assert_eq!(
        (status, &problem["code"], &problem["terms"]),
        (403, &json!("terms_due"), &json!("https://lab.test/terms"))
    );
    accept(&mut root).await;
    assert_eq!(root.page().url().path(), "/admin", "{}", root.page());
    let (_, accounts) = get(&lab, &session_cookie(&root), "/api/auth/users").await;
    let id = accounts["accounts"][0]["id"].as_str().unwrap();
    assert_eq!(accounts["accounts"][0]["accepted_terms"][0]["version"], VERSION);
    root.open(&format!("/admin/accounts/{id}")).await;
    assert!(root.page().text().contains("Version 2026-11-01, accepted"), "{}", root.page());
}

#[tokio::test]
async fn a_session_goes_on_when_the_version_changes_and_opens_its_own_pages_alone() {
    let before = with_services().must_accept("1").build();
    let mut browser = before.browser();
    before.sign_in(&mut browser, ADA).await;
    browser.click("I accept").await;
    browser.open("https://nb.test/a").await;
    let (session, pass) = (session_cookie(&browser), browser.cookies("https://nb.test/"));
    let pass = &pass.iter().find(|cookie| cookie.name == "__Host-labgate").unwrap().value;
    let token = session.split_once('=').unwrap().1;
    assert_eq!(check(&before, "nb.test", "/a", pass).await, StatusCode::OK);

    let lab = before.with_terms("2");
    for (host, uri, token) in [("nb.test", "/a", &**pass), ("lab.test", "/mlflow/", token)] {
        assert_eq!(check(&lab, host, uri, token).await, StatusCode::FORBIDDEN, "{host}");
    }
    assert_eq!(check(&lab, "lab.test", "/mlflow/public/a", token).await, StatusCode::OK);
    let (status, me) = get(&lab, &session, "/api/auth/me").await;
    assert_eq!(
        (status, &me["terms_due"], &me["accepted_terms"][0]["version"]),
        (200, &json!("2"), &json!("1"))
    );
    assert_eq!(get(&lab, &session, "/api/auth/account").await.1["accepted_terms"][0]["version"], "1");

    let page = lab.request(request("GET", "/terms", &[("cookie", &session), ("accept", "text/html")])).await;
    let html = std::str::from_utf8(page.body()).unwrap();
    let (_, rest) = html.split_once("name=\"csrf_token\" value=\"").expect("a form");
    let csrf = rest.split_once('"').unwrap().0;
    let digest = digest();
    let fields = |version: &str| format!("csrf_token={csrf}&version={version}&digest={digest}");
    for wrong in ["1", ""] {
        let refused = lab.request(form(&session, fields(wrong))).await;
        assert_eq!(
            (refused.status().as_u16(), &super::json(&refused)["code"]),
            (409, &json!("terms_changed"))
        );
    }
    let foreign = request("POST", "/terms", &[("cookie", &session)]);
    assert_eq!(lab.request(foreign).await.status(), StatusCode::FORBIDDEN);
    for _ in 0..2 {
        let accepted = lab.request(form(&session, fields("2"))).await;
        assert_eq!(accepted.status(), StatusCode::SEE_OTHER);
    }
    assert_eq!(acceptances(&lab), 2, "each version once");
    for (host, uri, token) in [("nb.test", "/a", &**pass), ("lab.test", "/mlflow/", token)] {
        assert_eq!(check(&lab, host, uri, token).await, StatusCode::OK, "{host}");
    }
    let me = get(&lab, &session, "/api/auth/me").await.1;
    assert_eq!(me["terms_due"], Value::Null);
    let kept = me["accepted_terms"].as_array().unwrap();
    assert_eq!(kept.iter().map(|it| it["version"].as_str().unwrap()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(kept.iter().all(|it| it["digest"] == digest.as_str() && it["at"].is_i64()), "{kept:?}");
    // A replica that still asks for the version before asks nobody who accepted it.
    let old = lab.with_terms("1");
    assert_eq!(check(&old, "lab.test", "/mlflow/", token).await, StatusCode::OK);
    browser.open("https://lab.test/account").await;
    let page = browser.page().text();
    assert!(page.contains("Version 1, accepted") && page.contains("Version 2, accepted"), "{page}");
}

/// The form of the page, sent by a tab.
fn form(cookie: &str, fields: String) -> Request<Bytes> {
    let headers = [
        ("cookie", cookie),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let mut request = request("POST", "/terms", &headers);
    *request.body_mut() = fields.into();
    request
}

#[tokio::test]
async fn f27_no_script_of_the_labs_origin_accepts_for_its_visitor() {
    let lab = TestLab::builder().must_accept(VERSION).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let session = session_cookie(&browser);
    let (_, rest) = browser.page().html().split_once("name=\"csrf_token\" value=\"").expect("a form");
    let csrf = rest.split_once('"').unwrap().0.to_owned();
    let fields = format!("csrf_token={csrf}&version={VERSION}&digest={}", digest());
    let by = |mode: &'static str, dest: &'static str| {
        let mut request = form(&session, fields.clone());
        request.headers_mut().insert("sec-fetch-mode", mode.parse().unwrap());
        request.headers_mut().insert("sec-fetch-dest", dest.parse().unwrap());
        request
    };
    let json = json!({ "csrf_token": csrf, "version": VERSION }).to_string();
    let mut in_a_tab = posted("/terms", &session, &json);
    in_a_tab.headers_mut().insert("sec-fetch-mode", "navigate".parse().unwrap());
    for (attempt, code) in [
        (posted("/terms", &session, &json), "top_level_only"),
        (in_a_tab, "top_level_only"),
        (by("cors", "empty"), "top_level_only"),
        (by("navigate", "iframe"), "top_level_only"),
        (form(&session, format!("version={VERSION}")), "csrf_failed"),
    ] {
        let refused = lab.request(attempt).await;
        let text = std::str::from_utf8(refused.body()).unwrap();
        assert!(refused.status() == StatusCode::FORBIDDEN && text.contains(code), "{code}: {text}");
    }
    assert_eq!(lab.request(posted("/api/auth/terms", &session, &json)).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(acceptances(&lab), 0);
    assert_eq!(lab.request(by("navigate", "document")).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(acceptances(&lab), 1);
}

fn of_proxy(headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut asked = request("GET", "/api/auth/check/refused", headers);
    asked.extensions_mut().insert(labgate_http::Peer("10.0.0.1".parse().unwrap()));
    asked
}

#[tokio::test]
async fn in_a_lab_without_services_the_refusal_leads_to_the_sign_in_and_to_the_terms() {
    let lab = TestLab::builder().must_accept(VERSION).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let session = session_cookie(&browser);
    for (cookie, accept, status, location) in [
        ("a=b", "text/html", 303, Some("https://lab.test/login?return_to=%2Fx%3Fa%3Db")),
        (&*session, "text/html", 303, Some("https://lab.test/terms?return_to=%2Fx%3Fa%3Db")),
        ("a=b", "*/*", 401, Some("https://lab.test/login?return_to=%2Fx%3Fa%3Db")),
        (&*session, "*/*", 403, None),
    ] {
        let headers = [
            ("cookie", cookie),
            ("accept", accept),
            ("x-original-url", "https://lab.test/x?a=b"),
            ("x-original-method", "GET"),
        ];
        let answer = lab.request(of_proxy(&headers)).await;
        let to = answer.headers().get("location").map(|it| it.to_str().unwrap());
        assert_eq!((answer.status().as_u16(), to), (status, location), "{cookie} {accept}");
    }
    browser.click("I accept").await;
    let accepted = session_cookie(&browser);
    let headers = [
        ("cookie", &*accepted),
        ("accept", "text/html"),
        ("x-original-url", "https://lab.test/x?a=b"),
        ("x-original-method", "GET"),
    ];
    let answer = lab.request(of_proxy(&headers)).await;
    assert_eq!(answer.headers()["location"], "https://lab.test/x?a=b");
}

#[tokio::test]
async fn a_form_with_another_version_or_text_is_shown_anew() {
    let lab = TestLab::builder().must_accept(VERSION).build();
    let mut browser = lab.browser();
    browser.open("/account").await;
    browser.click("Continue with Mock provider").await;
    browser.click(ADA).await;
    for changed in
        [("version", "2026-10-01"), ("digest", TermsDigest::of("Be kinder.").as_str()), ("digest", "")]
    {
        browser.submit("I accept", &[changed]).await;
        assert_eq!(browser.page().status(), StatusCode::CONFLICT);
        assert!(browser.page().text().contains("The terms of service have changed"), "{}", browser.page());
    }
    assert_eq!(acceptances(&lab), 0);
    browser.click("I accept").await;
    assert_eq!(browser.page().url().path(), "/account", "{}", browser.page());
    assert_eq!(acceptances(&lab), 1);
}

#[tokio::test]
async fn who_does_not_accept_can_sign_out() {
    let lab = TestLab::builder().must_accept(VERSION).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    browser.open("/account").await;
    assert_eq!(browser.page().url().path(), "/account", "{}", browser.page());
    browser.open("/").await;
    browser.click("Sign out").await;
    browser.open("/terms").await;
    assert!(browser.page().text().contains("Be kind."), "{}", browser.page());
    assert!(!browser.page().text().contains("I accept"), "{}", browser.page());
    assert_eq!(acceptances(&lab), 0);
}

#[tokio::test]
async fn f29_fetch_and_uploads_get_403_and_the_address_of_the_page() {
    let lab = with_services().must_accept(VERSION).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    for (method, url, page) in [
        (Method::GET, "https://lab.test/mlflow/api", "https://lab.test/terms?return_to=%2Fmlflow%2Fapi"),
        (Method::PUT, "https://lab.test/mlflow/api", "https://lab.test/terms?return_to=%2Fmlflow%2Fapi"),
    ] {
        let answer = browser.fetch(method.clone(), url).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method}");
        let problem: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!((&problem["code"], &problem["terms"]), (&json!("terms_due"), &json!(page)));
        assert_eq!(answer.headers()["x-labgate-terms"], page);
    }
    let cookie = session_cookie(&browser);
    let told = |event: &SignInEvent| matches!(event, SignInEvent::RequestRefused { code: "terms_due", .. });
    assert!(lab.log().events().iter().any(told), "{:?}", lab.log().events());
    // In a lab without services the check answers for the session alone.
    let lab = TestLab::builder().must_accept(VERSION).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    let (status, problem) = get(&lab, &session_cookie(&browser), "/api/auth/verify").await;
    assert_eq!((status, &problem["code"]), (403, &json!("terms_due")));
    assert_eq!(get(&lab, &cookie, "/api/auth/verify").await.0, 401, "of another lab");
}
