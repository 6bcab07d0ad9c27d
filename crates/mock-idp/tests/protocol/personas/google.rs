use labgate_mock_idp::{Persona, User};

use super::{ada, assert_mistakes, at, callback, claims, keys, metadata, page, tokens, userinfo};
use crate::lab::{MockLab, parameter};

fn google() -> MockLab {
    at(Persona::Google, &["profile", "email"])
}

#[tokio::test]
async fn its_tokens_keys_and_people_are_on_another_origin() {
    let lab = MockLab::with(|builder| {
        let builder = builder.persona(Persona::Google).base_url("https://accounts.google.com").unwrap();
        builder.second_origin("https://googleapis.test").unwrap()
    });
    assert_eq!(lab.idp.authorization_endpoint(), "https://accounts.google.com/o/oauth2/v2/auth");
    assert_eq!(lab.idp.token_endpoint(), "https://googleapis.test/token");
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], "https://accounts.google.com");
    assert_eq!(metadata["jwks_uri"], "https://googleapis.test/oauth2/v3/certs");
    assert_eq!(metadata["userinfo_endpoint"], "https://googleapis.test/v1/userinfo");
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert!(metadata.get("end_session_endpoint").is_none());
    assert_eq!(keys(&lab).await.len(), 1);
}

#[tokio::test]
async fn a_trip_gives_its_claims() {
    let lab = google();
    let callback = callback(&lab, ada());
    assert_eq!(parameter(&callback, "iss").as_deref(), Some("http://idp.test"));
    assert_eq!(parameter(&callback, "authuser").as_deref(), Some("0"));
    let tokens = lab.redeem(&parameter(&callback, "code").unwrap()).await;
    let claims = tokens.id_token().1;
    let subject = claims["sub"].as_str().unwrap();
    assert!(subject.len() == 21 && subject.bytes().all(|byte| byte.is_ascii_digit()), "{subject}");
    assert_eq!(claims["azp"], "lab");
    assert_eq!(claims["hd"], "example.test");
    assert_eq!(claims["email_verified"], true);
    for absent in ["groups", "auth_time", "sid", "preferred_username"] {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
    assert!(tokens.field("scope").starts_with("openid https://www.googleapis.com/auth/userinfo.profile"));
    assert_eq!(userinfo(&lab, tokens.field("access_token")).await["sub"], subject);
}

#[tokio::test]
async fn an_address_at_gmail_belongs_to_no_organization() {
    let claims = claims(&google(), User::new("ada").email("ada@gmail.com")).await;
    assert!(claims["email"].is_string() && claims.get("hd").is_none());
}

#[tokio::test]
async fn a_personal_account_may_have_an_address_elsewhere() {
    let ada = User::new("ada").email("ada@example.test").claim("hd", serde_json::Value::Null);
    let claims = claims(&google(), ada).await;
    assert!(claims["email_verified"] == true && claims.get("hd").is_none());
}

#[tokio::test]
async fn offline_access_is_an_error_on_its_own_page() {
    let lab = google();
    let url = lab.altered("scope", Some("openid offline_access"));
    let error = lab.idp.sign_in(&url, "ada").unwrap_err().to_string();
    assert!(error.contains("invalid_scope") && error.contains("invalid=[offline_access]"), "{error}");
    let page = lab.get(crate::lab::target(&url), &[]).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("Error 400: invalid_scope"));
}

#[tokio::test]
async fn a_refresh_token_comes_for_access_type_at_the_first_consent_and_is_kept() {
    let lab = google();
    let first = tokens(&lab, ada()).await;
    assert!(first.json.get("refresh_token").is_none(), "not asked for");
    let redeem = async |more: &str| {
        let url = format!("{}&access_type=offline{more}", lab.authorization_url()).parse().unwrap();
        let callback = lab.idp.sign_in(&url, "bob").unwrap().parse().unwrap();
        lab.redeem(&parameter(&callback, "code").unwrap()).await
    };
    let token = redeem("").await.field("refresh_token").to_owned();
    assert!(redeem("").await.json.get("refresh_token").is_none(), "the second consent is silent");
    assert!(redeem("&prompt=consent").await.json["refresh_token"].is_string());
    assert!(lab.refresh(&token).await.json.get("refresh_token").is_none(), "it stays");
    assert_eq!(lab.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn its_errors_are_its_own() {
    let lab = google();
    let expected = [
        ("secret", 401, "invalid_client", "Unauthorized"),
        ("client", 401, "invalid_client", "The OAuth client was not found."),
        ("code", 400, "invalid_grant", "Malformed auth code."),
        ("reuse", 400, "invalid_grant", "Bad Request"),
        ("expired", 400, "invalid_grant", "Bad Request"),
        ("redirect_uri", 400, "redirect_uri_mismatch", "Bad Request"),
        ("verifier", 400, "invalid_grant", "Invalid code verifier."),
        ("no verifier", 400, "invalid_grant", "Missing code verifier."),
    ];
    assert_mistakes(&lab, &expected).await;
    assert_eq!(page(&lab, "client_id").await.status, 401);
    assert!(page(&lab, "redirect_uri").await.text.contains("Error 400: redirect_uri_mismatch"));
}
