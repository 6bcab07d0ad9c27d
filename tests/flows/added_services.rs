//! Services that administrators add, change and remove while the lab runs.

use labgate_domain::ports::ServiceStore as _;
use labgate_test_harness::{Browser, TestLab};
use serde_json::{Value, json};

use super::services::{check, with_services};
use super::{ADA, agree, proven, request, session_cookie};

const GOOD: &str = "correct horse battery";

/// A browser in which the first administrator is signed in.
async fn administrator(lab: &TestLab) -> Browser {
    let mut browser = lab.browser();
    browser.open(&lab.setup_link()).await;
    browser.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    browser
}

/// Sends a request of the API with the administrator's password.
async fn send(lab: &TestLab, cookie: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let headers =
        [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    let mut request = request(method, path, &headers);
    if method != "GET" {
        *request.body_mut() = proven(&body.to_string(), GOOD).into();
    }
    let answer = lab.request(request).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

const WIKI: [(&str, &str); 7] = [
    ("id", "wiki"),
    ("name", "Wiki"),
    ("url", TestLab::ADDED),
    ("runs_user_code", "false"),
    ("allow", "signed_in"),
    ("rules", "/closed/* = nobody\nGET /open = public"),
    ("your_password", GOOD),
];

#[tokio::test]
async fn an_administrator_adds_changes_and_removes_a_service_on_its_pages() {
    let lab = with_services().build();
    let mut root = administrator(&lab).await;
    root.open("/admin/services").await;
    root.click("Add a service").await;
    root.submit("Add a service", &WIKI).await;
    assert_eq!(root.page().url().path(), "/admin/services", "{}", root.page());
    let text = root.page().text();
    assert!(
        text.contains("For everybody who is signed in") && text.contains("GET /open: everybody"),
        "{text}"
    );

    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    assert!(ada.page().text().contains("Wiki"), "a tile: {}", ada.page());
    ada.open("https://added.test/a?b=c").await;
    assert!(ada.page().html().contains("remote-user: ada@example.test"), "{}", ada.page());
    let pass = ada.cookies("https://added.test/").pop().unwrap().value;
    assert_eq!(check(&lab, "added.test", "/a", &pass).await, 200);
    assert_eq!(check(&lab, "added.test", "/closed/a", &pass).await, 403);
    assert_eq!(check(&lab, "added.test", "/open", "").await, 200);

    root.click("Change").await;
    root.submit("Save the service", &[("allow", "group nobody here"), ("your_password", GOOD)]).await;
    assert!(root.page().text().contains("For the group nobody here"), "{}", root.page());
    assert!(root.page().text().contains("/closed/*: nobody"), "the rules stayed: {}", root.page());
    assert_eq!(check(&lab, "added.test", "/a", &pass).await, 403);

    root.click("Remove").await;
    assert!(root.page().text().contains("Remove this service?"), "{}", root.page());
    agree(&mut root, "Remove", GOOD).await;
    assert!(!root.page().text().contains("added.test"), "{}", root.page());
    assert_eq!(check(&lab, "added.test", "/open", "").await, 403, "its public path, too");
    ada.open("https://added.test/a").await;
    assert_eq!(ada.page().status(), 403, "{}", ada.page());
}

#[tokio::test]
async fn f27_a_service_is_changed_on_proof_alone_and_a_form_is_kept_that_was_refused() {
    let lab = with_services().build();
    let mut root = administrator(&lab).await;
    let cookie = session_cookie(&root);
    for (method, path) in [
        ("POST", "/api/auth/services"),
        ("POST", "/admin/add-service"),
        ("PUT", "/api/auth/services/wiki"),
        ("DELETE", "/api/auth/services/wiki"),
    ] {
        let headers = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/json"),
        ];
        let mut request = request(method, path, &headers);
        let body = json!({ "name": "Wiki", "url": "https://added.test", "id": "wiki" });
        *request.body_mut() = body.to_string().into();
        let answer = lab.request(request).await;
        assert_eq!(super::json(&answer)["code"], "proof_needed", "{method} {path}");
    }
    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    let hers = session_cookie(&ada);
    for (method, path) in [("GET", "/api/auth/services"), ("POST", "/api/auth/services")] {
        let (status, answer) = send(&lab, &hers, method, path, &json!({ "id": "wiki" })).await;
        assert_eq!((status, &answer["code"]), (403, &json!("not_administrator")), "{method}");
    }

    root.open("/admin/add-service").await;
    let wrong = WIKI.map(|(name, value)| (name, if name == "your_password" { "wrong" } else { value }));
    root.submit("Add a service", &wrong).await;
    assert_eq!(root.page().status(), 401, "{}", root.page());
    assert!(root.page().html().contains("GET /open = public"), "{}", root.page().html());
    assert_eq!(lab.store().list().await.unwrap().list, []);
}

#[tokio::test]
async fn a_program_adds_reads_changes_and_removes_a_service() {
    let lab = with_services().build();
    let root = administrator(&lab).await;
    let cookie = session_cookie(&root);
    let wiki = json!({ "id": "wiki", "name": "Wiki", "url": "https://added.test", "allow": "group staff" });
    let added = send(&lab, &cookie, "POST", "/api/auth/services", &wiki).await;
    assert_eq!(added, (204, Value::Null));
    let (_, mut fields) = send(&lab, &cookie, "GET", "/api/auth/services/wiki", &Value::Null).await;
    assert_eq!((&fields["allow"], &fields["rules"]), (&json!("group staff"), &json!("")));
    fields["rules"] = json!("/static/* = public");
    let changed = send(&lab, &cookie, "PUT", "/api/auth/services/wiki", &fields).await;
    assert_eq!(changed, (204, Value::Null), "what was read can be written");
    let (_, listed) = send(&lab, &cookie, "GET", "/api/auth/services", &Value::Null).await;
    let listed = listed["services"].as_array().unwrap().clone();
    let ids: Vec<_> = listed.iter().map(|it| (it["id"].as_str().unwrap(), it["added"] == true)).collect();
    assert_eq!(ids, [("mlflow", false), ("notebooks", false), ("grafana", false), ("wiki", true)]);
    assert_eq!(listed[3]["rules"], json!([{ "for": "/static/*", "allow": "everybody" }]));

    for (method, path, body, status, code, said) in [
        ("POST", "", json!({ "id": "x", "allow_groups": "staff" }), 422, "service_invalid", "allow_groups"),
        (
            "POST",
            "",
            json!({ "id": "x", "name": "X", "url": "https://nb.test" }),
            422,
            "service_invalid",
            "one address",
        ),
        ("PUT", "/wiki", json!({ "id": "other" }), 400, "bad_request", ""),
        ("PUT", "/nb", json!({ "name": "X", "url": "https://x.test" }), 404, "service_unknown", ""),
        ("DELETE", "/mlflow", json!({}), 409, "service_configured", ""),
        ("GET", "/mlflow", json!({}), 404, "not_found", ""),
    ] {
        let (answered, told) = send(&lab, &cookie, method, &format!("/api/auth/services{path}"), &body).await;
        assert_eq!((answered, &told["code"]), (status, &json!(code)), "{method} {path}: {told}");
        assert!(told["title"].as_str().unwrap().contains(said), "{told}");
    }
    let removed = send(&lab, &cookie, "DELETE", "/api/auth/services/wiki", &json!({})).await;
    assert_eq!(removed, (204, Value::Null));
    assert_eq!(lab.store().list().await.unwrap().list, []);
}

#[tokio::test]
async fn c192_the_name_and_the_fault_of_a_service_are_escaped() {
    let lab = with_services().build();
    let mut root = administrator(&lab).await;
    let hostile = "<script>alert(1)</script>";
    root.open("/admin/add-service").await;
    let typed = WIKI.map(|(name, value)| (name, if name == "name" { hostile } else { value }));
    root.submit("Add a service", &typed).await;
    assert!(
        root.page().text().contains(hostile) && !root.page().html().contains("<script>"),
        "{}",
        root.page()
    );
    root.click("Change").await;
    root.submit("Save the service", &[("rules", hostile), ("your_password", GOOD)]).await;
    assert_eq!(root.page().status(), 422);
    assert!(root.page().text().contains("is no rule") && !root.page().html().contains("<script>"));
}

#[tokio::test]
async fn an_error_on_the_host_of_a_service_brings_its_style_along() {
    let lab = with_services().build();
    let mut ada = lab.browser();
    ada.open("https://nb.test/.labgate/enter").await;
    let page = ada.page();
    assert_eq!(page.status(), 400, "{page}");
    let style = page.html().split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert!(!page.html().contains("stylesheet"), "{}", page.html());
    let sheet = lab.request(request("GET", "/assets/labgate.css", &[])).await;
    assert_eq!(style.as_bytes(), &**sheet.body(), "the hash in the policy is that of the style sheet");
}
