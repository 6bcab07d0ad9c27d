//! The certified provider of the npm package `oidc-provider`.

use std::process::Command;

use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::cases::cases;
use super::running::{self, Running};
use super::world::{EndsSessions, Provider, Registration, World};

cases!(
    OidcProvider: sign_in,
    groups,
    signing_in_again_gives_the_same_account,
    cancelling_is_told,
    an_unverified_email_is_refused,
    a_missing_email_is_refused,
    a_wrong_secret_is_refused,
    sign_out_ends_the_session_for_copies_of_its_cookie_too,
    sign_out_goes_on_to_the_provider_and_comes_back,
    a_session_that_ends_at_the_provider_ends_here,
    a_refresh_token_says_who_it_is_again,
    the_doctor_says_nothing_false,
    the_doctor_sees_a_wrong_secret,
);

const SECRET: &str = "lab-secret-that-has-32-characters";

/// One of its own for each test.
pub(super) struct OidcProvider {
    issuer: String,
    _running: Running,
}

impl OidcProvider {
    /// Starts it with a setting as its source describes them.
    pub(super) fn with(lab: &str, setting: &Value) -> (Self, Registration) {
        let mut node = Command::new("node");
        node.arg(running::setting("INTEROP_OIDC_PROVIDER"));
        let (running, issuer) =
            running::naming_its_issuer(node.env("LAB_ORIGIN", lab).env("SETTING", setting.to_string()));
        let (auth_url, token_url) = (format!("{issuer}/auth"), format!("{issuer}/token"));
        let registration = Registration::new(auth_url, token_url, "lab", SECRET);
        (Self { issuer, _running: running }, registration)
    }
}

impl Provider for OidcProvider {
    async fn know(lab: &str) -> (Self, Registration) {
        Self::with(lab, &json!({}))
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        browser.send(&page, &page.form("cancel"), &[("user", person)]).await
    }

    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page {
        browser.send(&page, &page.form("cancel"), &[("cancel", "yes")]).await
    }

    async fn confirm_sign_out(&self, browser: &mut Browser, page: Page) -> Page {
        browser.send(&page, &page.form("xsrf"), &[("logout", "yes")]).await
    }
}

impl EndsSessions for OidcProvider {
    async fn end_session(&self, browser: &mut Browser) {
        let page = browser.open(&format!("{}/session/end", self.issuer)).await;
        self.confirm_sign_out(browser, page).await;
    }
}

#[tokio::test]
async fn c190_a_whole_sign_in_leaves_no_secret_in_the_log_at_any_level() {
    let mut world = World::<OidcProvider>::new().await;
    let page = world.sign_in("ada").await;
    assert!(page.text.contains("ada@example.test"), "{}", page.text);
    // Another person, who cancels: the first one's browser would not be asked again.
    let mut secrets = std::mem::take(&mut world.browser.secrets);
    world.use_another_browser();
    world.cancel().await;
    secrets.append(&mut world.browser.secrets);

    let log = world.labgate.log();
    assert!(log.contains("signed_in") && log.contains("access_denied"), "the log says nothing: {log}");
    assert!(secrets.len() >= 8, "too few secrets were seen: {}", secrets.len());
    for secret in secrets.iter().map(String::as_str).chain([SECRET]) {
        // A token is looked for by its signature, too: a part is as bad as the whole.
        for part in secret.split('.').filter(|part| part.len() >= 8) {
            assert!(!log.contains(part), "a secret stands in the log: {log}");
        }
    }
}
