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

/// Sends a request of the API with the administrator's password, whatever there is by now.
async fn send(lab: &TestLab, cookie: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    send_if(lab, cookie, method, path, body, Some("*")).await
}

/// The same with this precondition.
async fn send_if(
    lab: &TestLab,
    cookie: &str,
    method: &str,
    path: &str,
    body: &Value,
    if_match: Option<&str>,
) -> (u16, Value) {
    let headers =
        [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    let headers: Vec<_> = headers.into_iter().chain(if_match.map(|tag| ("if-match", tag))).collect();
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
    ("rules", "/closed/* = deny\nGET /open = public"),
    ("your_password", GOOD),
];

const WIKI_API: &str = "/api/auth/services/wiki";

/// Returns the `ETag` of the wiki.
async fn etag(lab: &TestLab, cookie: &str) -> String {
    let answer = lab.request(request("GET", WIKI_API, &[("cookie", cookie)])).await;
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

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
        text.contains("For every user") && text.contains("GET /open: everyone, signed in or not"),
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
    root.submit("Save the service", &[("allow", "group physics"), ("your_password", GOOD)]).await;
    assert!(root.page().text().contains("For the group physics"), "{}", root.page());
    assert!(root.page().text().contains("/closed/*: no user"), "the rules stayed: {}", root.page());
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
            ("if-match", "*"),
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
    assert_eq!(listed[3]["rules"], json!([{ "for": "/static/*", "allow": "everyone, signed in or not" }]));

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
async fn a_form_that_another_administrator_overtook_tells_what_they_changed() {
    let lab = with_services().build();
    let mut root = administrator(&lab).await;
    let cookie = session_cookie(&root);
    root.open("/admin/add-service").await;
    root.submit("Add a service", &WIKI).await;
    root.click("Change").await;
    let (_, mut theirs) = send(&lab, &cookie, "GET", WIKI_API, &Value::Null).await;
    theirs["allow"] = json!("group <b>staff</b>");
    assert_eq!(send(&lab, &cookie, "PUT", WIKI_API, &theirs).await.0, 204);
    let after_theirs = lab.store().list().await.unwrap();

    let mine = [("name", "Our wiki"), ("your_password", GOOD)];
    root.submit("Save the service", &mine).await;
    let page = root.page();
    assert_eq!(page.status(), 409, "{page}");
    assert_eq!(lab.store().list().await.unwrap(), after_theirs, "nothing was changed");
    let text = page.text();
    assert!(text.contains("has changed this service meanwhile") && !page.html().contains("<b>"), "{page}");
    assert!(text.contains("Who may use it: group <b>staff</b>") && text.contains("Name: Wiki"), "{page}");
    assert!(!text.contains("Address: https"), "the same on both sides: {page}");
    assert!(page.html().contains("Our wiki"), "what was typed is kept: {page}");

    // A wrong password in between takes nothing for seen.
    root.submit("Save the service", &[("your_password", "wrong")]).await;
    theirs["icon"] = json!("W");
    assert_eq!(send(&lab, &cookie, "PUT", WIKI_API, &theirs).await.0, 204);
    root.submit("Save the service", &[("your_password", GOOD)]).await;
    assert_eq!(root.page().status(), 409, "{}", root.page());
    root.submit("Save the service", &[("your_password", GOOD)]).await;
    let (_, saved) = send(&lab, &cookie, "GET", WIKI_API, &Value::Null).await;
    assert_eq!(
        (&saved["name"], &saved["allow"]),
        (&json!("Our wiki"), &json!("signed_in")),
        "seen, and saved"
    );

    root.open("/admin/services/wiki/remove").await;
    assert_eq!(send(&lab, &cookie, "PUT", WIKI_API, &theirs).await.0, 204);
    agree(&mut root, "Remove", GOOD).await;
    assert_eq!(root.page().status(), 409, "{}", root.page());
    assert!(root.page().text().contains("has changed this service meanwhile"), "{}", root.page());
    agree(&mut root, "Remove", "wrong").await;
    agree(&mut root, "Remove", GOOD).await;
    assert_eq!(lab.store().list().await.unwrap().list, []);
}

#[tokio::test]
async fn a_program_changes_and_removes_only_the_definition_that_it_names() {
    let lab = with_services().build();
    let root = administrator(&lab).await;
    let cookie = session_cookie(&root);
    let wiki = json!({ "id": "wiki", "name": "Wiki", "url": "https://added.test", "allow": "group staff" });
    assert_eq!(send(&lab, &cookie, "POST", "/api/auth/services", &wiki).await.0, 204);
    let again = send(&lab, &cookie, "POST", "/api/auth/services", &wiki).await;
    assert_eq!((again.0, &again.1["code"]), (422, &json!("service_invalid")), "added meanwhile");
    let first = etag(&lab, &cookie).await;
    let docs = json!({ "name": "Docs", "url": "https://added.test", "allow": "group staff" });
    let weak = format!("W/{first}");
    for (method, if_match, status, code) in [
        ("PUT", None, 428, "if_match_needed"),
        ("DELETE", None, 428, "if_match_needed"),
        ("PUT", Some("\"\""), 412, "definition_changed"),
        ("DELETE", Some(&*weak), 412, "definition_changed"),
        ("DELETE", Some(first.trim_matches('"')), 412, "definition_changed"),
        ("PUT", Some(&*first), 204, ""),
        ("PUT", Some(&*first), 412, "definition_changed"),
        ("DELETE", Some(&*first), 412, "definition_changed"),
    ] {
        let (answered, told) = send_if(&lab, &cookie, method, WIKI_API, &docs, if_match).await;
        assert_eq!(answered, status, "{method} {if_match:?}: {told}");
        assert!(code.is_empty() || told["code"] == code, "{told}");
    }
    let one_of = format!("{first}, {}", etag(&lab, &cookie).await);
    assert_eq!(send_if(&lab, &cookie, "DELETE", WIKI_API, &json!({}), Some(&*one_of)).await.0, 204);
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
