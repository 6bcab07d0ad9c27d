//! The mock provider `oidc-provider-mock` of the Python Package Index. It has no sessions of its own, and
//! does not look at PKCE: passing here proves nothing about that.

use std::process::Command;

use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::cases::cases;
use super::running::{self, Running};
use super::world::{Provider, Registration, World};

cases!(
    OidcProviderMock: sign_in,
    groups,
    signing_in_again_gives_the_same_account,
    an_unverified_email_is_refused,
    a_missing_email_is_refused,
    a_wrong_secret_is_refused,
    sign_out_ends_the_session_for_copies_of_its_cookie_too,
    sign_out_goes_on_to_the_provider_and_comes_back,
    the_doctor_says_nothing_false,
    the_doctor_sees_a_wrong_secret,
);

/// One of its own for each test.
struct OidcProviderMock {
    _running: Running,
}

impl Provider for OidcProviderMock {
    async fn know(lab: &str) -> (Self, Registration) {
        let origin = running::free_origin();
        let people = [
            json!({"sub": "ada", "name": "Ada Example", "email": "ada@example.test", "email_verified": true,
                   "groups": ["lab-users"]}),
            json!({"sub": "bob", "name": "Bob Example", "email": "bob@example.test", "email_verified": false}),
            json!({"sub": "noone", "name": "No Mail"}),
        ];
        let mut mock = Command::new(running::setting("INTEROP_OIDC_PROVIDER_MOCK"));
        mock.args(["--host", "127.0.0.1", "--require-registration", "--require-nonce", "--port"]);
        mock.arg(origin.rsplit(':').next().unwrap());
        mock.args(people.iter().flat_map(|person| ["--user-claims".into(), person.to_string()]));
        let running =
            running::answering(&mut mock, &format!("{origin}/.well-known/openid-configuration")).await;

        let client = json!({"redirect_uris": [format!("{lab}/api/auth/oidc/callback")]});
        let request = running::client().post(format!("{origin}/oauth2/clients"));
        let request = request.header("content-type", "application/json").body(client.to_string());
        let response = request.send().await.unwrap().error_for_status().unwrap();
        let client: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let registration = Registration::new(
            format!("{origin}/oauth2/authorize"),
            format!("{origin}/oauth2/token"),
            client["client_id"].as_str().unwrap(),
            client["client_secret"].as_str().unwrap(),
        );
        (Self { _running: running }, registration)
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        browser.send(&page, &page.form("placeholder=\"sub\""), &[("sub", person)]).await
    }

    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page {
        browser.send(&page, &page.form("deny"), &[("action", "deny")]).await
    }

    async fn confirm_sign_out(&self, browser: &mut Browser, page: Page) -> Page {
        browser.send(&page, &page.form("End session"), &[]).await
    }
}

/// RFC 6749 section 4.1.2.1 wants the `state` in a refusal, too. Without it the attempt is unknown.
#[tokio::test]
async fn a_denial_without_state_is_refused() {
    let mut world = World::<OidcProviderMock>::new().await;
    let page = world.cancel().await;
    let mut sent = page.url.query_pairs();
    assert!(sent.all(|(name, _)| name != "state"), "the mock has learned it: play `cancelling_is_told`");
    world.assert_refused(&page, 400, "callback_malformed").await;
}
