//! A provider that browsers know by one name and this machine by another.

use labgate_domain::ports::{IdentityProvider as _, ProviderError};
use labgate_domain::protocol::Issuer;
use labgate_provider::{Field, SettingsError};
use serde_json::json;

use crate::support::{
    DISCOVERY, JWKS, Op, TOKEN, USERINFO, at_endpoints, at_issuer, json_answer, made, token_response,
};

/// Nothing listens there.
const PUBLIC: &str = "http://localhost:9";

fn published() -> serde_json::Value {
    json!({
        "issuer": PUBLIC,
        "authorization_endpoint": format!("{PUBLIC}/authorize"),
        "token_endpoint": format!("{PUBLIC}{TOKEN}"),
        "jwks_uri": format!("{PUBLIC}{JWKS}"),
        "userinfo_endpoint": format!("{PUBLIC}{USERINFO}"),
    })
}

async fn signs_in(op: &Op) {
    op.publish(published());
    op.answer(USERINFO, json_answer(200, &json!({"sub": "subject-1", "email": "ada@example.test"})));
    let claims = json!({"iss": PUBLIC, "email": null});
    op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(claims))));
    let mut redemption = op.redemption();
    redemption.issuer = Issuer::parse(PUBLIC).unwrap();
    let identity = op.provider.redeem(redemption).await.unwrap();
    assert_eq!(identity.issuer.as_str(), PUBLIC);
    // The provider sees the name that browsers use, so that it answers with it.
    for path in [DISCOVERY, JWKS, TOKEN, USERINFO] {
        let requests = op.requests(path).await;
        assert!(!requests.is_empty(), "{path}");
        assert!(requests.iter().all(|request| request.headers["host"] == "localhost:9"), "{path}");
    }
    let server = op.provider.authorization_server().await.unwrap();
    assert_eq!(server.authorization_endpoint.as_str(), format!("{PUBLIC}/authorize"));
}

#[tokio::test]
async fn f18_a_provider_with_two_names_is_asked_by_the_inner_one() {
    let op = Op::start_at(|uri| at_issuer(PUBLIC).with(Field::InternalUrl, [uri])).await;
    signs_in(&op).await;
}

#[tokio::test]
async fn f18_the_token_url_may_have_either_name() {
    for inner in [false, true] {
        let op = Op::start_at(|uri| {
            let token = format!("{}{TOKEN}", if inner { uri } else { PUBLIC });
            at_endpoints(&format!("{PUBLIC}/authorize"), &token, None).with(Field::InternalUrl, [uri])
        })
        .await;
        signs_in(&op).await;
    }
}

#[tokio::test]
async fn f18_an_error_names_both_hosts_and_the_setting() {
    let told = async |settings| {
        let error = made(settings).unwrap().authorization_server().await.unwrap_err();
        assert!(
            matches!(error, ProviderError::Unavailable { .. } | ProviderError::Misconfigured(_)),
            "{error:?}"
        );
        error.to_string()
    };
    let setting = "LAB_EXTERNAL_OIDC_INTERNAL_URL";
    // Two names, and the setting is missing.
    let split = at_endpoints("http://localhost:9/authorize", "http://127.0.0.1:9/token", None);
    let text = told(split).await;
    for expected in ["http://localhost:9", &format!("{setting}=http://127.0.0.1:9")] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = told(at_issuer(PUBLIC)).await;
    assert!(text.contains(PUBLIC) && text.contains(setting), "{text}");
    // The setting is there, and nothing listens.
    let text = told(at_issuer("http://localhost:9").with(Field::InternalUrl, ["http://127.0.0.1:9"])).await;
    for expected in ["asked at http://127.0.0.1:9 in place of http://localhost:9", setting] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn f18_the_internal_url_is_an_origin() {
    for bad in [
        "keycloak:8080",
        "http://keycloak:8080/realms",
        "http://user@keycloak",
        "http://keycloak/?x",
        "ftp://x",
        "",
    ] {
        let errors = at_issuer(PUBLIC).with(Field::InternalUrl, [bad]).parse().unwrap_err();
        assert_eq!(
            errors.iter().map(SettingsError::field).collect::<Vec<_>>(),
            [Field::InternalUrl],
            "{bad}"
        );
    }
    for good in ["http://keycloak:8080", "https://keycloak.internal", "http://keycloak:8080/"] {
        at_issuer(PUBLIC).with(Field::InternalUrl, [good]).parse().unwrap();
    }
}
