//! Spring Authorization Server, from Maven Central. All tests share one; each lab is a client of its own there.

use super::browser::{Browser, Page};
use super::cases::cases;
use super::running;
use super::world::{Provider, Registration};

cases!(
    Spring: sign_in,
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

struct Spring {
    /// The client's id, which is part of each person's name.
    client: String,
}

impl Provider for Spring {
    async fn know(lab: &str) -> (Self, Registration) {
        let issuer = running::setting("INTEROP_SPRING");
        let request = running::client().post(format!("{issuer}/labs?origin={lab}"));
        let client = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
        let (auth_url, token_url) = (format!("{issuer}/oauth2/authorize"), format!("{issuer}/oauth2/token"));
        let secret = format!("secret of {client}");
        let registration = Registration::new(auth_url, token_url, &client, &secret);
        (Self { client }, registration)
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        let page = self.log_in(browser, page, person).await;
        // It asks for consent once.
        if page.text.contains("consent_form") {
            let scopes = ["profile", "email"].map(|scope| ("scope", scope));
            return browser.send(&page, &page.form("consent_form"), &scopes).await;
        }
        page
    }

    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page {
        let page = self.log_in(browser, page, "ada").await;
        browser.send(&page, &page.form("consent_form"), &[]).await
    }

    /// It does not ask: the ID token tells it that it is us who send the person.
    async fn confirm_sign_out(&self, _: &mut Browser, page: Page) -> Page {
        page
    }
}

impl Spring {
    async fn log_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        let name = format!("{person}-{}", self.client);
        let fields = [("username", &*name), ("password", "password")];
        browser.send(&page, &page.form("username"), &fields).await
    }
}
