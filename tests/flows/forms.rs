//! Forms: refused, they come again at their own address with what was typed; and they ask before what cannot
//! be taken back.

use labgate_domain::people::Role;
use labgate_test_harness::{Browser, TestLab};

use super::{ADA, agree, cookie_names, json, request, session_cookie};

const GOOD: &str = "correct horse battery";
const OTHER: &str = "staple clip drawer";

/// A browser in which the first administrator is signed in.
async fn administrator(lab: &TestLab) -> Browser {
    let mut browser = lab.browser();
    browser.open(&lab.setup_link()).await;
    browser.submit("Create account", &[("username", "root"), ("password", GOOD)]).await;
    browser
}

fn place(browser: &Browser, text: &str) -> usize {
    browser.page().html().find(text).unwrap_or_else(|| panic!("no {text} in {}", browser.page()))
}

/// Loads the address that is shown anew, as from a bookmark.
async fn reload(browser: &mut Browser) -> u16 {
    let url = browser.page().url().to_string();
    browser.open(&url).await.status().as_u16()
}

#[tokio::test]
async fn f36_the_provider_comes_first_and_the_password_form_below() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/login").await;
    assert!(place(&browser, "Continue with Mock provider") < place(&browser, "Sign in with password"));
    assert!(browser.page().html().contains("<a class=\"button\" href=\"/api/auth/oidc/login"));
    assert!(browser.page().html().contains("<button class=\"quiet\">Sign in with password"));

    // Whoever has just typed a password meets the problem, and the form, first.
    browser.submit("Sign in with password", &[("username", "ada"), ("password", "wrong")]).await;
    assert!(place(&browser, "role=\"alert\"") < place(&browser, "Sign in with password"));
    assert!(place(&browser, "Sign in with password") < place(&browser, "Continue with Mock provider"));
}

#[tokio::test]
async fn f36_a_failed_sign_in_keeps_name_and_target_at_an_address_that_loads_anew() {
    let lab = TestLab::new();
    lab.add_account("ada", Role::User, GOOD).await;
    let mut browser = lab.browser();
    browser.open("/login?return_to=/notebooks/a%2520b").await;
    browser.submit("Sign in with password", &[("username", "ada"), ("password", "wrong")]).await;
    assert_eq!(browser.page().status(), 401);
    let (url, html) = (browser.page().url(), browser.page().html());
    assert_eq!((url.path(), url.query()), ("/login", Some("return_to=%2Fnotebooks%2Fa%2520b")));
    assert!(html.contains("name=\"username\" value=\"ada\"") && !html.contains("wrong\""), "{html}");
    assert_eq!(reload(&mut browser).await, 200);
    assert!(browser.page().html().contains("name=\"return_to\" value=\"/notebooks/a%20b\""));
}

#[tokio::test]
async fn f36_registration_and_setup_keep_names_and_never_the_password() {
    let lab = TestLab::builder().without_provider().build();
    for (address, path) in [(lab.setup_link(), "/setup"), ("/register".to_owned(), "/register")] {
        let mut browser = lab.browser();
        browser.open(&address).await;
        let fields = [("username", "ada"), ("name", "Ada <b>"), ("password", "short")];
        browser.submit("Create account", &fields).await;
        assert_eq!((browser.page().status().as_u16(), browser.page().url().path()), (422, path));
        let html = browser.page().html();
        assert!(html.contains("name=\"username\" value=\"ada\""), "{html}");
        assert!(html.contains("name=\"name\" value=\"Ada &#60;b&#62;\""), "{html}");
        assert!(!html.contains("short\""), "{html}");
        assert_eq!(reload(&mut browser).await, 200);
        assert!(browser.page().text().contains("Create account"), "{}", browser.page());
    }
}

