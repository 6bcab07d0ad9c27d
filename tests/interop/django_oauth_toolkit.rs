//! A Django project with django-oauth-toolkit, from the Python Package Index.

use std::process::Command;

use super::browser::{Browser, Page};
use super::cases::cases;
use super::running::{self, Running};
use super::world::{Provider, Registration};

cases!(
    Django: sign_in,
    groups,
    signing_in_again_gives_the_same_account,
    cancelling_is_told,
    an_unverified_email_is_refused,
    a_missing_email_is_refused,
    a_wrong_secret_is_refused,
    sign_out_ends_the_session_for_copies_of_its_cookie_too,
    sign_out_goes_on_to_the_provider_and_comes_back,
    a_refresh_token_says_who_it_is_again,
    the_doctor_says_nothing_false,
    the_doctor_sees_a_wrong_secret,
);

/// One of its own for each test.
struct Django {
    _running: Running,
}

impl Provider for Django {
    async fn know(lab: &str) -> (Self, Registration) {
        let mut python = Command::new(running::setting("INTEROP_PYTHON"));
        python.arg(running::setting("INTEROP_DJANGO")).env("LAB_ORIGIN", lab);
        let (running, issuer) = running::naming_its_issuer(&mut python);
        let (auth_url, token_url) = (format!("{issuer}/authorize/"), format!("{issuer}/token/"));
        (Self { _running: running }, Registration::new(auth_url, token_url, "lab", "lab-secret"))
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        let page = log_in(browser, page, person).await;
        // It asks for consent at each sign-in.
        browser.send(&page, &page.form("allow"), &[("allow", "Authorize")]).await
    }

    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page {
        let page = log_in(browser, page, "ada").await;
        browser.send(&page, &page.form("allow"), &[]).await
    }

    async fn confirm_sign_out(&self, browser: &mut Browser, page: Page) -> Page {
        browser.send(&page, &page.form("allow"), &[("allow", "Logout")]).await
    }
}

async fn log_in(browser: &mut Browser, page: Page, person: &str) -> Page {
    let fields = [("username", person), ("password", "correct horse battery staple")];
    browser.send(&page, &page.form("id=\"login\""), &fields).await
}
