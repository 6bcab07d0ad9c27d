//! The mock over TCP, as a relying party in another process meets it.

use std::error::Error as _;

use labgate_mock_idp::{Algorithm, Client, MockIdp, StartError};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, StatusCode};

use crate::lab::{CALLBACK, Lab, parameter};

fn browser() -> Http {
    Http::builder().redirect(Policy::none()).no_proxy().build().unwrap()
}

async fn started() -> MockIdp {
    let client = Client::new("lab", "lab-secret").redirect_uri(CALLBACK);
    MockIdp::builder().algorithm(Algorithm::Es256).client(client).start().await.unwrap()
}

#[tokio::test]
async fn a_sign_in_over_sockets() {
    let idp = started().await;
    assert!(idp.address().unwrap().ip().is_loopback());
    let http = browser();
    let get = async |url: String| -> serde_json::Value {
        serde_json::from_slice(&http.get(url).send().await.unwrap().bytes().await.unwrap()).unwrap()
    };
    let metadata = get(idp.discovery_url()).await;
    assert_eq!(metadata["issuer"], idp.issuer().as_str());
    assert!(get(metadata["jwks_uri"].as_str().unwrap().to_owned()).await["keys"][0]["kid"].is_string());

    let lab = Lab::new();
    let url = lab.request.to_url(&metadata["authorization_endpoint"].as_str().unwrap().parse().unwrap());
    let page = http.get(url.clone()).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("Sign in as Ada Example"));

    let login = url.as_str().replace("/authorize", "/login");
    let form = "application/x-www-form-urlencoded";
    let answer = http.post(login).header("content-type", form).body("user=ada").send().await.unwrap();
    let callback = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    let code = parameter(&callback, "code").unwrap();

    let body =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(lab.redemption(&code)).finish();
    let tokens = http
        .post(idp.token_endpoint())
        .basic_auth("lab", Some("lab-secret"))
        .header("content-type", form)
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(tokens.status(), StatusCode::OK);
    assert!(tokens.text().await.unwrap().contains("id_token"));
}

#[tokio::test]
async fn dropping_the_mock_stops_it() {
    let idp = started().await;
    let (http, url) = (browser(), idp.discovery_url());
    assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::OK);
    let address = idp.address().unwrap();
    drop(idp);
    // The port is free again as soon as the accept loop has ended.
    while tokio::net::TcpListener::bind(address).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(http.get(&url).send().await.is_err());
}

#[tokio::test]
async fn mocks_run_side_by_side() {
    let (one, other) = (started().await, started().await);
    assert_ne!(one.address(), other.address());
    assert_ne!(one.issuer(), other.issuer());
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let idp = started().await;
    let address = idp.address().unwrap();
    let error = MockIdp::builder().algorithm(Algorithm::Es256).listen(address).start().await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let idp = started().await;
    let body = vec![b'x'; 2 * 1024 * 1024];
    let answer = browser().post(idp.token_endpoint()).body(body).send().await;
    // The mock may close the connection before everything was sent.
    assert!(answer.is_err() || answer.unwrap().status() == StatusCode::PAYLOAD_TOO_LARGE);
}
