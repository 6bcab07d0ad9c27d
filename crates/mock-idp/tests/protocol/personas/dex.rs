use labgate_mock_idp::{Fault, Persona};
use serde_json::json;

use super::{ada, assert_mistakes, at, claims, keys, metadata, refused_scope, tokens, userinfo};
use crate::lab::{MockLab, parameter, target};

const ALL: &[&str] = &["profile", "email", "groups", "offline_access", "federated:id"];

fn dex() -> MockLab {
    at(Persona::Dex, ALL)
}

#[tokio::test]
async fn its_document_is_below_dex_and_promises_neither_logout_nor_iss() {
    let lab = dex();
    assert_eq!(lab.idp.issuer().as_str(), "http://idp.test/dex");
    assert_eq!(lab.idp.authorization_endpoint(), "http://idp.test/dex/auth");
    assert_eq!(lab.idp.token_endpoint(), "http://idp.test/dex/token");
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], "http://idp.test/dex");
    assert_eq!(metadata["jwks_uri"], "http://idp.test/dex/keys");
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256", "plain"]));
    for absent in ["end_session_endpoint", "authorization_response_iss_parameter_supported"] {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }
    assert_eq!(keys(&lab).await.len(), 1);
    assert_eq!(lab.get("/dex/logout", &[]).await.status, 404);
}

#[tokio::test]
async fn a_trip_gives_its_claims() {
    let lab = dex();
    assert_eq!(parameter(&lab.callback(), "iss"), None);
    let tokens = tokens(&lab, ada()).await;
    let claims = tokens.id_token().1;
    let subject = claims["sub"].as_str().unwrap();
    assert!(subject.starts_with("Ci") && subject.ends_with("BWxvY2Fs"), "{subject}");
    assert_eq!(claims["email_verified"], true);
    assert_eq!(claims["groups"], json!(["lab-admins", "lab-users"]));
    assert_eq!(claims["preferred_username"], "ada");
    assert_eq!(claims["federated_claims"]["connector_id"], "local");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 86_400);
    for present in ["at_hash", "c_hash", "nonce"] {
        assert!(claims[present].is_string(), "{present}");
    }
    for absent in ["sid", "auth_time"] {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
    assert_eq!(userinfo(&lab, tokens.field("access_token")).await["sub"], claims["sub"]);
}

#[tokio::test]
async fn a_token_for_another_client_too_names_both() {
    let claims = claims(&at(Persona::Dex, &["audience:server:client_id:jupyter"]), ada()).await;
    assert_eq!(claims["aud"], json!(["jupyter", "lab"]));
    assert_eq!(claims["azp"], "lab");
}

#[tokio::test]
async fn scopes_that_it_does_not_know_are_errors() {
    let lab = dex();
    let refused = refused_scope(&lab, "openid x y");
    assert_eq!(refused, ("invalid_scope".to_owned(), r#"Unrecognized scope(s) ["x" "y"]"#.to_owned()));
    let refused = refused_scope(&lab, "email");
    assert_eq!(refused, ("invalid_scope".to_owned(), r#"Missing required scope(s) ["openid"]."#.to_owned()));
}

#[tokio::test]
async fn its_errors_are_its_own() {
    let lab = dex();
    let used = "Invalid or expired code parameter.";
    let expected = [
        ("secret", 401, "invalid_client", "Invalid client credentials."),
        ("client", 401, "invalid_client", "Invalid client credentials."),
        ("code", 400, "invalid_grant", used),
        ("reuse", 400, "invalid_grant", used),
        ("expired", 500, "server_error", ""),
        ("redirect_uri", 400, "invalid_request", "redirect_uri did not match URI from initial request."),
        ("verifier", 400, "invalid_grant", "Invalid code_verifier."),
        ("no verifier", 400, "invalid_grant", "Expecting parameter code_verifier in PKCE flow."),
    ];
    assert_mistakes(&lab, &expected).await;

    let token = tokens(&lab, ada()).await.field("refresh_token").to_owned();
    assert_eq!(lab.refresh(&token).await.status, 200);
    let dead = lab.refresh(&token).await;
    assert_eq!((dead.status.as_u16(), dead.error()), (400, "invalid_request"));

    // One for each person and client: the next sign-in takes back the one before.
    let before = tokens(&lab, ada()).await.field("refresh_token").to_owned();
    let next = tokens(&lab, ada()).await.field("refresh_token").to_owned();
    let dead = lab.refresh(&before).await;
    assert_eq!((dead.status.as_u16(), dead.error()), (400, "invalid_request"));
    assert_eq!(lab.refresh(&next).await.status, 200);
}

#[tokio::test]
async fn f39_the_page_of_the_connector_checks_what_the_first_one_passes_on() {
    let lab = dex();
    for (name, value, status, text) in [
        ("client_id", "http://127.0.0.1/other", 404, "Invalid client_id."),
        ("redirect_uri", "http://127.0.0.1/other", 400, "Unregistered redirect_uri."),
        ("scope", "openid x", 303, ""),
        ("scope", "openid email", 200, "ada@example.test"),
    ] {
        let url = lab.altered(name, Some(value));
        let first = lab.get(target(&url), &[]).await;
        let next = format!("/dex/auth/local?{}", url.query().unwrap());
        assert_eq!((first.status.as_u16(), first.header("location")), (302, next.as_str()), "{name}");
        let page = lab.get(&next, &[]).await;
        assert_eq!(page.status, status, "{name}");
        assert!(page.text.contains(text), "{}", page.text);
        if status == 303 {
            assert_eq!(parameter(&page.location(), "error").as_deref(), Some("invalid_scope"));
        }
    }
}

#[tokio::test]
async fn faults_show_there_too() {
    let lab = dex();
    lab.idp.fault(Fault::EmailVerifiedAbsent).once();
    let claims = claims(&lab, ada()).await;
    assert!(claims["email"].is_string() && claims.get("email_verified").is_none());
    lab.idp.fault(Fault::IssuerTrailingSlash).once();
    assert_eq!(super::claims(&lab, ada()).await["iss"], "http://idp.test/dex/");
}
