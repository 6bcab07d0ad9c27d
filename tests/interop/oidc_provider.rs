//! The certified provider of the npm package `oidc-provider`.

use reqwest::StatusCode;
use serde_json::Value;

use super::browser::{Browser, Page};
use super::running::{self, Registration, Running};

/// Labgate, the provider, and a person's browser.
struct World {
    lab: String,
    issuer: String,
    browser: Browser,
    labgate: Running,
    _provider: Running,
}

impl World {
    async fn new() -> Self {
        Self::with_secret("lab-secret").await
    }

    async fn with_secret(client_secret: &'static str) -> Self {
        let lab = running::free_origin();
        let (provider, issuer) = running::node_provider(&lab);
        let registration = Registration {
            auth_url: format!("{issuer}/auth"),
            token_url: format!("{issuer}/token"),
            client_id: "lab",
            client_secret,
        };
        let labgate = running::labgate(&lab, &registration).await;
        Self { lab, issuer, browser: Browser::new(), labgate, _provider: provider }
    }

    /// Goes to the provider and answers its page with this field.
    async fn answer(&mut self, name: &str, value: &str) -> Page {
        let page = self.browser.open(&format!("{}/api/auth/oidc/login", self.lab)).await;
        assert!(page.url.as_str().starts_with(&self.issuer), "{} {}", page.url, page.text);
        let page = self.browser.submit(&page, "", &[(name, value)]).await;
        assert!(page.url.as_str().starts_with(&self.lab), "{} {}", page.url, page.text);
        page
    }

    async fn verify(&mut self) -> StatusCode {
        self.browser.open(&format!("{}/api/auth/verify", self.lab)).await.status
    }

    async fn assert_refused(&mut self, page: &Page, status: u16, code: &str) {
        assert_eq!(page.status, status, "{}", page.text);
        assert!(page.text.contains(code), "{}", page.text);
        assert_eq!(self.verify().await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn sign_in() {
    let mut world = World::new().await;
    assert_eq!(world.verify().await, StatusCode::UNAUTHORIZED);

    let page = world.answer("user", "ada").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text);
    assert!(page.text.contains("ada@example.test"), "{}", page.text);

    assert_eq!(world.verify().await, StatusCode::OK);
    let me = world.browser.open(&format!("{}/api/auth/me", world.lab)).await;
    let me: Value = serde_json::from_str(&me.text).unwrap();
    assert_eq!(me["email"], "ada@example.test");
    assert_eq!(me["name"], "Ada Example");
}

#[tokio::test]
async fn cancelling_is_told() {
    let mut world = World::new().await;
    let page = world.answer("cancel", "yes").await;
    world.assert_refused(&page, 403, "access_denied").await;
}

#[tokio::test]
async fn an_unverified_email_is_refused() {
    let mut world = World::new().await;
    let page = world.answer("user", "bob").await;
    world.assert_refused(&page, 403, "email_unverified").await;
}

#[tokio::test]
async fn a_missing_email_is_refused() {
    let mut world = World::new().await;
    let page = world.answer("user", "noone").await;
    world.assert_refused(&page, 403, "email_missing").await;
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let mut world = World::with_secret("not-the-secret").await;
    let page = world.answer("user", "ada").await;
    world.assert_refused(&page, 502, "client_rejected").await;
}

#[tokio::test]
async fn sign_out_ends_the_session_for_copies_of_its_cookie_too() {
    let mut world = World::new().await;
    let page = world.answer("user", "ada").await;
    let mut thief = world.browser.copy();
    let verify = format!("{}/api/auth/verify", world.lab);
    assert_eq!(thief.open(&verify).await.status, StatusCode::OK);

    let (_, token) = page.text.split_once("name=\"form_token\" value=\"").expect("a form token");
    let token = token.split('"').next().unwrap_or_default().to_owned();
    let page = world.browser.submit(&page, "/api/auth/logout", &[("form_token", &token)]).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text);
    assert_eq!(world.verify().await, StatusCode::UNAUTHORIZED);
    assert_eq!(thief.open(&verify).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn c190_a_whole_sign_in_leaves_no_secret_in_the_log_at_any_level() {
    let mut world = World::new().await;
    let page = world.answer("user", "ada").await;
    assert!(page.text.contains("ada@example.test"), "{}", page.text);
    // Another person, who cancels: the first one's browser would not be asked again.
    let mut secrets = std::mem::replace(&mut world.browser, Browser::new()).secrets;
    world.answer("cancel", "yes").await;
    secrets.append(&mut world.browser.secrets);

    let log = world.labgate.log();
    assert!(log.contains("signed_in") && log.contains("access_denied"), "the log says nothing: {log}");
    assert!(secrets.len() >= 8, "too few secrets were seen: {}", secrets.len());
    for secret in secrets.iter().map(String::as_str).chain(["lab-secret"]) {
        // A token is looked for by its signature, too: a part is as bad as the whole.
        for part in secret.split('.').filter(|part| part.len() >= 8) {
            assert!(!log.contains(part), "a secret stands in the log: {log}");
        }
    }
}
