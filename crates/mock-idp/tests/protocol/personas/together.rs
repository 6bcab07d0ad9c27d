//! Several personas on one server, each where the real one has its paths.

use std::collections::HashSet;

use labgate_mock_idp::{
    Algorithm, BuildError, Client, MockIdp, MockIdpBuilder, Persona, UnknownPersona, User,
};
use reqwest::redirect::Policy;
use serde_json::Value;

use super::entra::TENANT;
use crate::lab::{CALLBACK, MockLab, lab_client, target};

fn all() -> [Persona; 4] {
    [Persona::entra(TENANT), Persona::GitHub, Persona::Dex, Persona::keycloak("lab")]
}

/// A mock with these personas, each with the lab's client.
fn together(personas: impl IntoIterator<Item = Persona>) -> MockIdpBuilder {
    let builder = MockIdp::builder().algorithm(Algorithm::Es256).client(lab_client());
    personas.into_iter().fold(builder, |builder, persona| {
        builder.another_persona(persona).algorithm(Algorithm::Es256).client(lab_client())
    })
}

async fn fetch(browser: &reqwest::Client, url: &str) -> Value {
    serde_json::from_slice(&browser.get(url).send().await.unwrap().bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn entra_github_dex_and_keycloak_stand_beside_a_generic_provider() {
    let idp = together(all()).start().await.unwrap();
    let browser = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    let mut seen = HashSet::new();
    for issuer in idp.issuers() {
        let document = fetch(&browser, &issuer.discovery_url()).await;
        assert_eq!(document["issuer"], issuer.issuer().as_str());
        assert_eq!(document["authorization_endpoint"], issuer.authorization_endpoint());
        if let Some(keys) = document["jwks_uri"].as_str() {
            seen.insert(fetch(&browser, keys).await.to_string());
        }
        let request = MockLab::new().request.to_url(&issuer.authorization_endpoint().parse().unwrap());
        let url = request.as_str().replace("+groups", "").replace("+offline_access", "").parse().unwrap();
        let callback = issuer.sign_in(&url, "ada").unwrap();
        assert!(callback.starts_with(CALLBACK) && callback.contains("code="), "{callback}");
    }
    assert_eq!(seen.len(), 4, "each has keys of its own, and GitHub has none");
    assert_eq!(idp.issuers().len(), 5);
    for (path, persona) in [
        (format!("/{TENANT}"), 0),
        ("/login/oauth".to_owned(), 1),
        ("/dex".to_owned(), 2),
        ("/realms/lab".to_owned(), 3),
    ] {
        assert_eq!(*idp.issuer_at(&path).unwrap().persona(), all()[persona]);
    }
}

#[tokio::test]
async fn the_second_origin_is_the_other_name_of_this_machine() {
    let google = MockIdp::builder().persona(Persona::Google).algorithm(Algorithm::Es256);
    let idp = google.start().await.unwrap();
    let port = idp.address().unwrap().port();
    assert_eq!(idp.issuer().as_str(), format!("http://127.0.0.1:{port}"));
    assert_eq!(idp.token_endpoint(), format!("http://localhost:{port}/token"));
}

#[tokio::test]
async fn two_tenants_share_what_is_at_one_address() {
    let other = "cccccccc-1111-4222-8333-dddddddddddd";
    let idp = together([Persona::entra(TENANT), Persona::entra(other)]).build().unwrap();
    let mut lab = MockLab::new();
    lab.idp = idp;
    lab.request.scopes = labgate_domain::protocol::Scopes::with_openid(["profile"]).unwrap();
    let mut subjects = HashSet::new();
    for issuer in &lab.idp.issuers()[1..] {
        let url = lab.request.to_url(&issuer.authorization_endpoint().parse().unwrap());
        let callback = issuer.sign_in_as(&url, User::new("ada").name("Ada")).unwrap().parse().unwrap();
        let mut form = lab.redemption(&crate::lab::parameter(&callback, "code").unwrap());
        form.extend([("client_id", "lab".to_owned()), ("client_secret", "lab-secret".to_owned())]);
        let token = issuer.token_endpoint().parse().unwrap();
        let tokens = lab.post(target(&token), &form, &[]).await;
        let bearer = format!("Bearer {}", tokens.field("access_token"));
        let userinfo = lab.get("/oidc/userinfo", &[("authorization", &bearer)]).await;
        assert_eq!(userinfo.json["sub"], tokens.id_token().1["sub"]);
        subjects.insert(userinfo.field("sub").to_owned());
    }
    assert_eq!(subjects.len(), 2);
}

#[test]
fn personas_that_share_an_address_do_not_fit_together() {
    let clash = together([Persona::Dex, Persona::Dex]).build();
    assert!(matches!(clash, Err(BuildError::SamePath(path)) if path.starts_with("/dex/")));
    let elsewhere = together([Persona::Dex]).another_issuer("/second").unwrap().persona(Persona::Dex);
    let idp = elsewhere.algorithm(Algorithm::Es256).client(Client::new("lab", "s")).build().unwrap();
    assert_eq!(idp.issuer_at("/second/dex").unwrap().issuer().as_str(), "http://idp.test/second/dex");
}

#[test]
fn what_is_no_persona_is_an_error_when_it_is_built() {
    let built = MockIdp::builder().persona(Persona::keycloak("a/b")).algorithm(Algorithm::Es256).build();
    let Err(BuildError::Persona(UnknownPersona { .. })) = built else { panic!("{built:?}") };
}
