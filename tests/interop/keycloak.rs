//! Keycloak. All tests share one; each lab is a client of its own there. Keycloak requires an e-mail
//! address, so no user is without one.

use labgate_domain::ports::ProviderError;
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::cases::cases;
use super::refresh::Asking;
use super::running;
use super::world::{EndsSessions, Provider, Registration, World};

cases!(
    Keycloak: sign_in,
    groups,
    signing_in_again_gives_the_same_account,
    cancelling_is_told,
    an_unverified_email_is_refused,
    a_wrong_secret_is_refused,
    sign_out_ends_the_session_for_copies_of_its_cookie_too,
    sign_out_goes_on_to_the_provider_and_comes_back,
    a_session_that_ends_at_the_provider_ends_here,
    a_refresh_token_says_who_it_is_again,
    the_doctor_says_nothing_false,
    the_doctor_sees_a_wrong_secret,
);

#[tokio::test]
async fn a_refresh_reveals_a_removed_group_and_an_ended_session() {
    let mut world = World::<Keycloak>::new().await;
    // Somebody of this test's own: the others sign in as ada at the same time.
    let name = format!("eve-{}", world.registration.client_id);
    let password = json!({"type": "password", "value": "password", "temporary": false});
    let eve = json!({
        "username": name, "email": format!("{name}@example.test"), "emailVerified": true, "enabled": true,
        "firstName": "Eve", "lastName": "Example", "groups": ["lab-users"], "credentials": [password],
    });
    administer(Method::POST, "users", eve.to_string()).await;
    let found = administer(Method::GET, &format!("users?username={name}"), String::new()).await;
    let id = found[0]["id"].as_str().unwrap();

    let mut asking = Asking::about(&mut world, &name).await;
    assert_eq!(asking.identity.groups, ["lab-users"]);
    let groups = administer(Method::GET, &format!("users/{id}/groups"), String::new()).await;
    let group = groups[0]["id"].as_str().unwrap();
    administer(Method::DELETE, &format!("users/{id}/groups/{group}"), String::new()).await;
    assert_eq!(asking.again().await.unwrap().groups, Vec::<String>::new());

    world.provider.end_session(&mut world.browser).await;
    let refused = asking.again().await.unwrap_err();
    assert!(matches!(refused, ProviderError::RefreshRejected(_)), "{refused:?}");
}

struct Keycloak {
    /// The client's id in the administration API.
    client: String,
}

impl Provider for Keycloak {
    async fn know(lab: &str) -> (Self, Registration) {
        let client_id = format!("lab-{}", lab.rsplit(':').next().unwrap());
        let client = json!({
            "clientId": client_id,
            "secret": "lab-secret",
            "redirectUris": [format!("{lab}/api/auth/oidc/callback")],
            // The page that asks for consent is the one where people can say no.
            "consentRequired": true,
            "frontchannelLogout": false,
            "attributes": {
                "pkce.code.challenge.method": "S256",
                "post.logout.redirect.uris": format!("{lab}/signed-out"),
                "backchannel.logout.url": format!("{lab}/api/auth/oidc/backchannel-logout"),
                "backchannel.logout.session.required": "true",
            },
            "protocolMappers": [{
                "name": "groups",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-group-membership-mapper",
                "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
            }],
        });
        administer(Method::POST, "clients", client.to_string()).await;
        let known = administer(Method::GET, &format!("clients?clientId={client_id}"), String::new()).await;
        let endpoints = format!("{}/realms/lab/protocol/openid-connect", origin());
        let (auth_url, token_url) = (format!("{endpoints}/auth"), format!("{endpoints}/token"));
        let registration = Registration::new(auth_url, token_url, &client_id, "lab-secret");
        (Self { client: known[0]["id"].as_str().unwrap().into() }, registration)
    }

    async fn sign_in(&self, browser: &mut Browser, page: Page, person: &str) -> Page {
        let page = log_in(browser, page, person).await;
        // It asks for consent once.
        if page.text.contains("kc-oauth") {
            return browser.send(&page, &page.form("accept"), &[("accept", "Yes")]).await;
        }
        page
    }

    async fn cancel(&self, browser: &mut Browser, page: Page) -> Page {
        let page = log_in(browser, page, "ada").await;
        browser.send(&page, &page.form("cancel"), &[("cancel", "No")]).await
    }

    /// It does not ask: the ID token tells it that it is us who send the person.
    async fn confirm_sign_out(&self, _: &mut Browser, page: Page) -> Page {
        page
    }
}

impl EndsSessions for Keycloak {
    /// As an administrator does.
    async fn end_session(&self, _: &mut Browser) {
        let sessions =
            administer(Method::GET, &format!("clients/{}/user-sessions", self.client), String::new()).await;
        assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
        let session = sessions[0]["id"].as_str().unwrap();
        administer(Method::DELETE, &format!("sessions/{session}"), String::new()).await;
    }
}

async fn log_in(browser: &mut Browser, page: Page, person: &str) -> Page {
    browser.send(&page, &page.form("kc-form-login"), &[("username", person), ("password", "password")]).await
}

fn origin() -> String {
    running::setting("INTEROP_KEYCLOAK")
}

/// Asks the realm's administration; what it answers is JSON or nothing.
async fn administer(method: Method, path: &str, body: String) -> Value {
    let client = running::client();
    let token_url = format!("{}/realms/master/protocol/openid-connect/token", origin());
    let password = running::setting("INTEROP_KEYCLOAK_PASSWORD");
    let grant = format!("grant_type=password&client_id=admin-cli&username=admin&password={password}");
    let request =
        client.post(token_url).header("content-type", "application/x-www-form-urlencoded").body(grant);
    let response = request.send().await.unwrap().error_for_status().unwrap();
    let token: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();

    let request = client
        .request(method, format!("{}/admin/realms/lab/{path}", origin()))
        .bearer_auth(token["access_token"].as_str().unwrap())
        .header("content-type", "application/json");
    let response = request.body(body).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
}
