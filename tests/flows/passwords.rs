//! Names and passwords: the lab's own way in.

use std::time::Duration;

use labgate_domain::people::Role;
use labgate_test_harness::{Browser, TestLab};

use super::{agree, cookie_names, json, posted, proven, request, session_cookie};

const GOOD: &str = "correct horse battery";
const OTHER: &str = "staple clip drawer";

async fn sign_in(browser: &mut Browser, name: &str, password: &str) {
    browser.open("https://lab.test/login").await;
    browser.submit("Sign in with password", &[("username", name), ("password", password)]).await;
}

/// A lab with an administrator, signed in.
async fn with_administrator(lab: &TestLab) -> Browser {
    let mut browser = lab.browser();
    browser.open(&lab.setup_link()).await;
    browser.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    assert!(browser.page().text().contains("root"), "{}", browser.page());
    browser
}

#[tokio::test]
async fn setup_then_a_new_account_that_must_change_its_password() {
    let lab = TestLab::builder().without_provider().build();
    let mut root = with_administrator(&lab).await;
    root.click("Manage accounts").await;
    root.submit("Create account", &[("username", "Ada"), ("name", "Ada"), ("your_password", GOOD)]).await;
    let text = root.page().text();
    let initial =
        text.split_whitespace().find(|word| word.matches('-').count() == 3).expect("no password").to_owned();

    let mut ada = lab.browser();
    sign_in(&mut ada, "ada", &initial).await;
    assert_eq!(ada.page().url().path(), "/password", "{}", ada.page());
    assert!(!cookie_names(&ada).contains(&"__Host-labgate".to_owned()), "signed in with an initial password");
    ada.submit("Change the password", &[("next", OTHER)]).await;
    assert!(ada.page().text().contains("Hello, Ada"), "{}", ada.page());
    assert_eq!(cookie_names(&ada), ["__Host-labgate", "__Host-labgate-device"]);

    let cookie = session_cookie(&ada);
    let check = || lab.request(request("GET", "/api/auth/verify", &[("cookie", &cookie)]));
    assert_eq!(check().await.status(), 200);
    root.open("/admin?search=ADA").await;
    root.click("ada").await;
    root.click("Disable").await;
    agree(&mut root, "Disable", GOOD).await;
    assert!(root.page().text().contains("user (disabled)"), "{}", root.page());
    assert_eq!(check().await.status(), 401, "a disabled person is out at once");
    sign_in(&mut ada, "ada", OTHER).await;
    assert_eq!(ada.page().status(), 401);
}

#[tokio::test]
async fn a_setup_link_works_once_and_only_with_its_token() {
    let lab = TestLab::new();
    let mut stranger = lab.browser();
    for path in ["/setup", "/setup?token=", "/setup?token=guessed"] {
        stranger.open(path).await;
        assert!(stranger.page().text().contains("(setup_closed)"), "{}", stranger.page());
    }
    with_administrator(&lab).await;
    stranger.open(&lab.setup_link()).await;
    assert!(stranger.page().text().contains("(setup_closed)"), "{}", stranger.page());
}

#[tokio::test]
async fn people_register_themselves_and_choose_a_good_password() {
    let lab = TestLab::builder().without_provider().build();
    let mut browser = lab.browser();
    browser.open("/login").await;
    browser.click("Create account").await;
    for (username, password, complaint) in [
        ("ada", "short", "too short"),
        ("ada", "my password 12345", "first that an attacker tries"),
        ("ada-lovelace", "i am ada-lovelace!", "your own name"),
        ("ada@example.com", GOOD, "A username has"),
        ("аda", GOOD, "A username has"),
    ] {
        browser.submit("Create account", &[("username", username), ("password", password)]).await;
        assert!(browser.page().text().contains(complaint), "{username} {password}: {}", browser.page());
        assert_eq!(browser.page().status(), 422);
        assert!(!browser.page().html().contains(&format!("\"{password}\"")), "the password is on the page");
    }
    browser.submit("Create account", &[("username", "Ada"), ("password", GOOD)]).await;
    assert!(browser.page().text().contains("Hello, ada"), "{}", browser.page());

    let mut other = lab.browser();
    other.open("/register").await;
    other.submit("Create account", &[("username", "ADA"), ("password", OTHER)]).await;
    assert_eq!(other.page().status(), 409, "{}", other.page());
}

#[tokio::test]
async fn without_self_registration_there_is_no_way_to_register() {
    let lab = TestLab::builder().without_self_registration().build();
    let mut browser = lab.browser();
    browser.open("/login").await;
    assert!(!browser.page().text().contains("Create account"));
    browser.open("/register").await;
    assert_eq!(browser.page().status(), 404);
    let script = [("sec-fetch-site", "same-origin")];
    let refused = lab.request(request("POST", "/api/auth/register", &script)).await;
    assert_eq!(json(&refused)["code"], "self_registration_off");
}