#[tokio::test]
async fn f36_an_administrators_form_comes_again_with_what_was_typed() {
    let lab = TestLab::new();
    let mut root = administrator(&lab).await;
    let good = [("username", "ada"), ("email", "ada@example.test"), ("name", "Ada <b>"), ("role", "admin")];
    for (field, value, status, problem) in [
        ("username", "root", 409, "This name is taken"),
        ("username", "a b", 422, "A username has"),
        ("email", "nonsense", 422, "not an e-mail address"),
    ] {
        let mut fields = good;
        fields.iter_mut().find(|(name, _)| *name == field).unwrap().1 = value;
        root.open("/admin").await;
        root.submit("Create account", &[&fields[..], &[("your_password", GOOD)]].concat()).await;
        assert_eq!((root.page().status().as_u16(), root.page().url().path()), (status, "/admin"));
        assert!(root.page().text().contains(problem), "{}", root.page());
        let html = root.page().html();
        for (name, typed) in &fields[..3] {
            let value = format!("value=\"{}\"", typed.replace('<', "&#60;").replace('>', "&#62;"));
            let kept = html.contains(&format!("name=\"{name}\" {value}"));
            assert!(kept, "{name} {typed}: {html}");
        }
        assert!(html.contains("value=\"admin\" selected"), "{html}");
        assert_eq!(reload(&mut root).await, 200);
    }
    assert_eq!(lab.store().account_count(), 1);
}

#[tokio::test]
async fn f36_what_cannot_be_taken_back_is_asked_once() {
    let lab = TestLab::new();
    lab.add_account("ada", Role::User, GOOD).await;
    let mut root = administrator(&lab).await;
    let open = async |root: &mut Browser| {
        root.open("/admin").await;
        root.click("ada").await;
    };
    for (action, question) in [
        ("Give a new initial password", "The present password stops working"),
        ("Disable", "Disable this account?"),
        ("Delete for good", "This cannot be undone"),
    ] {
        let before = lab.store().accounts();
        open(&mut root).await;
        root.click(action).await;
        assert!(root.page().text().contains(question), "{}", root.page());
        assert_eq!(reload(&mut root).await, 200, "asking changes nothing");
        root.click("No, leave it as it is").await;
        assert!(root.page().url().path().starts_with("/admin/accounts/"), "{}", root.page());
        assert_eq!(lab.store().accounts(), before);
        root.click(action).await;
        agree(&mut root, action, GOOD).await;
    }
    assert_eq!(root.page().url().path(), "/admin", "{}", root.page());
    assert_eq!(lab.store().account_count(), 1);
}

#[tokio::test]
async fn f36_a_refused_change_is_asked_again() {
    let lab = TestLab::new();
    let mut root = administrator(&lab).await;
    root.open("/admin").await;
    root.click("root").await;
    root.click("Make a user").await;
    for (password, status, problem) in [
        ("", 403, "Please confirm that it is you"),
        ("wrong", 401, "The name or the password is wrong"),
        (GOOD, 409, "the last active administrator"),
    ] {
        agree(&mut root, "Make a user", password).await;
        assert_eq!(root.page().status(), status);
        assert!(root.page().text().contains(problem), "{}", root.page());
        assert!(root.page().text().contains("Make this person a user?"), "{}", root.page());
        assert_eq!(reload(&mut root).await, 200);
    }
}

#[tokio::test]
async fn f36_the_own_accounts_forms_stay_at_its_address() {
    let lab = TestLab::new();
    lab.invite("ada@example.test", None, None).await;
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    browser.open("/account").await;
    browser.click("Add Mock provider").await;
    browser.submit("Confirm at Mock provider", &[("confirm_at", "gone")]).await;
    assert_eq!((browser.page().status().as_u16(), browser.page().url().path()), (404, "/account"));
    assert_eq!(reload(&mut browser).await, 200);
}

#[tokio::test]
async fn f36_signed_out_a_page_leads_to_the_sign_in_page_and_back() {
    let lab = TestLab::new();
    for (path, back) in [
        ("/account", "/account"),
        ("/account?page=2", "/account?page=2"),
        ("/password?return_to=/x", "/password?return_to=/x"),
        ("/admin?search=a%20b&after=", "/admin?search=a%20b&after="),
        (
            "/admin/accounts/01890000-0000-7000-8000-000000000000/delete",
            "/admin/accounts/01890000-0000-7000-8000-000000000000/delete",
        ),
    ] {
        let mut browser = lab.browser();
        browser.open(path).await;
        assert_eq!((browser.page().status().as_u16(), browser.page().url().path()), (200, "/login"));
        let escaped = back.replace('&', "&#38;");
        let hidden = format!("name=\"return_to\" value=\"{escaped}\"");
        assert!(browser.page().html().contains(&hidden), "{}", browser.page().html());

        for headers in [&[("accept", "application/json")][..], &[]] {
            let program = lab.request(request("GET", path, headers)).await;
            assert_eq!(
                (program.status().as_u16(), json(&program)["code"].as_str()),
                (401, Some("not_signed_in"))
            );
        }
    }
    // The forward-auth endpoint and the API say 401 to whomever.
    let person = [("sec-fetch-mode", "navigate"), ("accept", "text/html")];
    for path in ["/api/auth/verify", "/api/auth/me", "/api/auth/account", "/api/auth/users"] {
        assert_eq!(lab.request(request("GET", path, &person)).await.status(), 401, "{path}");
    }
    let mut browser = lab.browser();
    browser.open("/account").await;
    browser.click("Continue with Mock provider").await;
    browser.click(ADA).await;
    assert_eq!(browser.page().url().path(), "/account", "{}", browser.page());
}

