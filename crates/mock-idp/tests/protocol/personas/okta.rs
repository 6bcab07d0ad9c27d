use labgate_mock_idp::Persona;
use serde_json::json;

use super::{ada, assert_mistakes, at, metadata, refused_scope, tokens, userinfo};
use crate::lab::{MockLab, SIGNED_OUT};

fn custom() -> MockLab {
    at(Persona::Okta { server: Some("default".to_owned()) }, &["profile", "email", "groups"])
}

#[tokio::test]
async fn the_server_of_the_organization_and_a_custom_one_have_different_issuers() {
    let lab = at(Persona::Okta { server: None }, &[]);
    assert_eq!(lab.idp.issuer().as_str(), "http://idp.test");
    assert_eq!(lab.idp.authorization_endpoint(), "http://idp.test/oauth2/v1/authorize");
    assert_eq!(metadata(&lab).await["jwks_uri"], "http://idp.test/oauth2/v1/keys");

    let lab = custom();
    assert_eq!(lab.idp.issuer().as_str(), "http://idp.test/oauth2/default");
    assert_eq!(lab.idp.authorization_endpoint(), "http://idp.test/oauth2/default/v1/authorize");
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["jwks_uri"], "http://idp.test/oauth2/default/v1/keys");
    assert_eq!(metadata["end_session_endpoint"], "http://idp.test/oauth2/default/v1/logout");
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
}

#[tokio::test]
async fn a_trip_gives_a_thin_id_token_and_the_rest_at_userinfo() {
    let lab = custom();
    let tokens = tokens(&lab, ada()).await;
    let claims = tokens.id_token().1;
    assert!(claims["sub"].as_str().unwrap().starts_with("00u"));
    assert_eq!((&claims["ver"], &claims["amr"]), (&json!(1), &json!(["pwd"])));
    assert!(claims["jti"].as_str().unwrap().starts_with("ID."));
    assert_eq!(claims["groups"], json!(["lab-admins", "lab-users"]));
    assert!(claims.get("email").is_none() && claims.get("name").is_none());
    let userinfo = userinfo(&lab, tokens.field("access_token")).await;
    assert_eq!(userinfo["email"], "ada@example.test");
    assert_eq!(userinfo["email_verified"], true);
    assert_eq!(userinfo["sub"], claims["sub"]);
}

#[tokio::test]
async fn without_a_hint_there_is_no_logout() {
    let lab = custom();
    let tokens = tokens(&lab, ada()).await;
    let base = format!("/oauth2/default/v1/logout?client_id=lab&post_logout_redirect_uri={SIGNED_OUT}");
    for without in [base.clone(), format!("{base}&id_token_hint=")] {
        assert_eq!(lab.get(&without, &[]).await.status, 400, "{without}");
    }
    let hinted = format!("{base}&id_token_hint={}", tokens.field("id_token"));
    assert_eq!(lab.get(&hinted, &[]).await.status, 200);
}

#[tokio::test]
async fn its_errors_are_its_own() {
    let lab = custom();
    let code = "The authorization code is invalid or has expired.";
    let redirect = "The 'redirect_uri' does not match the redirection URI used in the authorization request.";
    let expected = [
        ("secret", 401, "invalid_client", "The client secret supplied for a confidential client is invalid."),
        ("client", 401, "invalid_client", "Invalid value for 'client_id' parameter."),
        ("code", 400, "invalid_grant", code),
        ("reuse", 400, "invalid_grant", code),
        ("expired", 400, "invalid_grant", code),
        ("redirect_uri", 400, "invalid_grant", redirect),
        ("verifier", 400, "invalid_grant", "PKCE verification failed."),
        ("no verifier", 400, "invalid_grant", "PKCE verification failed."),
    ];
    assert_mistakes(&lab, &expected).await;
    assert_eq!(refused_scope(&lab, "openid x").0, "invalid_scope");
}
