//! Canaille, from the Python Package Index. It has no addresses that it has not verified, and says so of none: an
//! operator must.

use std::process::Command;

use super::browser::{Browser, Page};
use super::cases::cases;
use super::running::{self, Running};
use super::world::{Provider, Registration, World};

cases!(
    Canaille: sign_in,
    groups,
    signing_in_again_gives_the_same_account,
    cancelling_is_told,
    a_wrong_secret_is_refused,
    sign_out_ends_the_session_for_copies_of_its_cookie_too,
    sign_out_goes_on_to_the_provider_and_comes_back,
    #[ignore = "Canaille's userinfo refuses the access token of a refresh"]
    a_refresh_token_says_who_it_is_again,
    the_doctor_says_nothing_false,
    the_doctor_sees_a_wrong_secret,
);

const TRUST: &str = "LAB_EXTERNAL_OIDC_EMAIL_TRUST";

#[tokio::test]
async fn an_unverified_email_is_refused() {
    // The later of two settings counts.
    let mut world = World::<Canaille>::start(|registration| registration.with(TRUST, "claim")).await;
    let page = world.sign_in("ada").await;
    world.assert_refused(&page, 403, "email_unverified").await;
}

/// One of its own for each test.
struct Canaille {
    _running: Running,
}

impl Provider for Canaille {
    async fn know(lab: &str) -> (Self, Registration) {
        let mut python = Command::new(running::setting("INTEROP_PYTHON"));
        python.arg(running::setting("INTEROP_CANAILLE")).env("LAB_ORIGIN", lab);
        let (running, issuer) = running::naming_its_issuer(&mut python);
        let (auth_url, token_url) = (format!("{issuer}/oauth/authorize"), format!("{issuer}/oauth/token"));
        let registration = Registration::new(auth_url, token_url, "lab", "lab-secret")
            .with("LAB_EXTERNAL_OIDC_SCOPES", "email profile groups")
            .with(TRUST, "provider");
        (Self { _running: running }, registration)
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        let page = log_in(browser, page, person).await;
        // It asks for consent once.
        if page.text.contains("id=\"accept\"") {
            return browser.send(&page, &page.form("accept"), &[("answer", "accept")]).await;
        }
        page
    }

    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page {
        let page = log_in(browser, page, "ada").await;
        browser.send(&page, &page.form("deny"), &[("answer", "deny")]).await
    }

    /// It does not ask: the ID token tells it that it is us who send the person.
    async fn confirm_sign_out(&self, _: &mut Browser, page: Page) -> Page {
        page
    }
}

async fn log_in(browser: &mut Browser, page: Page, person: &str) -> Page {
    let page = browser.send(&page, &page.form("name=\"login\""), &[("login", person)]).await;
    let password = [("password", "correct horse battery staple")];
    browser.send(&page, &page.form("name=\"password\""), &password).await
}