#[tokio::test]
async fn f36_no_to_a_link_ends_its_ticket() {
    let lab = TestLab::new();
    lab.invite("ada@example.test", Some("ada"), Some(GOOD)).await;
    let mut owner = lab.browser();
    owner.open("/login").await;
    owner.submit("Sign in with password", &[("username", "ada"), ("password", GOOD)]).await;
    owner.submit("Change the password", &[("next", OTHER)]).await;

    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    assert_eq!(browser.page().url().path(), "/link", "{}", browser.page());
    let cookies = browser.cookies("https://lab.test/");
    let ticket = cookies.iter().find(|cookie| cookie.name == "__Host-labgate-link").unwrap();
    let ticket = format!("{}={}", ticket.name, ticket.value);
    browser.click("No, leave my account as it is").await;
    assert_eq!(browser.page().url().path(), "/login", "{}", browser.page());
    assert!(!cookie_names(&browser).contains(&"__Host-labgate-link".to_owned()));
    assert_eq!(browser.open("/link").await.status(), 404);

    // A copy of the ticket links nothing any more, with the right password either.
    let headers =
        [("cookie", &*ticket), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    for (body, status, code) in [
        (format!("{{\"password\":\"{OTHER}\"}}"), 400, Some("attempt_spent")),
        ("{\"answer\":\"no\"}".to_owned(), 204, None),
    ] {
        let mut copy = request("POST", "/api/auth/link", &headers);
        *copy.body_mut() = body.into();
        let answer = lab.request(copy).await;
        assert_eq!(answer.status(), status);
        if let Some(code) = code {
            assert_eq!(json(&answer)["code"], code);
        }
    }
    owner.open("/account").await;
    assert!(!owner.page().text().contains("Mock provider as"), "{}", owner.page());

    // From the account page, no leads back there.
    owner.click("Add Mock provider").await;
    agree(&mut owner, "Add Mock provider", OTHER).await;
    owner.click("Go on to Mock provider").await;
    owner.click(ADA).await;
    owner.click("No, leave my account as it is").await;
    assert_eq!(owner.page().url().path(), "/account", "{}", owner.page());
    assert!(!owner.page().text().contains("Mock provider as"), "{}", owner.page());
}

#[tokio::test]
async fn f36_a_name_with_joiners_is_shown_whole() {
    const NAME: &str = "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} \u{1f469}\u{200d}\u{1f4bb}";
    let lab = TestLab::new();
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    browser.open("/account").await;
    browser.submit("Save the name", &[("name", &format!("\u{202e}{NAME}\u{2069}"))]).await;
    assert!(browser.page().html().contains(&format!("value=\"{NAME}\"")), "{}", browser.page().html());
}

#[tokio::test]
async fn f33_signing_out_empties_the_browsers_cache() {
    let lab = TestLab::new();
    for (path, action) in [("/", "/api/auth/logout"), ("/account", "/api/auth/account/sign-out-everywhere")] {
        for reader in [("accept", "text/html"), ("sec-fetch-mode", "cors")] {
            let mut browser = lab.browser();
            lab.sign_in(&mut browser, ADA).await;
            browser.open(path).await;
            assert_eq!(browser.page().headers()["cache-control"], "no-store", "{path}");
            let cookie = session_cookie(&browser);
            let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin"), reader];
            let out = lab.request(request("POST", action, &headers)).await;
            assert_eq!(out.headers()["clear-site-data"], "\"cache\"", "{action} {reader:?}");
            assert!(out.headers()["set-cookie"].to_str().unwrap().starts_with("__Host-labgate=;"));
            browser.open("/account").await;
            assert_eq!(browser.page().url().path(), "/login", "the session is over");
        }
    }
}
