//! Several providers at once, as the mock plays them, and what an attacker would like them to do.

use super::{Lab, link};

/// Who signs in where.
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
        browser.assert_signed_in().await;
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
