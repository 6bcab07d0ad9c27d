use http::StatusCode;
use labgate_mock_idp::{Algorithm, Client, Fault, MockIdp, User};

use crate::lab::{CALLBACK, MockLab, parameter, target};

#[tokio::test]
async fn the_metadata_says_what_the_mock_can_do() {
    let lab = MockLab::new();
    let answer = lab.get("/.well-known/openid-configuration", &[]).await;
    assert_eq!(answer.field("issuer"), "http://idp.test");
    assert_eq!(answer.field("authorization_endpoint"), "http://idp.test/authorize");
    assert_eq!(answer.field("token_endpoint"), "http://idp.test/token");
    assert_eq!(answer.field("userinfo_endpoint"), "http://idp.test/userinfo");
    assert_eq!(answer.field("jwks_uri"), "http://idp.test/jwks");
    assert_eq!(answer.field("end_session_endpoint"), "http://idp.test/end_session");
    assert_eq!(answer.json["authorization_response_iss_parameter_supported"], true);
    assert_eq!(answer.json["code_challenge_methods_supported"][0], "S256");
    assert_eq!(answer.json["id_token_signing_alg_values_supported"][0], "ES256");
}

#[tokio::test]
async fn every_algorithm_signs_and_is_published() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let lab = MockLab::with(|builder| builder.algorithm(algorithm));
        let (header, claims) = lab.tokens().await.id_token();
        assert_eq!(header["alg"], algorithm.as_str());
        let hash_length = if algorithm == Algorithm::EdDsa { 43 } else { 22 };
        assert_eq!(claims["at_hash"].as_str().unwrap().len(), hash_length);
        let key = &lab.get("/jwks", &[]).await.json["keys"][0];
        assert_eq!(key["alg"], algorithm.as_str());
        assert_eq!(key["use"], "sig");
    }
}

/// Two issuers, the second at a nested path with a slash at the end.
fn two() -> MockLab {
    MockLab::with(|builder| {
        let other = builder.another_issuer("/realms/lab/").unwrap();
        let client = Client::new("lab", "other-secret").redirect_uri(CALLBACK);
        other.algorithm(Algorithm::Es256).user(User::new("eve")).client(client)
    })
}

#[tokio::test]
async fn a_nested_issuer_is_found_at_its_path() {
    let lab = two();
    let other = lab.idp.issuer_at("/realms/lab").unwrap();
    assert_eq!(other.issuer().as_str(), "http://idp.test/realms/lab/");
    assert_eq!(other.discovery_url(), "http://idp.test/realms/lab/.well-known/openid-configuration");
    let answer = lab.get("/realms/lab/.well-known/openid-configuration", &[]).await;
    assert_eq!(answer.field("issuer"), "http://idp.test/realms/lab/");
    assert_eq!(answer.field("token_endpoint"), "http://idp.test/realms/lab/token");
    assert_eq!(lab.get("/realms/.well-known/openid-configuration", &[]).await.status, StatusCode::NOT_FOUND);
    assert!(lab.idp.issuer_at("/realms").is_none());
}

#[tokio::test]
async fn issuers_keep_apart() {
    let lab = two();
    let other = lab.idp.issuer_at("/realms/lab").unwrap();
    let url = lab.request.to_url(&other.authorization_endpoint().parse().unwrap());

    assert!(other.sign_in(&url, "ada").is_err(), "users");
    let callback = other.sign_in(&url, "eve").unwrap().parse().unwrap();
    assert_eq!(parameter(&callback, "iss").as_deref(), Some("http://idp.test/realms/lab/"));
    let code = parameter(&callback, "code").unwrap();
    assert_eq!(lab.redeem(&code).await.error(), "invalid_grant", "codes");
    assert_eq!(lab.token_as("lab", "other-secret", &[]).await.error(), "invalid_client", "clients");

    let keys = lab.get("/jwks", &[]).await.json;
    assert_ne!(lab.get("/realms/lab/jwks", &[]).await.json, keys, "keys");
    other.rotate_keys().unwrap();
    assert_eq!(lab.get("/jwks", &[]).await.json, keys);

    let access_token = lab.tokens().await.field("access_token").to_owned();
    let bearer = format!("Bearer {access_token}");
    let elsewhere = lab.get("/realms/lab/userinfo", &[("authorization", &bearer)]).await;
    assert_eq!(elsewhere.status, StatusCode::UNAUTHORIZED, "access tokens");

    other.fault(Fault::Discovery500).always();
    assert_eq!(lab.get("/.well-known/openid-configuration", &[]).await.status, StatusCode::OK, "faults");
}

#[tokio::test]
async fn a_session_cookie_belongs_to_its_issuer() {
    let lab = two();
    let login = target(&lab.authorization_url()).replace("/authorize", "/realms/lab/login");
    let answer = lab.post(&login, &[("user", "eve".to_owned())], &[]).await;
    assert!(answer.header("set-cookie").contains("Path=/realms/lab;"));
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let silent = lab.altered("prompt", Some("none"));
    let callback = lab.get(target(&silent), &[("cookie", &cookie)]).await.location();
    assert_eq!(parameter(&callback, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_base_url_names_the_issuers() {
    let builder = MockIdp::builder().algorithm(Algorithm::Es256).issuer_path("/dex").unwrap();
    let idp = builder.base_url("http://dex:5556").unwrap().build().unwrap();
    assert_eq!(idp.issuer().as_str(), "http://dex:5556/dex");
    assert_eq!(idp.base_url().as_str(), "http://dex:5556/");
}

#[tokio::test]
async fn requests_are_kept_for_assertions() {
    let lab = MockLab::new();
    let code = lab.code();
    assert!(lab.idp.requests().iter().all(|request| request.value("code").is_none()), "not sent yet");
    lab.redeem(&code).await;
    let requests = lab.idp.requests();
    let request = requests.last().unwrap();
    assert_eq!((request.method().as_str(), request.path()), ("POST", "/token"));
    assert_eq!(request.value("code"), Some(code.as_str()));
    assert!(request.query().is_empty() && request.form().len() == 4);
    let shown = format!("{request:?}");
    assert!(shown.contains("code_verifier") && !shown.contains(&code), "{shown}");
    lab.idp.forget_requests();
    assert!(lab.idp.requests().is_empty());
}
