//! One account, several ways to sign in.

use super::{AS_ADA, Lab, PASSWORD, PROBLEM, TO_PROVIDER, USERNAME, button, link, says};

const CHOSEN: &str = "walnut ferry lantern";
const ADD: &str = "Add your organisation to my account";

#[tokio::test]
async fn an_existing_account_is_proved_before_account_linking() {
    let lab = Lab::start().await;
    let root = lab.administrator().await;
    let initial = root.make_account("ada", "ada@example.test", "Ada Example").await;
    root.close().await;
    let first = lab.browser().await;
    first.sign_in_first("ada", &initial, CHOSEN).await;
    first.assert_signed_in().await;

    let browser = lab.browser().await;
    browser.go("/login").await;
    browser.click(TO_PROVIDER).await;
    browser.click(AS_ADA).await;
    browser.sees(&button(ADD), "/link").await;
    browser.picture("link").await;
    assert!(!browser.is_signed_in().await);
    browser.go("/link").await;
    browser.fill(&[(PASSWORD, "not the one")]).await;
    browser.click(&button(ADD)).await;
    browser.sees(PROBLEM, "/link").await;
    browser.was_refused(401).await;
    browser.picture("link-refused").await;
    browser.fill(&[(PASSWORD, CHOSEN)]).await;
    browser.click(&button(ADD)).await;
    browser.sees(&says("Hello, Ada Example"), "/").await;
    browser.assert_signed_in().await;

    browser.go("/account").await;
    browser.find("//li[contains(., 'A password')]").await;
    browser.find("//li[contains(., 'as ada@example.test')]").await;
    browser.picture("account-two-ways").await;
    assert!(!first.is_signed_in().await, "a session from before the link lives on");
    first.close().await;

    // From now on the provider opens it without a question.
    let again = lab.browser().await;
    again.sign_in_as_ada().await;
    again.find(&says("Hello, Ada Example")).await;
    again.close().await;
    browser.close().await;
}

#[tokio::test]
async fn a_way_to_sign_in_is_added_on_ones_own_page_and_removed() {
    let lab = Lab::start().await;
    let root = lab.administrator().await;
    root.go("/account").await;
    root.picture("account").await;
    // The form's answer must not redirect to the provider: `form-action 'self'` would stop it.
    root.agree("Add your organisation").await;
    root.sees_elsewhere(AS_ADA, &lab.provider("/authorize")).await;
    root.click(AS_ADA).await;
    root.sees(&button("Yes, add your organisation"), "/link").await;
    root.picture("link-asked-for").await;
    root.click(&button("Yes, add your organisation")).await;
    root.sees("//li[contains(., 'as ada@example.test')]", "/account").await;
    root.assert_signed_in().await;

    root.agree("Remove").await;
    root.gone("//li[contains(., 'as ada@example.test')]", "/account").await;
    assert_eq!(root.count("//li[contains(., 'A password')]").await, 1);
    root.close().await;
}

#[tokio::test]
async fn account_linking_with_a_session_since_the_question_needs_one_click() {
    let lab = Lab::start().await;
    let root = lab.administrator().await;
    let initial = root.make_account("ada", "ada@example.test", "Ada Example").await;
    root.close().await;
    let browser = lab.browser().await;
    browser.sign_in_first("ada", &initial, CHOSEN).await;
    browser.go("/login").await;
    browser.click(TO_PROVIDER).await;
    browser.click(AS_ADA).await;
    browser.click(&link("Sign in the way you did before")).await;
    browser.fill(&[(USERNAME, "ada"), (PASSWORD, CHOSEN)]).await;
    browser.click(&button("Sign in with password")).await;
    browser.sees(&button("Yes, add your organisation"), "/link").await;
    browser.picture("link-signed-in").await;
    browser.click(&button("Yes, add your organisation")).await;
    browser.sees(&says("Hello, Ada Example"), "/").await;
    browser.assert_signed_in().await;
    browser.close().await;
}
