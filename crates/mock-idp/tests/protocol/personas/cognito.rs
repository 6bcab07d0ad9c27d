use labgate_mock_idp::Persona;
use serde_json::json;

use super::{ada, assert_mistakes, at, keys, metadata, page, refused_scope, tokens, userinfo};
use crate::lab::{MockLab, SIGNED_OUT, parameter};

const POOL: &str = "eu-west-1_AbCdEf123";

fn cognito() -> MockLab {
    let persona = Persona::Cognito { pool: POOL.to_owned() };
    at(persona, &["profile", "email"])
}

#[tokio::test]
async fn its_issuer_is_on_another_origin_than_its_pages() {
    let lab = MockLab::with(|builder| {
        let builder = builder.persona(Persona::Cognito { pool: POOL.to_owned() });
        let builder = builder.base_url("https://lab.auth.eu-west-1.amazoncognito.com").unwrap();
        builder.second_origin("https://cognito-idp.eu-west-1.amazonaws.com").unwrap()
    });
    let issuer = format!("https://cognito-idp.eu-west-1.amazonaws.com/{POOL}");
    assert_eq!(lab.idp.issuer().as_str(), issuer);
    let pages = "https://lab.auth.eu-west-1.amazoncognito.com";
    assert_eq!(lab.idp.authorization_endpoint(), format!("{pages}/oauth2/authorize"));
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], issuer);
    assert_eq!(metadata["jwks_uri"], format!("{issuer}/.well-known/jwks.json"));
    assert_eq!(metadata["token_endpoint"], format!("{pages}/oauth2/token"));
    assert_eq!(metadata["end_session_endpoint"], format!("{pages}/logout"));
    assert!(metadata.get("code_challenge_methods_supported").is_none());
    assert_eq!(keys(&lab).await.len(), 1);
}

#[tokio::test]
async fn a_trip_gives_its_claims_and_at_userinfo_verified_is_a_text() {
    let lab = cognito();
    assert_eq!(parameter(&lab.callback(), "iss"), None);
    let tokens = tokens(&lab, ada()).await;
    let claims = tokens.id_token().1;
    assert_eq!(claims["token_use"], "id");
    assert_eq!(claims["cognito:username"], "ada");
    assert_eq!(claims["cognito:groups"], json!(["lab-admins", "lab-users"]));
    assert_eq!(claims["email_verified"], true);
    for present in ["origin_jti", "event_id", "jti", "at_hash", "auth_time"] {
        assert!(!claims[present].is_null(), "{present}");
    }
    let userinfo = userinfo(&lab, tokens.field("access_token")).await;
    assert_eq!((&userinfo["email_verified"], &userinfo["username"]), (&json!("true"), &json!("ada")));
    assert_eq!(userinfo["sub"], claims["sub"]);

    let refreshed = lab.refresh(tokens.field("refresh_token")).await;
    assert!(refreshed.status == 200 && refreshed.json.get("refresh_token").is_none());
}

#[tokio::test]
async fn a_user_can_have_a_token_of_another_use() {
    let claims = tokens(&cognito(), ada().claim("token_use", "access")).await.id_token().1;
    assert_eq!(claims["token_use"], "access");
}

#[tokio::test]
async fn its_logout_page_wants_parameters_of_its_own() {
    let lab = cognito();
    let proper = lab.get(&format!("/logout?client_id=lab&post_logout_redirect_uri={SIGNED_OUT}"), &[]).await;
    assert_eq!((proper.status.as_u16(), proper.header("location")), (400, ""));
    let own = lab.get(&format!("/logout?client_id=lab&logout_uri={SIGNED_OUT}"), &[]).await;
    assert_eq!((own.status.as_u16(), own.header("location")), (302, SIGNED_OUT));
    let elsewhere = lab.get("/logout?client_id=lab&logout_uri=https://evil.example/", &[]).await;
    assert_eq!(elsewhere.status, 400);
}

#[tokio::test]
async fn its_errors_say_little() {
    let lab = cognito();
    let mut expected: Vec<_> = ["code", "reuse", "expired", "redirect_uri", "verifier", "no verifier"]
        .map(|it| (it, 400, "invalid_grant", ""))
        .into();
    expected.extend(["secret", "client"].map(|it| (it, 400, "invalid_client", "")));
    assert_mistakes(&lab, &expected).await;
    let refused = refused_scope(&lab, "openid groups");
    assert_eq!(refused, ("invalid_request".to_owned(), "invalid_scope".to_owned()));
    assert!(page(&lab, "redirect_uri").await.text.contains("redirect_mismatch"));
}
