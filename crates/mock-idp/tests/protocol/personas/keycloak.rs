use labgate_mock_idp::{Algorithm, Client, Persona, User};
use serde_json::json;

use super::{
    ada, assert_mistakes, at, callback, claims, keys, metadata, page, refused_scope, tokens, userinfo,
};
use crate::lab::{CALLBACK, MockLab, parameter, part};

fn keycloak() -> MockLab {
    at(Persona::keycloak("lab"), &["profile", "email"])
}

#[tokio::test]
async fn its_document_is_at_the_realm_and_lists_hs256() {
    let lab = keycloak();
    assert_eq!(lab.idp.issuer().as_str(), "http://idp.test/realms/lab");
    let realm = "http://idp.test/realms/lab/protocol/openid-connect";
    assert_eq!(lab.idp.authorization_endpoint(), format!("{realm}/auth"));
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["token_endpoint"], format!("{realm}/token"));
    assert_eq!(metadata["jwks_uri"], format!("{realm}/certs"));
    assert_eq!(metadata["end_session_endpoint"], format!("{realm}/logout"));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["backchannel_logout_session_supported"], true);
    let algorithms = metadata["id_token_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&json!("HS256")) && algorithms.contains(&json!("RS256")));
}

#[tokio::test]
async fn a_key_for_encryption_stands_before_the_one_that_signs() {
    let lab = keycloak();
    let keys = keys(&lab).await;
    assert_eq!(
        (&keys[0]["use"], &keys[0]["alg"], &keys[0]["kty"]),
        (&json!("enc"), &json!("RSA-OAEP"), &json!("RSA"))
    );
    assert_eq!(keys[0]["n"].as_str().unwrap().len(), 342);
    let (header, _) = tokens(&lab, ada()).await.id_token();
    assert_eq!((&keys[1]["use"], &keys[1]["kid"]), (&json!("sig"), &header["kid"]));
}

#[tokio::test]
async fn a_trip_gives_its_claims() {
    let lab = keycloak();
    let callback = callback(&lab, ada());
    assert_eq!(parameter(&callback, "iss").as_deref(), Some("http://idp.test/realms/lab"));
    assert!(parameter(&callback, "session_state").is_some());
    let tokens = lab.redeem(&parameter(&callback, "code").unwrap()).await;
    let claims = tokens.id_token().1;
    for (name, value) in [
        ("typ", "ID"),
        ("azp", "lab"),
        ("acr", "1"),
        ("given_name", "Ada"),
        ("family_name", "Example"),
        ("preferred_username", "ada"),
        ("email", "ada@example.test"),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["sub"].as_str().unwrap().len(), 36);
    assert_eq!(claims["groups"], json!(["lab-admins", "lab-users"]));
    // It was gone from ID tokens with Keycloak 24, and stands in the token response still.
    assert!(claims["session_state"].is_null());
    assert_eq!(tokens.json["session_state"], claims["sid"]);
    assert_eq!(tokens.json["refresh_expires_in"], 1800);
    assert_eq!(tokens.json["not-before-policy"], 0);
    assert_eq!(userinfo(&lab, tokens.field("access_token")).await["email_verified"], true);
}

#[tokio::test]
async fn groups_have_a_slash_in_front_where_the_mapper_gives_one() {
    let claims = claims(&keycloak(), User::new("ada").groups(["/lab/admins"])).await;
    assert_eq!(claims["groups"], json!(["/lab/admins"]));
}

#[tokio::test]
async fn roles_are_there_as_a_mapper_puts_them_there_and_not_otherwise() {
    assert!(claims(&keycloak(), ada()).await.get("realm_access").is_none());
    let roles = json!({"roles": ["lab-admin"]});
    assert_eq!(claims(&keycloak(), ada().claim("realm_access", roles.clone())).await["realm_access"], roles);
}

#[tokio::test]
async fn its_errors_are_its_own() {
    let lab = keycloak();
    let credentials = "Invalid client or Invalid client credentials";
    let expected = [
        ("secret", 401, "unauthorized_client", credentials),
        ("client", 401, "invalid_client", credentials),
        ("code", 400, "invalid_grant", "Code not valid"),
        ("reuse", 400, "invalid_grant", "Code not valid"),
        ("expired", 400, "invalid_grant", "Code not valid"),
        ("redirect_uri", 400, "invalid_grant", "Incorrect redirect_uri"),
        ("verifier", 400, "invalid_grant", "PKCE verification failed: Code mismatch"),
        ("no verifier", 400, "invalid_grant", "PKCE code verifier not specified"),
    ];
    assert_mistakes(&lab, &expected).await;
    let scopes = "Invalid scopes: openid groups".to_owned();
    assert_eq!(refused_scope(&lab, "openid groups"), ("invalid_scope".to_owned(), scopes));
    assert!(page(&lab, "client_id").await.text.contains("Client not found."));
    assert!(page(&lab, "redirect_uri").await.text.contains("Invalid parameter: redirect_uri"));
}

#[tokio::test]
async fn a_refresh_token_is_there_unasked_and_lasts_half_an_hour() {
    let lab = keycloak();
    let token = tokens(&lab, ada()).await.field("refresh_token").to_owned();
    for _ in 0..2 {
        assert_eq!(lab.refresh(&token).await.status, 200, "the one before stays good");
    }
    lab.clock.advance(1800);
    let answer = lab.refresh(&token).await;
    assert_eq!(answer.json["error_description"], "Token is not active");
}

#[tokio::test]
async fn a_logout_token_names_the_person_and_the_session_of_the_id_token() {
    let lab = MockLab::with(|builder| {
        let client = Client::new("other", "s").redirect_uri(CALLBACK);
        let client = client.backchannel_logout_uri("https://lab.test/logout");
        builder.persona(Persona::keycloak("lab")).algorithm(Algorithm::Es256).client(client)
    });
    let mut url = lab.altered("scope", Some("openid"));
    url.set_query(Some(&url.query().unwrap().replace("client_id=lab", "client_id=other")));
    let callback = lab.idp.sign_in(&url, "ada").unwrap().parse().unwrap();
    let form = lab.redemption(&parameter(&callback, "code").unwrap());
    let claims = lab.token_as("other", "s", &form).await.id_token().1;
    let notices = lab.idp.end_sessions_of("ada").await.unwrap();
    let logout = part(notices[0].token(), 1);
    for name in ["iss", "sub", "sid", "aud"] {
        assert_eq!(logout[name], claims[name], "{name}");
    }
}
