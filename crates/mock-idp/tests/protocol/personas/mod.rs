//! Whole trips at each persona: paths, documents, claims, errors.

mod auth0;
mod cognito;
mod dex;
mod documented;
mod entra;
mod entra_tenants;
mod every;
mod github;
mod github_api;
mod gitlab;
mod google;
mod graph;
mod keycloak;
mod okta;
mod together;

use labgate_domain::protocol::Scopes;
use labgate_mock_idp::{Persona, User};
use serde_json::Value;
use url::Url;

use crate::lab::{Answer, MockLab, parameter, target};

/// A lab at a provider of this kind, which asks for these scopes.
fn at(persona: Persona, scopes: &[&str]) -> MockLab {
    let mut lab = MockLab::with(|builder| builder.persona(persona));
    lab.request.scopes = Scopes::with_openid(scopes.iter().copied()).unwrap();
    lab
}

async fn document(lab: &MockLab, url: &str) -> Value {
    let answer = lab.get(target(&url.parse().unwrap()), &[]).await;
    assert_eq!(answer.status, 200, "{url}: {}", answer.text);
    answer.json
}

async fn metadata(lab: &MockLab) -> Value {
    document(lab, &lab.idp.discovery_url()).await
}

/// The published keys.
async fn keys(lab: &MockLab) -> Vec<Value> {
    let jwks = document(lab, metadata(lab).await["jwks_uri"].as_str().unwrap()).await;
    jwks["keys"].as_array().unwrap().clone()
}

/// The callback of a sign-in.
fn callback(lab: &MockLab, user: User) -> Url {
    lab.idp.sign_in_as(&lab.authorization_url(), user).unwrap().parse().unwrap()
}

/// The answer of the token endpoint to their code.
async fn tokens(lab: &MockLab, user: User) -> Answer {
    lab.redeem(&parameter(&callback(lab, user), "code").unwrap()).await
}

/// The claims of their ID token.
async fn claims(lab: &MockLab, user: User) -> Value {
    tokens(lab, user).await.id_token().1
}

async fn userinfo(lab: &MockLab, access_token: &str) -> Value {
    let url: Url = metadata(lab).await["userinfo_endpoint"].as_str().unwrap().parse().unwrap();
    let bearer = format!("Bearer {access_token}");
    let answer = lab.get(target(&url), &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

fn ada() -> User {
    User::new("ada").email("ada@example.test").name("Ada Example").groups(["lab-admins", "lab-users"])
}

/// Each way to redeem a code wrongly, by name, with the answer: `secret`, `client`, `code`, `reuse`,
/// `expired`, `redirect_uri`, `verifier` and `no verifier`.
async fn mistakes(lab: &MockLab) -> Vec<(&'static str, Answer)> {
    let with = |name: &str, value: Option<&str>| {
        let form = lab.redemption(&lab.code()).into_iter();
        let form = form.filter(|(known, _)| *known != name).chain(value.map(|value| ("", value.to_owned())));
        let name = name.to_owned();
        form.map(move |(known, value)| {
            (if known.is_empty() { name.clone() } else { known.to_owned() }, value)
        })
        .collect::<Vec<_>>()
    };
    let post = async |form: Vec<(String, String)>| {
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        lab.token(&form).await
    };
    let spent = lab.code();
    lab.redeem(&spent).await;
    let mut answers = vec![
        ("secret", lab.token_as("lab", "wrong", &lab.redemption(&lab.code())).await),
        ("client", lab.token_as("unknown", "lab-secret", &lab.redemption(&lab.code())).await),
        ("code", lab.redeem("unknown").await),
        ("reuse", lab.redeem(&spent).await),
        ("redirect_uri", post(with("redirect_uri", Some("http://127.0.0.1/other"))).await),
        ("verifier", post(with("code_verifier", Some(&"v".repeat(43)))).await),
        ("no verifier", post(with("code_verifier", None)).await),
    ];
    let late = lab.code();
    lab.clock.advance(3600);
    answers.push(("expired", lab.redeem(&late).await));
    answers
}

/// Status, `error` and `error_description` of each mistake.
async fn assert_mistakes(lab: &MockLab, expected: &[(&str, u16, &str, &str)]) {
    let answers = mistakes(lab).await;
    for (name, status, error, description) in expected {
        let (_, answer) = answers.iter().find(|(known, _)| known == name).unwrap();
        assert_eq!(answer.status, *status, "{name}: {}", answer.text);
        assert_eq!(answer.json["error"], *error, "{name}");
        assert_eq!(answer.json["error_description"].as_str().unwrap_or_default(), *description, "{name}");
    }
}

/// The callback's answer to other scopes: `error` and `error_description`.
fn refused_scope(lab: &MockLab, scope: &str) -> (String, String) {
    let url = lab.altered("scope", Some(scope));
    let callback: Url = lab.idp.sign_in(&url, "ada").unwrap().parse().unwrap();
    let text = |name| parameter(&callback, name).unwrap_or_default();
    assert_eq!(text("state"), lab.request.state.as_str());
    (text("error"), text("error_description"))
}

/// The page that the person sees for a client or a redirect URI that is not registered.
async fn page(lab: &MockLab, name: &str) -> Answer {
    let url = lab.altered(name, Some("http://127.0.0.1/other"));
    lab.get(target(&url), &[]).await
}
