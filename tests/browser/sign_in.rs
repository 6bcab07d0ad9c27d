//! Through a provider and back.

use super::{
    ADAS_ADDRESS, ADMINISTRATORS_PASSWORD, AS_ADA, COOKIE_OF_FORMS, Lab, PASSWORD, PROBLEM, TO_PROVIDER,
    USERNAME, button, link, says,
};

#[tokio::test]
async fn sign_in_and_sign_out() {
    let lab = Lab::start().await;
    let browser = lab.browser().await;
    browser.go("/").await;
    browser.picture("main-signed-out").await;
    browser.click(&link("Sign in")).await;
    browser.sees(TO_PROVIDER, "/login").await;
    browser.picture("sign-in").await;
    browser.click(TO_PROVIDER).await;
    browser.sees_elsewhere(AS_ADA, &lab.provider("/authorize")).await;
    browser.click(AS_ADA).await;
    browser.sees(ADAS_ADDRESS, "/").await;
    browser.picture("main-signed-in").await;
    browser.assert_signed_in().await;
    browser.go("/login").await;
    browser.find(&link("Continue")).await;
    browser.picture("sign-in-again").await;

    // The lab's page goes on to the provider by itself, which sends back.
    browser.go("/").await;
    browser.click(&button("Sign out")).await;
    browser.sees(&link("Sign in again"), "/signed-out").await;
    browser.picture("signed-out").await;
    assert_eq!(browser.cookies().await, Vec::<String>::new());
    assert!(!browser.is_signed_in().await);
    browser.close().await;
}

#[tokio::test]
async fn a_refusal_is_explained_and_leaves_no_session() {
    let lab = Lab::start().await;
    let browser = lab.browser().await;
    browser.go("/login").await;
    browser.click(TO_PROVIDER).await;
    browser.click("//button[@name='deny']").await;
    browser.sees(&says("The sign-in was cancelled."), "/api/auth/oidc/callback").await;
    browser.picture("denied").await;
    assert_eq!(browser.cookies().await, [COOKIE_OF_FORMS]);
    browser.was_refused(403).await;

    // The way out leads back in.
    browser.click(&link("Sign in again")).await;
    browser.sees(TO_PROVIDER, "/login").await;
    browser.close().await;
}

#[tokio::test]
async fn the_fragment_of_the_address_to_come_back_to_is_kept() {
    const THERE: &str = "/account#/runs/a%20b?c=d&e=%23";
    let saved = button("Save the name");
    let lab = Lab::start().await;
    let browser = lab.browser().await;
    let login = "/login?return_to=%2Faccount#/runs/a%20b?c=d&e=%23";
    browser.go(login).await;
    browser.click(TO_PROVIDER).await;
    browser.click(AS_ADA).await;
    browser.sees(&saved, THERE).await;
    browser.close().await;

    let root = lab.administrator().await;
    root.go("/").await;
    root.click(&button("Sign out")).await;
    root.go(login).await;
    // A refusal on the way does not lose it.
    let sign_in = async |password| {
        root.fill(&[(USERNAME, "root"), (PASSWORD, password)]).await;
        root.click(&button("Sign in with password")).await;
    };
    sign_in("wrong").await;
    root.find(PROBLEM).await;
    root.was_refused(401).await;
    sign_in(ADMINISTRATORS_PASSWORD).await;
    root.sees(&saved, THERE).await;
    root.close().await;
}
