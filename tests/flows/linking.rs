//! The bridge between the lab's own accounts and the provider's people.

use std::time::Duration;

use labgate_test_harness::{Browser, TestLab};

use super::{ADA, CAROL, agree, cookie_names, json, request, session_cookie, with_carol};

const GOOD: &str = "correct horse battery";
const OTHER: &str = "staple clip drawer";
const ADDRESS: &str = "ada@example.test";

async fn with_password(browser: &mut Browser, name: &str, password: &str) {
    browser.open("https://lab.test/login").await;
    browser.submit("Sign in with password", &[("username", name), ("password", password)]).await;
}

/// A lab where ada has a local account with her address, and a browser in which she just signed in with her
/// password.
async fn with_local_ada() -> (TestLab, Browser) {
    let lab = with_carol().build();
    lab.invite(ADDRESS, Some("ada"), Some(GOOD)).await;
    let mut browser = lab.browser();
    with_password(&mut browser, "ada", GOOD).await;
    browser.submit("Change the password", &[("next", OTHER)]).await;
    assert!(browser.page().text().contains("Hello, ada"), "{}", browser.page());
    (lab, browser)
}

async fn is_open(lab: &TestLab, cookie: &str) -> bool {
    lab.request(request("GET", "/api/auth/verify", &[("cookie", cookie)])).await.status() == 200
}

#[tokio::test]
async fn an_invitation_is_claimed_by_its_address_without_self_registration() {
    let lab = with_carol().without_self_registration().build();
    lab.invite(ADDRESS, None, None).await;
    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    assert!(browser.page().text().contains("Hello, Ada Example"), "{}", browser.page());

    let mut bob = lab.browser();
    lab.sign_in(&mut bob, CAROL).await;
    assert!(bob.page().text().contains("(registration_closed)"), "{}", bob.page());
}

#[tokio::test]
async fn c112_c114_c117_the_password_proves_the_account_and_ends_its_sessions() {
    let (lab, mut older) = with_local_ada().await;
    let old_cookie = session_cookie(&older);

    let mut browser = lab.browser();
    lab.sign_in(&mut browser, ADA).await;
    assert_eq!(browser.page().url().path(), "/link", "{}", browser.page());
    assert!(!cookie_names(&browser).contains(&"__Host-labgate".to_owned()), "signed in without proof");
    assert!(is_open(&lab, &old_cookie).await);

    browser.submit("Add Mock provider to my account", &[("password", GOOD)]).await;
    assert_eq!(browser.page().status(), 401, "{}", browser.page());
    assert!(browser.page().text().contains("The name or the password is wrong"), "{}", browser.page());
    browser.submit("Add Mock provider to my account", &[("password", OTHER)]).await;
    assert!(browser.page().text().contains("Hello, ada"), "{}", browser.page());
    assert_eq!(cookie_names(&browser), ["__Host-labgate"]);
    assert!(!is_open(&lab, &old_cookie).await, "a session from before the link lives on");

    // From now on either opens the one account.
    let mut again = lab.browser();
    lab.sign_in(&mut again, ADA).await;
    assert!(again.page().text().contains("Hello"), "{}", again.page());
    with_password(&mut older, "ada", OTHER).await;
    let mut ids = Vec::new();
    for browser in [&again, &older] {
        let me = request("GET", "/api/auth/me", &[("cookie", &session_cookie(browser))]);
        ids.push(json(&lab.request(me).await)["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn c117_f27_a_session_begun_after_the_question_proves_the_account_with_one_click() {
    let (lab, mut browser) = with_local_ada().await;
    lab.clock().advance(Duration::from_secs(1));
    lab.sign_in(&mut browser, ADA).await;
    // A page of the same origin, or a copied cookie, would have the session from before, too.
    assert!(browser.page().text().contains("The account's password"), "{}", browser.page());
    browser.click("Sign in the way you did before").await;
    browser.submit("Sign in with password", &[("username", "ada"), ("password", OTHER)]).await;
    assert_eq!(browser.page().url().path(), "/link", "{}", browser.page());
    assert!(browser.page().text().contains("You are signed in to it"), "{}", browser.page());
    browser.click("Yes, add Mock provider").await;
    assert!(browser.page().text().contains("Hello, ada"), "{}", browser.page());
}

#[tokio::test]
async fn c117_another_site_cannot_answer_for_the_person() {
    let (lab, mut browser) = with_local_ada().await;
    lab.sign_in(&mut browser, ADA).await;
    browser.post_from("https://idp.test/", "https://lab.test/api/auth/link", &[]).await;
    assert!(browser.page().text().contains("(csrf_failed)"), "{}", browser.page());
    browser.open("https://lab.test/api/auth/me").await;
    browser.open("https://lab.test/account").await;
    assert!(!browser.page().text().contains("Mock provider as"), "linked: {}", browser.page());
}

#[tokio::test]
async fn without_a_question_there_is_nothing_to_answer() {
    let lab = TestLab::new();
    let mut browser = lab.browser();
    browser.open("/link").await;
    assert_eq!(browser.page().status(), 404);
}

#[tokio::test]
async fn identities_are_added_and_removed_but_the_last_credential_stays() {
    let (lab, mut browser) = with_local_ada().await;
    browser.open("/account").await;
    browser.click("Add Mock provider").await;
    agree(&mut browser, "Add Mock provider", OTHER).await;
    browser.click("Go on to Mock provider").await;
    browser.click(ADA).await;
    // Whoever was signed in at the provider in this browser: the person sees who it is before it opens their
    // account.
    assert!(browser.page().text().contains("ada@example.test at Mock provider"), "{}", browser.page());
    browser.click("Yes, add Mock provider").await;
    assert_eq!(browser.page().url().path(), "/account", "{}", browser.page());
    assert!(browser.page().text().contains("Mock provider as ada@example.test"), "{}", browser.page());

    browser.open("/account").await;
    browser.click("Remove").await;
    agree(&mut browser, "Remove", "wrong wrong wrong").await;
    assert_eq!(browser.page().status(), 401, "{}", browser.page());
    agree(&mut browser, "Remove", OTHER).await;
    assert!(!browser.page().text().contains("Mock provider as"), "{}", browser.page());
    // Though the session began with it: whoever removes it has just proved who they are.
    assert!(browser.page().text().contains("this one"), "{}", browser.page());

    // Whoever has nothing else keeps it.
    let mut bob = lab.browser();
    lab.sign_in(&mut bob, CAROL).await;
    bob.open("/account").await;
    assert!(!bob.page().text().contains("Remove"), "{}", bob.page());
}

#[tokio::test]
async fn c119_an_identity_of_another_account_is_refused_without_its_name() {
    let (lab, mut browser) = with_local_ada().await;
    let mut bob = lab.browser();
    lab.sign_in(&mut bob, CAROL).await;

    browser.open("/account").await;
    browser.click("Add Mock provider").await;
    agree(&mut browser, "Add Mock provider", OTHER).await;
    browser.click("Go on to Mock provider").await;
    browser.click(CAROL).await;
    browser.click("Yes, add Mock provider").await;
    assert_eq!(browser.page().status(), 409, "{}", browser.page());
    assert!(browser.page().text().contains("linked to another account"), "{}", browser.page());
    assert!(!browser.page().text().contains("username carol"), "{}", browser.page());
}
