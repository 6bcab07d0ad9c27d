//! What a page of the same origin, or a copied session cookie, can do for its person: not what matters.

use std::time::Duration;

use labgate_domain::people::{Account, Role};
use labgate_test_harness::{Browser, TestLab};

use super::{ADA, CAROL, agree, json, posted, proven, request, session_cookie, with_carol};

const GOOD: &str = "correct horse battery";

/// A browser in which the first administrator is signed in.
async fn administrator(lab: &TestLab) -> Browser {
    let mut browser = lab.browser();
    browser.open(&lab.setup_link()).await;
    browser.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    browser
}

/// A lab with the administrator Ada, who signs in at the provider alone, and Bob. The second browser is hers.
async fn without_password(lab: &TestLab) -> (Browser, Browser) {
    let mut root = administrator(lab).await;
    lab.add_account("bob", Role::User, GOOD).await;
    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    root.open("/admin").await;
    root.click("ada@example.test").await;
    root.click("Make an administrator").await;
    agree(&mut root, "Make an administrator", GOOD).await;
    (root, ada)
}

fn of(lab: &TestLab, name: &str) -> Account {
    lab.store().accounts().into_iter().find(|it| it.username.as_str() == name).expect("no such account")
}

#[tokio::test]
async fn f27_a_session_of_any_age_changes_nothing_that_matters() {
    let lab = TestLab::new();
    lab.add_account("ada", Role::User, GOOD).await;
    let root = administrator(&lab).await;
    let (cookie, ada) = (session_cookie(&root), of(&lab, "ada").id);
    let before = lab.store().accounts();
    let issuer = lab.idp().issuers()[0].issuer().to_string();
    let user = |action: &str| format!("/api/auth/users/{ada}/{action}");
    let attacks = [
        ("/api/auth/users".to_owned(), r#"{"username":"mallory","role":"admin"}"#.to_owned()),
        ("/admin".to_owned(), r#"{"username":"mallory","role":"admin"}"#.to_owned()),
        (user("make-admin"), String::new()),
        (user("make-user"), String::new()),
        (user("disable"), String::new()),
        (user("enable"), String::new()),
        (user("rename"), r#"{"username":"mallory"}"#.to_owned()),
        (user("sign-out"), String::new()),
        (user("reset-password"), r#"{"password":"copper meadow violin"}"#.to_owned()),
        (user("delete"), String::new()),
        (format!("/admin/accounts/{ada}/make-admin"), String::new()),
        (
            "/api/auth/identities/move".to_owned(),
            serde_json::json!({"from": "https://old.example", "to": issuer}).to_string(),
        ),
        ("/api/auth/account/link".to_owned(), String::new()),
        (
            "/api/auth/account/unlink".to_owned(),
            serde_json::json!({"issuer": issuer, "subject": "ada"}).to_string(),
        ),
    ];
    for age in [0, 1, 600] {
        lab.clock().advance(Duration::from_secs(age));
        for (path, body) in &attacks {
            for body in [body.clone(), proven(body, "")] {
                let answer = lab.request(posted(path, &cookie, &body)).await;
                let code = json(&answer)["code"].clone();
                assert_eq!(
                    (answer.status().as_u16(), code.as_str()),
                    (403, Some("proof_needed")),
                    "{path} {body}"
                );
            }
        }
        let mut deletion = posted(&format!("/api/auth/users/{ada}"), &cookie, "");
        *deletion.method_mut() = http::Method::DELETE;
        assert_eq!(json(&lab.request(deletion).await)["code"], "proof_needed");
    }
    assert_eq!(lab.store().accounts(), before);

    // With the password of another account it is no better, and guessing is limited.
    let path = user("make-admin");
    let mut codes = Vec::new();
    for _ in 0..6 {
        let guess = proven("", "copper meadow violin");
        codes.push(json(&lab.request(posted(&path, &cookie, &guess)).await)["code"].clone());
    }
    assert_eq!(codes.first().unwrap(), "credentials_wrong");
    assert_eq!(codes.last().unwrap(), "too_many_tries");
    assert_eq!(lab.store().accounts(), before);
}

#[tokio::test]
async fn f27_scripts_and_frames_get_no_page_and_send_no_form() {
    let lab = TestLab::new();
    lab.add_account("ada", Role::User, GOOD).await;
    let mut root = administrator(&lab).await;
    root.open("/admin").await;
    let html = root.page().html();
    let token = html.split("csrf_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let cookie = session_cookie(&root);
    let ada = of(&lab, "ada").id;
    let account = format!("/admin/accounts/{ada}");
    let action = format!("{account}/make-admin");
    let form =
        format!("csrf_token={token}&username=mallory&role=admin&your_password={}", GOOD.replace(' ', "+"));
    for (mode, dest) in [
        ("cors", "empty"),
        ("no-cors", "empty"),
        ("same-origin", "empty"),
        ("navigate", "iframe"),
        ("navigate", "frame"),
        ("navigate", "object"),
        ("navigate", "embed"),
        ("no-cors", "script"),
    ] {
        let asked = |method: &str, path: &str| {
            let headers = [
                ("cookie", &*cookie),
                ("accept", "text/html"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            request(method, path, &headers)
        };
        for path in [
            "/",
            "/login",
            "/register",
            "/setup",
            "/password",
            "/account",
            "/link",
            "/admin",
            &account,
            &action,
        ] {
            let answer = lab.request(asked("GET", path)).await;
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            assert_eq!(answer.status(), 403, "{mode} {dest} {path}");
            assert!(body.contains("top_level_only") && !body.contains("csrf_token"), "{path}: {body}");
            assert!(!answer.headers().contains_key("set-cookie"), "{path}");
        }
        for path in ["/admin", "/api/auth/users", &action] {
            let mut post = asked("POST", path);
            post.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
            *post.body_mut() = form.clone().into();
            let answer = lab.request(post).await;
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            assert!(
                answer.status() == 403 && body.contains("top_level_only"),
                "{mode} {dest} {path}: {body}"
            );
        }
    }
    assert_eq!((lab.store().account_count(), of(&lab, "ada").role), (2, Role::User));
    // A browser that says nothing of the kind is served.
    let old = lab.request(request("GET", "/admin", &[("cookie", &cookie), ("accept", "text/html")])).await;
    assert_eq!(old.status(), 200);
}

#[tokio::test]
async fn f27_an_administrator_without_a_password_confirms_at_the_provider() {
    let lab = with_carol().build();
    let (_, mut ada) = without_password(&lab).await;
    ada.open("/admin").await;
    ada.click("bob").await;
    ada.click("Make an administrator").await;
    assert!(!ada.page().html().contains("your_password"), "{}", ada.page());
    let question = ada.page().url().clone();

    // Another person at the provider confirms nothing.
    ada.click("Confirm at Mock provider").await;
    ada.click("Go on to Mock provider").await;
    ada.click(CAROL).await;
    assert!(ada.page().text().contains("(another_person)"), "{}", ada.page());

    ada.open(question.as_str()).await;
    ada.click("Confirm at Mock provider").await;
    ada.click("Go on to Mock provider").await;
    ada.click(ADA).await;
    assert_eq!(ada.page().url(), &question, "{}", ada.page());
    assert!(ada.page().text().contains("You have just confirmed this"), "{}", ada.page());
    assert_eq!(of(&lab, "bob").role, Role::User);

    // The ticket is for this act, in this session, once; whoever copies the cookies has no other use for it.
    let copied: Vec<_> = ada.cookies("https://lab.test/");
    let copied: Vec<_> = copied.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let (cookies, bob) = (copied.join("; "), of(&lab, "bob").id);
    assert!(cookies.contains("__Host-labgate-proof="), "{cookies}");
    let act = async |action: &str| {
        let answer = lab.request(posted(&format!("/api/auth/users/{bob}/{action}"), &cookies, "")).await;
        if answer.status() == 204 { None } else { json(&answer)["code"].as_str().map(str::to_owned) }
    };
    for other in ["disable", "delete", "reset-password", "make-user"] {
        assert_eq!(act(other).await.as_deref(), Some("proof_needed"), "{other}");
    }
    ada.click("Make an administrator").await;
    assert_eq!(ada.page().url().path(), format!("/admin/accounts/{bob}"), "{}", ada.page());
    assert_eq!(of(&lab, "bob").role, Role::Admin);
    let left = ada.cookies("https://lab.test/");
    assert!(left.iter().all(|cookie| cookie.name != "__Host-labgate-proof"));
    assert_eq!(act("make-admin").await.as_deref(), Some("proof_needed"), "once");
}

#[tokio::test]
async fn f27_the_provider_confirms_a_form_as_it_was_filled_in() {
    let lab = TestLab::new();
    let (_, mut ada) = without_password(&lab).await;
    ada.open("/admin").await;
    let fields = [("username", "eve"), ("name", "Eve & <b>"), ("email", ""), ("role", "admin")];
    ada.submit("Confirm at Mock provider", &fields).await;
    ada.click("Go on to Mock provider").await;
    ada.click(ADA).await;
    assert_eq!(ada.page().url().path(), "/admin", "{}", ada.page());
    let html = ada.page().html();
    assert!(
        html.contains("name=\"username\" value=\"eve\"") && html.contains("Eve &#38; &#60;b&#62;"),
        "{html}"
    );
    assert!(html.contains("value=\"admin\" selected"), "{html}");

    let page = ada.page().url().to_string();
    ada.submit("Create account", &[("username", "mallory"), ("role", "admin")]).await;
    assert_eq!(ada.page().status(), 403, "{}", ada.page());
    assert_eq!(lab.store().account_count(), 3);
    ada.open(&page).await;
    ada.submit("Create account", &[("role", "admin")]).await;
    assert_eq!((ada.page().status().as_u16(), of(&lab, "eve").role), (201, Role::Admin), "{}", ada.page());
}

#[tokio::test]
async fn f27_an_account_without_a_password_is_linked_on_confirmation_at_its_provider() {
    let lab = TestLab::builder().with_second_provider().build();
    let mut ada = lab.browser();
    lab.sign_in(&mut ada, ADA).await;
    ada.open("/account").await;
    ada.click("Add Second provider").await;
    ada.click("Confirm at Mock provider").await;
    ada.click("Go on to Mock provider").await;
    ada.click(ADA).await;
    ada.click("Add Second provider").await;
    ada.click("Go on to Second provider").await;
    ada.click(ADA).await;
    ada.click("Yes, add Second provider").await;
    assert!(ada.page().text().contains("Second provider as ada@example.test"), "{}", ada.page());
    assert_eq!(lab.store().account_count(), 1);
}

#[tokio::test]
async fn f27_a_script_cannot_take_the_next_step_of_a_person() {
    let lab = TestLab::new();
    lab.add_account("bob", Role::User, GOOD).await;
    let mut bob = lab.browser();
    bob.open("/login").await;
    bob.submit("Sign in with password", &[("username", "bob"), ("password", GOOD)]).await;
    assert_eq!(bob.page().url().path(), "/password", "{}", bob.page());
    let cookies = bob.cookies("https://lab.test/");
    let cookies: Vec<_> = cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
    let mut script = posted("/api/auth/password", &cookies.join("; "), r#"{"next":"the choice of mallory"}"#);
    script.headers_mut().insert("sec-fetch-mode", "cors".parse().unwrap());
    script.headers_mut().insert("sec-fetch-dest", "empty".parse().unwrap());
    assert_eq!(json(&lab.request(script).await)["code"], "not_signed_in");
    bob.submit("Change the password", &[("next", "staple clip drawer")]).await;
    assert!(bob.page().text().contains("Hello, bob"), "{}", bob.page());
}
