//! With a name and a password.

use super::programs::ADMIN_PASSWORD;
use super::{ADMINISTRATORS_PASSWORD, Lab, NEXT, PASSWORD, PROBLEM, USERNAME, button, link, says};

#[tokio::test]
async fn a_person_registers() {
    let lab = Lab::without_provider().await;
    let browser = lab.browser().await;
    browser.go("/login").await;
    browser.picture("sign-in-with-password").await;
    browser.click(&link("Create account")).await;
    browser.sees(&button("Create account"), "/register").await;
    browser.picture("register").await;
    let name = "//input[@name='name']";
    browser.fill(&[(USERNAME, "grace"), (name, "Grace"), (PASSWORD, "password1234")]).await;
    browser.click(&button("Create account")).await;
    browser.sees(PROBLEM, "/register").await;
    browser.picture("register-refused").await;
    browser.was_refused(422).await;
    browser.fill(&[(name, "Grace"), (PASSWORD, "walnut ferry lantern")]).await;
    browser.click(&button("Create account")).await;
    browser.sees(&says("Hello, Grace"), "/").await;
    browser.assert_signed_in().await;

    // No provider has a session that would have to be ended.
    browser.click(&button("Sign out")).await;
    browser.sees(&link("Sign in again"), "/signed-out").await;
    browser.sign_in_with_password("grace", "walnut ferry lantern").await;
    browser.sees(&says("Hello, Grace"), "/").await;
    browser.close().await;
}

#[tokio::test]
async fn a_person_changes_an_initial_password_and_signs_in_with_the_new_one() {
    let lab = Lab::start().await;
    let browser = lab.browser().await;
    browser.sign_in_with_password("root", "not the one").await;
    browser.sees(PROBLEM, "/login").await;
    browser.picture("wrong-password").await;
    browser.was_refused(401).await;
    browser.fill(&[(USERNAME, "Root"), (PASSWORD, ADMIN_PASSWORD)]).await;
    browser.click(&button("Sign in with password")).await;
    browser.sees(NEXT, "/password").await;
    browser.picture("change-initial-password").await;
    browser.fill(&[(NEXT, ADMINISTRATORS_PASSWORD)]).await;
    browser.click(&button("Change the password")).await;
    browser.sees(&button("Sign out"), "/").await;
    browser.picture("main-administrator").await;
    browser.assert_signed_in().await;

    browser.click(&button("Sign out")).await;
    browser.sees(&link("Sign in again"), "/signed-out").await;
    browser.sign_in_with_password("root", ADMINISTRATORS_PASSWORD).await;
    browser.sees(&button("Sign out"), "/").await;

    // Later on, it takes the present one.
    browser.go("/account").await;
    browser.click(&link("Change it")).await;
    browser.sees("//input[@name='present']", "/password").await;
    browser.picture("change-password").await;
    browser
        .fill(&[("//input[@name='present']", ADMINISTRATORS_PASSWORD), (NEXT, "walnut ferry lantern")])
        .await;
    browser.click(&button("Change the password")).await;
    browser.sees(&button("Sign out everywhere"), "/account").await;
    browser.close().await;
}
