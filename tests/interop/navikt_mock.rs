//! The `mock-oauth2-server` of navikt, from Maven Central. All tests share one. It has no sessions, and
//! knows no clients: it takes any secret.

use serde_json::json;

use super::browser::{Browser, Page};
use super::cases::cases;
use super::running;
use super::world::{Provider, Registration};

cases!(
    Navikt: sign_in,
    groups,
    signing_in_again_gives_the_same_account,
    an_unverified_email_is_refused,
    a_missing_email_is_refused,
    sign_out_ends_the_session_for_copies_of_its_cookie_too,
    sign_out_goes_on_to_the_provider_and_comes_back,
    a_refresh_token_says_who_it_is_again,
    the_doctor_sees_that_any_code_is_accepted,
);

struct Navikt;

impl Provider for Navikt {
    async fn know(_: &str) -> (Self, Registration) {
        let issuer = running::setting("INTEROP_NAVIKT");
        let (auth_url, token_url) = (format!("{issuer}/authorize"), format!("{issuer}/token"));
        (Self, Registration::new(auth_url, token_url, "lab", "lab-secret"))
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        let claims = match person {
            "ada" => json!({"name": "Ada Example", "email": "ada@example.test", "email_verified": true,
                            "groups": ["lab-users"]}),
            "bob" => json!({"name": "Bob Example", "email": "bob@example.test", "email_verified": false}),
            _ => json!({"name": "No Mail"}),
        };
        let fields = [("username", person), ("claims", &claims.to_string())];
        browser.send(&page, &page.form("username"), &fields).await
    }

    async fn cancel(&self, _: &mut Browser, _: Page) -> Page {
        unreachable!("its page has no way to say no")
    }

    /// It does not ask.
    async fn confirm_sign_out(&self, _: &mut Browser, page: Page) -> Page {
        page
    }
}
