use labgate_mock_idp::User;
use labgate_test_harness::TestLab;

use super::{ADA, json, request};

#[tokio::test]
async fn the_sign_in_page_tells_a_signed_in_user_so_without_a_redirect_loop() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    browser.open("/login?return_to=/notebooks").await;
    assert_eq!(browser.page().url().path(), "/login");
    assert!(browser.page().text().contains("You are signed in as ada@example.test"), "{}", browser.page());
    browser.click("Continue").await;
    assert_eq!(browser.page().url().path(), "/notebooks");
}

#[tokio::test]
async fn without_a_provider_the_sign_in_page_asks_for_name_and_password_only() {
    let lab = TestLab::builder().without_provider().build();
    let mut browser = lab.browser();
    browser.open("/login").await;
    let text = browser.page().text();
    assert!(text.contains("Sign in with password") && !text.contains("Continue with"), "{text}");
    browser.open("/").await;
    assert_eq!(browser.page().status(), 200);
}

#[tokio::test]
async fn c192_what_a_provider_states_is_escaped_on_every_page() {
    let hostile =
        User::new("x").email("x@example.test").name("<script>alert(1)</script>").groups(["<b>&\"'"]);
    let lab = TestLab::builder().user(hostile).build();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, "Sign in as <script>alert(1)</script>").await;
    assert!(browser.page().text().contains("<script>alert(1)</script>"), "{}", browser.page());
    assert!(!browser.page().html().contains("<script>"), "{}", browser.page().html());
}

#[tokio::test]
async fn errors_are_a_page_for_a_person_and_a_problem_document_for_a_program() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    let page = browser.open("/nowhere").await;
    assert_eq!(page.status(), 404);
    assert!(page.text().contains("(not_found)"), "{page}");

    let problem = lab.request(request("GET", "/nowhere", &[])).await;
    assert_eq!(problem.status(), 404);
    assert_eq!(problem.headers()["content-type"], "application/problem+json");
    let body = json(&problem);
    assert_eq!((body["code"].as_str(), body["status"].as_u64()), (Some("not_found"), Some(404)));
    let reference = body["reference"].as_str().unwrap();
    assert_eq!(reference.len(), 9, "{reference}");
    let script =
        lab.request(request("GET", "/nowhere", &[("sec-fetch-mode", "cors"), ("accept", "text/html")])).await;
    assert_eq!(script.headers()["content-type"], "application/problem+json");
}
