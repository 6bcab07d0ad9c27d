//! Labgate, a provider, and a person's browser.

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
    pub(super) token_url: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
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
        Self::start(|secret| secret).await
    }

    /// Labgate's configuration names a secret that the provider did not give.
    pub(super) async fn with_another_secret() -> Self {
        Self::start(|_| "not-the-secret".into()).await
    }

    async fn start(secret: fn(String) -> String) -> Self {
        let lab = running::free_origin();
        let (provider, mut registration) = P::know(&lab).await;
        registration.client_secret = secret(registration.client_secret);
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
