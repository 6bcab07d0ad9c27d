//! The mock `oauth2-mock-server`, from npm. It has no sessions, and knows no clients: it says
//! that none needs a secret.

use std::process::Command;

use super::browser::{Browser, Page};
use super::cases::cases;
use super::running::{self, Running};
use super::world::{Provider, Registration};

cases!(
    Oauth2MockServer:
    sign_in,
    groups,
    signing_in_again_gives_the_same_account,
    cancelling_is_told,
    an_unverified_email_is_refused,
    a_missing_email_is_refused,
    sign_out_ends_the_session_for_copies_of_its_cookie_too,
    sign_out_goes_on_to_the_provider_and_comes_back,
    a_refresh_token_says_who_it_is_again,
    #[ignore = "the doctor's made-up code is refused as invalid_request"]
    the_doctor_says_nothing_false,
);

/// One of its own for each test.
struct Oauth2MockServer {
    _running: Running,
}

impl Provider for Oauth2MockServer {
    async fn know(_: &str) -> (Self, Registration) {
        let mut node = Command::new("node");
        node.arg(running::setting("INTEROP_OAUTH2_MOCK_SERVER"));
        let (running, issuer) = running::naming_its_issuer(&mut node);
        let (auth_url, token_url) = (format!("{issuer}/authorize"), format!("{issuer}/token"));
        let registration = Registration::new(auth_url, token_url, "lab", "");
        let registration = registration.without_secret().with("LAB_EXTERNAL_OIDC_CLIENT_AUTH", "none");
        (Self { _running: running }, registration)
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        browser.submit(&page, &page.form("user"), &[("user", person)]).await
    }

    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page {
        self.sign_in(browser, page, "").await
    }

    /// It does not ask.
    async fn confirm_sign_out(&self, _: &mut Browser, page: Page) -> Page {
        page
    }
}
