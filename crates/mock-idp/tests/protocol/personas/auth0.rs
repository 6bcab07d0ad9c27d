use labgate_mock_idp::Persona;
use serde_json::json;

use super::{ada, assert_mistakes, at, metadata, page, tokens, userinfo};
use crate::lab::{MockLab, parameter};

fn auth0() -> MockLab {
    at(Persona::Auth0, &["profile", "email", "unknown"])
}

#[tokio::test]
async fn its_issuer_ends_with_a_slash_and_its_document_lists_hs256() {
    let lab = auth0();
    assert_eq!(lab.idp.issuer().as_str(), "http://idp.test/");
    assert_eq!(lab.idp.authorization_endpoint(), "http://idp.test/authorize");
    assert_eq!(lab.idp.token_endpoint(), "http://idp.test/oauth/token");
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], "http://idp.test/");
    assert_eq!(metadata["jwks_uri"], "http://idp.test/.well-known/jwks.json");
    assert_eq!(metadata["end_session_endpoint"], "http://idp.test/oidc/logout");
    assert_eq!(metadata["backchannel_logout_supported"], true);
    assert_eq!(metadata["id_token_signing_alg_values_supported"][0], "HS256");
}

#[tokio::test]
async fn a_trip_gives_its_claims_and_scopes_that_it_does_not_know_are_dropped() {
    let lab = auth0();
    assert_eq!(parameter(&lab.callback(), "iss"), None);
    let tokens = tokens(&lab, ada()).await;
    let claims = tokens.id_token().1;
    assert_eq!(claims["iss"], "http://idp.test/");
    assert!(claims["sub"].as_str().unwrap().starts_with("auth0|"));
    assert!(claims["updated_at"].is_string(), "a text, not a number");
    assert_eq!(claims["https://lab.example/groups"], json!(["lab-admins", "lab-users"]));
    assert!(claims["sid"].is_string() && claims.get("groups").is_none());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 36_000);
    assert_eq!(userinfo(&lab, tokens.field("access_token")).await["sub"], claims["sub"]);
}

#[tokio::test]
async fn its_errors_are_its_own() {
    let lab = auth0();
    let expected = [
        ("secret", 401, "access_denied", "Unauthorized"),
        ("client", 401, "access_denied", "Unauthorized"),
        ("code", 403, "invalid_grant", "Invalid authorization code"),
        ("reuse", 403, "invalid_grant", "Invalid authorization code"),
        ("expired", 403, "invalid_grant", "Invalid authorization code"),
        ("redirect_uri", 403, "unauthorized_client", "The redirect URI is wrong."),
        ("verifier", 403, "invalid_grant", "Failed to verify code verifier"),
        ("no verifier", 403, "invalid_grant", "Failed to verify code verifier"),
    ];
    assert_mistakes(&lab, &expected).await;
    let page = page(&lab, "redirect_uri").await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("Callback URL mismatch."));
}
