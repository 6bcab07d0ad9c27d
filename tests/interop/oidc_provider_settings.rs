//! The certified provider of the npm package `oidc-provider` in the settings that a server can have.

use serde_json::{Value, json};

use super::oidc_provider::OidcProvider;
use super::running;
use super::world::{Registration, World};

async fn with(setting: Value, change: impl FnOnce(Registration) -> Registration) -> World<OidcProvider> {
    let lab = running::free_origin();
    let (provider, registration) = OidcProvider::with(&lab, &setting);
    World::of(lab, provider, change(registration)).await
}

/// Somebody signs in, and so does the doctor say.
async fn signs_in(setting: Value, change: impl FnOnce(Registration) -> Registration) -> World<OidcProvider> {
    let mut world = with(setting, change).await;
    let page = world.sign_in("ada").await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, "/"), "{}", page.text);
    assert_eq!(world.me().await["email"], "ada@example.test");
    let wrong: Vec<_> = world.doctor().into_iter().filter(|(_, (outcome, _))| outcome == "bad").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    world
}

/// Nobody signs in, and the log says this as the reason.
async fn is_refused(setting: Value, status: u16, reason: &str) {
    let mut world = with(setting, as_it_is).await;
    let page = world.sign_in("ada").await;
    world.assert_refused(&page, status, "").await;
    let log = world.labgate.log();
    let line = log.lines().find(|line| line.contains("event=\"refused\"")).expect(&log);
    assert!(line.contains(reason), "{reason}: {line}");
}

fn as_it_is(registration: Registration) -> Registration {
    registration
}

macro_rules! signs_in {
    ($($(#[$attribute:meta])? $name:ident: $setting:tt;)+) => {
        $(
            #[tokio::test]
            $(#[$attribute])?
            async fn $name() {
                signs_in(json!($setting), as_it_is).await;
            }
        )+
    };
}

signs_in!(
    id_token_in_rs256: {"keys": ["RS256"]};
    id_token_in_ps256: {"keys": ["PS256"], "client": {"id_token_signed_response_alg": "PS256"}};
    id_token_in_es256: {"keys": ["ES256"], "client": {"id_token_signed_response_alg": "ES256"}};
    id_token_in_eddsa: {"keys": ["EdDSA"], "client": {"id_token_signed_response_alg": "EdDSA"}};
    id_token_in_ed25519: {"keys": ["Ed25519"], "client": {"id_token_signed_response_alg": "Ed25519"}};
    id_token_in_es256_beside_rs256:
        {"keys": ["RS256", "ES256"], "client": {"id_token_signed_response_alg": "ES256"}};
    three_keys_of_one_algorithm: {"keys": ["RS256", "RS256", "RS256"]};
    client_secret_basic: {
        "provider": {"clientAuthMethods": ["client_secret_basic"]},
        "client": {"token_endpoint_auth_method": "client_secret_basic"}
    };
    client_secret_post: {
        "provider": {"clientAuthMethods": ["client_secret_post"]},
        "client": {"token_endpoint_auth_method": "client_secret_post"}
    };
    claims_at_userinfo_only: {"provider": {"conformIdTokenClaims": true}};
    signed_userinfo: {
        "provider": {"conformIdTokenClaims": true, "features": {"jwtUserinfo": {"enabled": true}}},
        "client": {"userinfo_signed_response_alg": "RS256"}
    };
    signed_userinfo_in_es256: {
        "keys": ["RS256", "ES256"],
        "provider": {"conformIdTokenClaims": true, "features": {"jwtUserinfo": {"enabled": true}}},
        "client": {"userinfo_signed_response_alg": "ES256"}
    };
    pairwise_subject: {
        "provider": {"subjectTypes": ["pairwise"]}, "client": {"subject_type": "pairwise"}
    };
    auth_time_required: {"client": {"require_auth_time": true, "default_max_age": 3600}};
);

#[tokio::test]
async fn id_token_in_es512_is_refused_by_name() {
    let setting = json!({"keys": ["ES512"], "client": {"id_token_signed_response_alg": "ES512"}});
    is_refused(setting, 500, "ES512").await;
}

#[tokio::test]
async fn an_encrypted_id_token_is_refused_by_name() {
    let setting = json!({
        "provider": {"features": {"encryption": {"enabled": true}}},
        "client": {"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": "made"},
    });
    is_refused(setting, 502, "encrypted").await;
}

const CLIENT_AUTH: &str = "LAB_EXTERNAL_OIDC_CLIENT_AUTH";

#[tokio::test]
async fn client_secret_jwt() {
    let setting = json!({
        "provider": {"clientAuthMethods": ["client_secret_jwt"]},
        "client": {"token_endpoint_auth_method": "client_secret_jwt"},
    });
    signs_in(setting, |registration| registration.with(CLIENT_AUTH, "client_secret_jwt")).await;
}

#[tokio::test]
async fn private_key_jwt() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem").to_str().unwrap().to_owned();
    let setting = json!({
        "provider": {"clientAuthMethods": ["private_key_jwt"]},
        "client": {"token_endpoint_auth_method": "private_key_jwt"},
        "key_file": key,
    });
    let change = |registration: Registration| {
        registration
            .without_secret()
            .with(CLIENT_AUTH, "private_key_jwt")
            .with("LAB_EXTERNAL_OIDC_CLIENT_KEY_FILE", &key)
    };
    signs_in(setting, change).await;
}

#[tokio::test]
async fn public_client_with_pkce() {
    let setting = json!({
        "provider": {"clientAuthMethods": ["none"]},
        "client": {"token_endpoint_auth_method": "none"},
    });
    let change = |registration: Registration| registration.without_secret().with(CLIENT_AUTH, "none");
    signs_in(setting, change).await;
}

#[tokio::test]
async fn pushed_authorization_requests_are_required() {
    let par = json!({"enabled": true, "requirePushedAuthorizationRequests": true});
    signs_in(json!({"provider": {"features": {"pushedAuthorizationRequests": par}}}), as_it_is).await;
}

#[tokio::test]
async fn groups_are_objects() {
    let groups = json!([{"name": "lab-users", "id": 7}]);
    let mut world = signs_in(json!({"groups": groups}), as_it_is).await;
    assert_eq!(world.me().await["groups"], json!(["lab-users"]));
}
