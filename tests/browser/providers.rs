//! Several providers at once, as the mock plays them, and what an attacker would like them to do.

use super::programs::ADMIN_PASSWORD;
use super::{
    ADMINISTRATORS_PASSWORD, COOKIE_OF_CHOICE, Lab, PASSWORD, SESSION_COOKIE, USERNAME, button, link, says,
};

/// The users, and their providers.
const PEOPLE: [(&str, &str, &str); 4] = [
    ("Entra ID", "enno", "enno@example.test"),
    ("GitHub", "gil", "gil@example.test"),
    ("Dex", "dora", "dora@example.test"),
    ("Keycloak", "kay", "kay@example.test"),
];

fn to(provider: &str) -> String {
    link(&format!("Continue with {provider}"))
}

fn person(user: &str) -> String {
    format!("//button[@name='user' and @value='{user}']")
}

#[tokio::test]
async fn four_providers_have_four_buttons_and_four_people_four_accounts() {
    let lab = Lab::with_four_providers(&[]).await;
    for (provider, user, address) in PEOPLE {
        let browser = lab.browser().await;
        browser.go("/login").await;
        for (other, ..) in PEOPLE {
            browser.find(&to(other)).await;
        }
        if provider == "Entra ID" {
            browser.picture("sign-in-four-providers").await;
        }
        browser.click(&to(provider)).await;
        browser.click(&person(user)).await;
        browser.sees(&format!("//dd[.='{address}']"), "/").await;
        browser.assert_cookies(&[SESSION_COOKIE, COOKIE_OF_CHOICE]).await;
        browser.close().await;
    }
    let root = lab.administrator().await;
    root.go("/admin").await;
    for (_, _, address) in PEOPLE {
        root.find(&link(address)).await;
    }
    root.picture("accounts-of-four-providers").await;
    root.close().await;
}

/// The first button of the page.
fn first_button(text: &str) -> String {
    format!("(//main//*[self::button or contains(@class, 'button')])[1][normalize-space()=\"{text}\"]")
}

#[tokio::test]
async fn the_provider_that_was_used_last_is_the_first_button_the_next_time() {
    let lab = Lab::with_four_providers(&[]).await;
    let browser = lab.browser().await;
    browser.go("/login").await;
    browser.find(&first_button("Continue with Entra ID")).await;
    browser.click(&to("Dex")).await;
    browser.click(&person("dora")).await;
    browser.sees(&says("dora@example.test"), "/").await;
    browser.click(&button("Sign out")).await;
    browser.sees(&link("Sign in again"), "/signed-out").await;
    browser.assert_cookies(&[COOKIE_OF_CHOICE]).await;

    browser.click(&link("Sign in again")).await;
    browser.sees(&first_button("Continue with Dex"), "/login").await;
    browser.find(&says("Last used in this browser")).await;
    for (other, ..) in PEOPLE {
        assert_eq!(browser.count(&to(other)).await, 1, "{other}");
    }
    for field in [USERNAME, PASSWORD] {
        browser.find(field).await;
    }
    browser.picture("sign-in-remembered").await;

    // A sign-in with a password is none at a provider.
    browser.fill(&[(USERNAME, "root"), (PASSWORD, "not the one")]).await;
    browser.click(&button("Sign in with password")).await;
    browser.sees(&first_button("Sign in with password"), "/login").await;
    browser.was_refused(401).await;
    browser.picture("sign-in-remembered-refused").await;
    browser.sign_in_first("root", ADMIN_PASSWORD, ADMINISTRATORS_PASSWORD).await;
    browser.assert_signed_in().await;
    browser.close().await;
}

#[tokio::test]
async fn a_link_to_an_unknown_provider_shows_what_there_is() {
    let lab = Lab::with_four_providers(&[]).await;
    let browser = lab.browser().await;
    browser.go("/login?provider=okta").await;
    browser.sees(&to("Keycloak"), "/login").await;
    browser.was_refused(404).await;
    browser.picture("provider-unknown").await;
    browser.click(&to("Keycloak")).await;
    browser.click(&person("kay")).await;
    browser.sees(&says("kay@example.test"), "/").await;
    browser.close().await;
}

#[tokio::test]
async fn attacks_end_on_an_error_page_of_their_own() {
    // Each: a fault of the provider, the way in, and the code that the page shows.
    for (fault, provider, user, code) in [
        ("tenant-swap", "Entra ID", "enno", "id_token_invalid"),
        ("callback-wrong-iss", "Keycloak", "kay", "issuer_mismatch"),
        ("unverified-email", "Dex", "dora", "email_unverified"),
    ] {
        let lab = Lab::with_four_providers(&[fault]).await;
        let browser = lab.browser().await;
        browser.go("/login").await;
        browser.click(&to(provider)).await;
        browser.click(&person(user)).await;
        browser.sees(&format!("//p[contains(., '({code})')]"), "/api/auth/oidc/callback").await;
        browser.picture(&format!("attack-{fault}")).await;
        assert!(!browser.is_signed_in().await, "{fault}");
    }
}

#[tokio::test]
async fn c102_an_address_written_into_a_foreign_tenant_opens_no_account() {
    let lab = Lab::with_an_entra_of_many_tenants().await;
    let victim = lab.browser().await;
    victim.go("/login").await;
    victim.click(&to("Dex")).await;
    victim.click(&person("dora")).await;
    victim.sees(&says("dora@example.test"), "/").await;

    // Somebody of a tenant that may come in has written the victim's address into it (nOAuth).
    let attacker = lab.browser().await;
    attacker.go("/login").await;
    attacker.click(&to("Entra ID")).await;
    attacker.click(&person("dora")).await;
    attacker.sees("//p[contains(., '(email_unverified)')]", "/api/auth/oidc/callback").await;
    attacker.was_refused(403).await;
    attacker.picture("attack-noauth").await;
    assert!(!attacker.is_signed_in().await);
    attacker.close().await;

    victim.go("/account").await;
    victim.sees(&says("dora@example.test"), "/account").await;
    assert_eq!(victim.count(&says("Entra ID")).await, 0, "something was linked");
    victim.close().await;
}
