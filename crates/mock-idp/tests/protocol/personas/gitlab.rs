use labgate_mock_idp::Persona;
use serde_json::json;

use super::{ada, assert_mistakes, at, metadata, page, refused_scope, tokens, userinfo};
use crate::lab::{MockLab, parameter};

fn gitlab() -> MockLab {
    at(Persona::GitLab, &["profile", "email"])
}

#[tokio::test]
async fn its_document_has_no_logout() {
    let lab = gitlab();
    assert_eq!(lab.idp.authorization_endpoint(), "http://idp.test/oauth/authorize");
    assert_eq!(lab.idp.token_endpoint(), "http://idp.test/oauth/token");
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], "http://idp.test");
    assert_eq!(metadata["jwks_uri"], "http://idp.test/oauth/discovery/keys");
    assert!(metadata["revocation_endpoint"].is_string());
    for absent in ["end_session_endpoint", "authorization_response_iss_parameter_supported"] {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn a_trip_gives_an_id_token_of_two_minutes() {
    let lab = gitlab();
    assert_eq!(parameter(&lab.callback(), "iss"), None);
    let tokens = tokens(&lab, ada()).await;
    let claims = tokens.id_token().1;
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    assert_eq!(tokens.json["expires_in"], 7200);
    assert_eq!(tokens.json["created_at"], 1_800_000_000);
    assert!(claims["sub"].as_str().unwrap().parse::<u64>().is_ok());
    assert_eq!(claims["sub_legacy"].as_str().unwrap().len(), 64);
    assert_eq!(claims["nickname"], "ada");
    assert_eq!(claims["groups_direct"], json!(["lab-admins", "lab-users"]));
    assert!(claims.get("groups").is_none());
    let userinfo = userinfo(&lab, tokens.field("access_token")).await;
    assert_eq!(userinfo["groups"], json!(["lab-admins", "lab-users"]));
    assert_eq!(userinfo["sub"], claims["sub"]);

    let refreshed = lab.refresh(tokens.field("refresh_token")).await;
    assert_eq!(refreshed.status, 200);
    assert_eq!(lab.refresh(tokens.field("refresh_token")).await.error(), "invalid_grant", "once");
}

#[tokio::test]
async fn its_errors_are_its_own() {
    let lab = gitlab();
    let client = "Client authentication failed due to unknown client, no client authentication included, or unsupported \
                  authentication method.";
    let grant = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in \
                 the authorization request, or was issued to another client.";
    let mut expected: Vec<_> = ["code", "reuse", "expired", "redirect_uri", "verifier", "no verifier"]
        .map(|it| (it, 400, "invalid_grant", grant))
        .into();
    expected.extend(["secret", "client"].map(|it| (it, 401, "invalid_client", client)));
    assert_mistakes(&lab, &expected).await;
    assert_eq!(refused_scope(&lab, "openid groups").0, "invalid_scope");
    assert!(page(&lab, "redirect_uri").await.text.contains("The redirect URI included is not valid."));
}