#[tokio::test]
async fn c176_an_unknown_name_and_a_wrong_password_look_alike() {
    let lab = TestLab::new();
    lab.add_account("ada", Role::User, GOOD).await;
    let mut pages = Vec::new();
    for (name, password) in [("ada", "wrong"), ("nobody", "wrong")] {
        let mut browser = lab.browser();
        sign_in(&mut browser, name, password).await;
        let reference = browser.page().html().split("<code>").nth(1).unwrap()[..9].to_owned();
        let token = browser
            .page()
            .html()
            .split("csrf_token\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let html = browser.page().html().replace(&reference, "").replace(&token, "").replace(name, "");
        pages.push((browser.page().status(), html, cookie_names(&browser)));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[0].0, 401);
}

#[tokio::test]
async fn c177_attempts_are_rate_limited_without_locking_the_owner_out() {
    let lab = TestLab::new();
    with_administrator(&lab).await;
    let mut browser = lab.browser();
    // The harness states no address: counted is the name alone.
    for _ in 0..50 {
        sign_in(&mut browser, "root", "wrong").await;
        assert_eq!(browser.page().status(), 401);
    }
    sign_in(&mut browser, "ROOT", GOOD).await;
    assert_eq!(browser.page().status(), 429);
    assert!(browser.page().text().contains("Too many attempts"), "{}", browser.page());
    lab.clock().advance(Duration::from_mins(1));
    sign_in(&mut browser, "root", GOOD).await;
    assert!(browser.page().text().contains("Hello, root"), "{}", browser.page());
}

#[tokio::test]
async fn c178_another_site_can_neither_sign_a_person_in_nor_change_anything() {
    let lab = TestLab::new();
    let mut browser = with_administrator(&lab).await;
    let forms: [(&str, &[(&str, &str)]); 5] = [
        ("/api/auth/login", &[("username", "root"), ("password", GOOD)]),
        ("/api/auth/register", &[("username", "mallory"), ("password", OTHER)]),
        ("/api/auth/password", &[("present", GOOD), ("next", OTHER)]),
        ("/api/auth/users", &[("username", "mallory")]),
        ("/api/auth/logout", &[]),
    ];
    for (path, fields) in forms {
        browser.post_from("https://evil.test/", &format!("https://lab.test{path}"), fields).await;
        assert!(browser.page().text().contains("(csrf_failed)"), "{path}: {}", browser.page());
        // From our own origin, but not from a page of ours: the form token is missing.
        browser
            .post_from("https://lab.test/notebooks/of-mallory", &format!("https://lab.test{path}"), fields)
            .await;
        assert!(browser.page().text().contains("(csrf_failed)"), "{path}: {}", browser.page());
    }
    assert_eq!(lab.store().account_count(), 1);
}

#[tokio::test]
async fn c179_a_password_change_needs_the_present_one_and_ends_all_sessions() {
    let lab = TestLab::new();
    let mut one = with_administrator(&lab).await;
    let mut other = lab.browser();
    sign_in(&mut other, "root", GOOD).await;
    let others = session_cookie(&other);
    let mine = session_cookie(&one);

    one.open("/password").await;
    one.submit("Change the password", &[("present", "wrong"), ("next", OTHER)]).await;
    assert_eq!(one.page().status(), 401);
    one.submit("Change the password", &[("present", GOOD), ("next", GOOD)]).await;
    assert!(one.page().text().contains("your present password"), "{}", one.page());
    one.submit("Change the password", &[("present", GOOD), ("next", OTHER)]).await;
    assert!(one.page().text().contains("Hello, root"), "{}", one.page());
    for old in [others, mine] {
        assert_eq!(lab.request(request("GET", "/api/auth/verify", &[("cookie", &old)])).await.status(), 401);
    }
    sign_in(&mut other, "root", GOOD).await;
    assert_eq!(other.page().status(), 401);
    sign_in(&mut other, "root", OTHER).await;
    assert!(other.page().text().contains("Hello, root"), "{}", other.page());
}

#[tokio::test]
async fn the_api_signs_in_and_administers_with_json() {
    let lab = TestLab::new();
    let mut browser = with_administrator(&lab).await;
    let cookie = session_cookie(&browser);
    let post = |path: &str, body: &str| lab.request(posted(path, &cookie, &proven(body, GOOD)));
    let created = post("/api/auth/users", r#"{"username":"ada","role":"user"}"#).await;
    assert_eq!(created.status(), 201);
    let created = json(&created);
    let initial = created["initial_password"].as_str().unwrap();
    let id = created["id"].as_str().unwrap();

    let due =
        post("/api/auth/login", &serde_json::json!({"username": "ada", "password": initial}).to_string())
            .await;
    assert_eq!(json(&due)["status"], "change_due");
    let list = lab.request(request("GET", "/api/auth/users?search=ad", &[("cookie", &cookie)])).await;
    assert_eq!(json(&list)["accounts"][0]["username"], "ada");
    assert_eq!(post(&format!("/api/auth/users/{id}/make-admin"), "").await.status(), 204);
    assert_eq!(post(&format!("/api/auth/users/{id}/make-user"), "").await.status(), 204);
    assert_eq!(post(&format!("/api/auth/users/{id}/delete"), "").await.status(), 204);
    let gone = lab.request(request("GET", &format!("/api/auth/users/{id}"), &[("cookie", &cookie)])).await;
    assert_eq!((gone.status().as_u16(), json(&gone)["code"].as_str()), (404, Some("account_unknown")));
    for (path, body, code) in [
        ("/api/auth/users", r#"{"username":"root"}"#, "name_taken"),
        ("/api/auth/users", r"{}", "username_malformed"),
        ("/api/auth/users", r#"{"username":1}"#, "bad_request"),
        ("/api/auth/users", r#"{"email":"nonsense"}"#, "email_invalid"),
        ("/api/auth/users/nonsense/disable", "", "not_found"),
        ("/api/auth/login", r#"{"username":"root","password":"wrong"}"#, "credentials_wrong"),
    ] {
        assert_eq!(json(&post(path, body).await)["code"], code, "{path} {body}");
    }
    browser.open("/admin").await;
    browser.click("root").await;
    browser.click("Disable").await;
    agree(&mut browser, "Disable", GOOD).await;
    assert!(browser.page().text().contains("the last active administrator"), "{}", browser.page());
}

#[tokio::test]
async fn an_expired_password_change_ticket_is_ignored() {
    let lab = TestLab::builder().without_provider().build();
    let browser = with_administrator(&lab).await;
    let cookie = session_cookie(&browser);
    let post = |path: &str, cookie: &str, body: &str| lab.request(posted(path, cookie, &proven(body, GOOD)));
    let created = json(&post("/api/auth/users", &cookie, r#"{"username":"ada"}"#).await);
    let login = serde_json::json!({"username": "ada", "password": created["initial_password"]}).to_string();
    let due = post("/api/auth/login", "", &login).await;
    let ticket = due.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert!(ticket.starts_with("__Host-labgate-change="), "{ticket}");

    let id = created["id"].as_str().unwrap();
    assert_eq!(post(&format!("/api/auth/users/{id}/reset-password"), &cookie, "").await.status(), 200);
    let refused = post("/api/auth/password", &ticket, r#"{"next":"quarry pebble lighthouse"}"#).await;
    assert_eq!(json(&refused)["code"], "attempt_spent");
    let cleared = refused.headers()["set-cookie"].to_str().unwrap();
    assert!(cleared.starts_with("__Host-labgate-change=;") && cleared.contains("Max-Age=0"), "{cleared}");
}

#[tokio::test]
async fn administration_needs_the_role_admin() {
    let lab = TestLab::builder().without_provider().build();
    with_administrator(&lab).await;
    let mut user = lab.browser();
    user.open("/register").await;
    user.submit("Create account", &[("username", "ada"), ("password", OTHER)]).await;
    let cookie = session_cookie(&user);
    for (method, path) in [("GET", "/api/auth/users"), ("POST", "/api/auth/users"), ("GET", "/admin")] {
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let refused = lab.request(request(method, path, &headers)).await;
        assert_eq!(
            (refused.status().as_u16(), json(&refused)["code"].as_str()),
            (403, Some("not_administrator"))
        );
        let nobody = lab.request(request(method, path, &[("sec-fetch-site", "same-origin")])).await;
        assert_eq!(nobody.status(), 401, "{method} {path}");
    }
}

#[tokio::test]
async fn with_a_provider_self_registration_is_off() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/login").await;
    assert!(!browser.page().text().contains("Create account"), "{}", browser.page());
    browser.open("/register").await;
    assert_eq!(browser.page().status(), 404);
    let refused =
        lab.request(request("POST", "/api/auth/register", &[("sec-fetch-site", "same-origin")])).await;
    assert_eq!(json(&refused)["code"], "self_registration_off");
    assert_eq!(lab.store().account_count(), 0);
}
