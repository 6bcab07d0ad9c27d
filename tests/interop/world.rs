//! Labgate, a provider, and a person's browser.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::Value;

use super::browser::{Browser, Page};
use super::running::{self, Running};

/// A foreign provider. Its users are `ada` with a verified address, `bob` with an unverified one, and at some
/// providers `noone` without an address.
pub(super) trait Provider: Sized {
    /// Makes a lab known to it.
    async fn know(lab: &str) -> (Self, Registration);

    /// Answers its page: this person signs in.
    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page;

    /// Answers its page: the person changes their mind.
    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page;

    /// Says yes, if it asks whether to sign out.
    async fn confirm_sign_out(&self, browser: &mut Browser, page: Page) -> Page;
}

/// A provider that has sessions of its own and says when one ends.
pub(super) trait EndsSessions: Provider {
    /// Ends the session of the person at this browser without the lab's doing.
    async fn end_session(&self, browser: &mut Browser);
}

/// The client that is registered at a provider.
pub(super) struct Registration {
    pub(super) auth_url: String,
    token_url: String,
    pub(super) client_id: String,
    client_secret: Option<String>,
    further: Vec<(&'static str, String)>,
}

impl Registration {
    pub(super) fn new(auth_url: String, token_url: String, client_id: &str, client_secret: &str) -> Self {
        let (client_id, client_secret) = (client_id.to_owned(), Some(client_secret.to_owned()));
        Self { auth_url, token_url, client_id, client_secret, further: Vec::new() }
    }

    /// Adds a setting that Labgate needs with this provider.
    pub(super) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.further.push((variable, value.to_owned()));
        self
    }

    /// Takes the secret away, for clients that do without.
    pub(super) fn without_secret(self) -> Self {
        Self { client_secret: None, ..self }
    }

    /// Returns the variables that set Labgate up for the provider.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let always = [
            ("LAB_EXTERNAL_OIDC_AUTH_URL", &*self.auth_url),
            ("LAB_EXTERNAL_OIDC_TOKEN_URL", &self.token_url),
            ("LAB_EXTERNAL_OIDC_CLIENT_ID", &self.client_id),
        ];
        let secret = self.client_secret.as_deref().map(|secret| ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", secret));
        let further = self.further.iter().map(|(variable, value)| (*variable, &**value));
        always.into_iter().chain(secret).chain(further)
    }
}

pub(super) struct World<P> {
    lab: String,
    pub(super) registration: Registration,
    pub(super) provider: P,
    pub(super) browser: Browser,
    pub(super) labgate: Running,
}

impl<P: Provider> World<P> {
    pub(super) async fn new() -> Self {
        Self::start(|registration| registration).await
    }

    /// Labgate's configuration names a secret that the provider did not give.
    pub(super) async fn with_another_secret() -> Self {
        Self::start(|registration| Registration {
            client_secret: Some("not-the-secret".to_owned()),
            ..registration
        })
        .await
    }

    /// Labgate's configuration differs from what the provider needs.
    pub(super) async fn start(change: impl FnOnce(Registration) -> Registration) -> Self {
        let lab = running::free_origin();
        let (provider, registration) = P::know(&lab).await;
        Self::of(lab, provider, change(registration)).await
    }

    pub(super) async fn of(lab: String, provider: P, registration: Registration) -> Self {
        let labgate = running::labgate(&lab, &registration).await;
        Self { lab, registration, provider, browser: Browser::new(), labgate }
    }

    pub(super) fn at_lab(&self, path: &str) -> String {
        format!("{}{path}", self.lab)
    }

    /// Begins a sign-in, and sees the provider ask who is there.
    pub(super) async fn go_to_provider(&mut self) -> Page {
        let page = self.browser.open(&self.at_lab("/api/auth/oidc/login")).await;
        let provider = self.registration.auth_url.parse::<url::Url>().unwrap().origin();
        assert_eq!(
            (page.url.origin(), page.status),
            (provider, StatusCode::OK),
            "{} {}",
            page.url,
            page.text
        );
        page
    }

    pub(super) async fn sign_in(&mut self, person: &str) -> Page {
        let page = self.go_to_provider().await;
        let page = self.provider.sign_in(&mut self.browser, page, person).await;
        self.assert_is_at_lab(page)
    }

    pub(super) async fn cancel(&mut self) -> Page {
        let page = self.go_to_provider().await;
        let page = self.provider.cancel(&mut self.browser, page).await;
        self.assert_is_at_lab(page)
    }

    /// Presses the button of the main page.
    pub(super) async fn sign_out_of_lab(&mut self, main: &Page) -> Page {
        let page = self.browser.send(main, &main.form("/api/auth/logout"), &[]).await;
        let page = self.assert_is_at_lab(page);
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        page
    }

    /// Follows the link of the page that tells that one is signed out of the lab.
    pub(super) async fn sign_out_of_provider(&mut self, signed_out_here: &Page) -> Page {
        let page = self.browser.open(&signed_out_here.link("Go on to")).await;
        let page = self.provider.confirm_sign_out(&mut self.browser, page).await;
        self.assert_is_at_lab(page)
    }

    pub(super) fn assert_is_at_lab(&self, page: Page) -> Page {
        assert!(page.url.as_str().starts_with(&self.at_lab("/")), "{} {}", page.url, page.text);
        page
    }

    pub(super) fn use_another_browser(&mut self) {
        self.browser = Browser::new();
    }

    /// Returns what the doctor finds about the provider, by step: `good`, `unknown` or `bad`, and its words.
    pub(super) fn doctor(&self) -> BTreeMap<String, (String, String)> {
        let mut doctor = running::labgate_command(&self.lab, &self.registration);
        let output = doctor.args(["doctor", "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        });
        let findings = report["findings"].as_array().unwrap().iter();
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let of_provider = findings.filter(|finding| finding["subject"] == "external");
        let of_provider = of_provider.map(|finding| {
            let words = format!("{} {}", text(finding, "text"), text(finding, "remedy"));
            (text(finding, "step"), (text(finding, "outcome"), words))
        });
        of_provider.collect()
    }

    pub(super) async fn verify(&mut self) -> StatusCode {
        self.browser.open(&self.at_lab("/api/auth/verify")).await.status
    }

    /// Returns Labgate's answer about the signed-in user.
    pub(super) async fn me(&mut self) -> Value {
        let page = self.browser.open(&self.at_lab("/api/auth/me")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        serde_json::from_str(&page.text).unwrap()
    }

    pub(super) async fn assert_refused(&mut self, page: &Page, status: u16, code: &str) {
        assert_eq!(page.status, status, "{}", page.text);
        assert!(page.text.contains(code), "{}", page.text);
        assert_eq!(self.verify().await, StatusCode::UNAUTHORIZED);
    }
}
