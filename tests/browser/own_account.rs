//! `/account`: what is a person's own.

use super::{Lab, button, link, says};

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0";

#[tokio::test]
async fn a_person_is_called_what_they_like() {
    let lab = Lab::without_provider().await;
    let root = lab.administrator().await;
    root.go("/account").await;
    root.fill(&[("//input[@name='name']", "The <i>Countess</i> & Co")]).await;
    root.click(&button("Save the name")).await;
    root.sees("//input[@name='name' and @value='The <i>Countess</i> & Co']", "/account").await;

    // Tokens say so from the next on.
    root.click(&button("Sign out everywhere")).await;
    root.sees(&link("Sign in again"), "/signed-out").await;
    root.sign_in_with_password("root", super::ADMINISTRATORS_PASSWORD).await;
    root.find(&says("Hello, The <i>Countess</i> & Co")).await;
    root.close().await;
}

#[tokio::test]
async fn sessions_are_listed_by_device_and_ended_one_by_one_or_all_at_once() {
    let lab = Lab::start().await;
    let (here, there) = (lab.browser().await, lab.browser_called(FIREFOX).await);
    here.sign_in_as_ada().await;
    there.sign_in_as_ada().await;
    here.go("/account").await;
    here.find("//li[contains(., 'Chrome on Linux') and contains(., 'this one')]").await;
    here.find("//li[contains(., 'Firefox on Windows')]//button").await;
    here.picture("account-sessions").await;
    here.click(&button("Sign out there")).await;
    here.gone(&button("Sign out there"), "/account").await;
    assert!(!there.is_signed_in().await);
    assert!(here.is_signed_in().await);

    there.sign_in_as_ada().await;
    here.go("/account").await;
    here.click(&button("Sign out everywhere")).await;
    here.sees(&link("Sign in again"), "/signed-out").await;
    assert_eq!(here.cookies().await, Vec::<String>::new());
    assert!(!here.is_signed_in().await);
    assert!(!there.is_signed_in().await);
    here.close().await;
    there.close().await;
}
