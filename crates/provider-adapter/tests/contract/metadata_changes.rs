//! A provider whose metadata is another one at the next sign-in, once the document is fetched again (C13).

use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{IdTokenFault, IdentityProvider as _, ProviderError};
use labgate_domain::provider::ProviderHealth;
use labgate_domain::world::Clock as _;
use labgate_provider::Field;
use serde_json::{Value, json};

use crate::support::{
    CLIENT_SECRET, JWKS, Op, TOKEN, TestKey, at_endpoints, at_issuer, fault, id_token, json_answer,
    token_response, with,
};

/// A provider that is known by the operator's four settings.
async fn by_endpoints() -> Op {
    let urls = |uri: &str| at_endpoints(&format!("{uri}/authorize"), &format!("{uri}{TOKEN}"), None);
    Op::start_at(urls).await
}

/// A provider that is known by its issuer.
async fn by_issuer() -> Op {
    Op::start_at(at_issuer).await
}

/// Serves this metadata from now on, and waits until the document is fetched again.
fn an_hour_later(op: &Op, changes: Value) {
    op.publish(changes);
    op.clock.advance(3600);
}

/// A whole sign-in: the endpoint for the browser, then the code, for a token by this key with these claims.
async fn sign_in(op: &Op, key: &TestKey, claims: Value) -> Result<ExternalIdentity, ProviderError> {
    let server = op.provider.authorization_server().await?;
    assert_eq!(server.authorization_endpoint.path(), "/authorize", "nobody is sent elsewhere");
    let now = op.clock.now();
    let (issued, ends) = (now.as_unix_seconds(), now.as_unix_seconds() + 300);
    let claims = with(op.claims(json!({"iat": issued, "exp": ends})), claims);
    op.answer(TOKEN, json_answer(200, &token_response(&id_token(key, &json!({}), &claims))));
    let mut redemption = op.redemption();
    redemption.issuer = server.issuer;
    redemption.started_at = now;
    op.provider.redeem(redemption).await
}

/// The token endpoint's last request: its `Authorization`, and its body.
async fn last_request(op: &Op) -> (Option<String>, String) {
    let request = op.requests(TOKEN).await.pop().unwrap();
    let authorization = request.headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
    (authorization, String::from_utf8(request.body).unwrap())
}

fn is_doubtful(op: &Op) -> bool {
    matches!(op.provider.health(), ProviderHealth::Unavailable { .. })
}

#[tokio::test]
async fn c013_another_algorithm_of_id_tokens_is_followed_and_the_old_one_refused() {
    for op in [by_endpoints().await, by_issuer().await] {
        let (old, new) = (TestKey::rsa("old", "RS256"), TestKey::es256("new"));
        // Both keys are there all the time: the statement alone decides.
        op.publish_keys(&[old.jwk(), new.jwk()]);
        op.publish(json!({"id_token_signing_alg_values_supported": ["RS256"]}));
        assert!(sign_in(&op, &old, json!({})).await.is_ok());
        assert_eq!(fault(sign_in(&op, &new, json!({})).await), IdTokenFault::Algorithm);
        an_hour_later(&op, json!({"id_token_signing_alg_values_supported": ["ES256"]}));
        assert!(sign_in(&op, &new, json!({})).await.is_ok());
        assert_eq!(fault(sign_in(&op, &old, json!({})).await), IdTokenFault::Algorithm);
    }
}

#[tokio::test]
async fn c013_an_algorithm_that_the_operator_fixed_stays_whatever_is_published() {
    let fixed = |uri: &str| at_issuer(uri).with(Field::IdTokenAlgorithm, ["RS256"]);
    let op = Op::start_at(fixed).await;
    let (old, new) = (TestKey::rsa("old", "RS256"), TestKey::es256("new"));
    op.publish_keys(&[old.jwk(), new.jwk()]);
    assert!(sign_in(&op, &old, json!({})).await.is_ok());
    an_hour_later(&op, json!({"id_token_signing_alg_values_supported": ["ES256"]}));
    assert!(sign_in(&op, &old, json!({})).await.is_ok());
    assert_eq!(fault(sign_in(&op, &new, json!({})).await), IdTokenFault::Algorithm);
}

#[tokio::test]
async fn c013_a_change_to_weak_algorithms_weakens_nothing() {
    for op in [by_endpoints().await, by_issuer().await] {
        assert!(sign_in(&op, &op.key, json!({})).await.is_ok());
        an_hour_later(&op, json!({"id_token_signing_alg_values_supported": ["none", "HS256"]}));
        let by_secret = TestKey::hmac(CLIENT_SECRET.as_bytes());
        for key in [&TestKey::none("none"), &by_secret, &op.key] {
            assert_eq!(
                fault(sign_in(&op, key, json!({})).await),
                IdTokenFault::Algorithm,
                "{}",
                key.algorithm
            );
        }
    }
}

#[tokio::test]
async fn c013_another_client_authentication_is_followed() {
    for op in [by_endpoints().await, by_issuer().await] {
        op.publish(json!({"token_endpoint_auth_methods_supported": ["client_secret_basic"]}));
        sign_in(&op, &op.key, json!({})).await.unwrap();
        let (authorization, body) = last_request(&op).await;
        assert!(authorization.is_some() && !body.contains(CLIENT_SECRET), "{body}");
        an_hour_later(&op, json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}));
        sign_in(&op, &op.key, json!({})).await.unwrap();
        let (authorization, body) = last_request(&op).await;
        assert!(authorization.is_none() && body.contains(CLIENT_SECRET), "{body}");
    }
}

#[tokio::test]
async fn c013_a_client_authentication_that_is_set_or_cannot_be_replaced_stays() {
    let set = |uri: &str| at_issuer(uri).with(Field::ClientAuth, ["client_secret_basic"]);
    let fixed = Op::start_at(set).await;
    for (op, methods, in_doubt) in [
        (&fixed, json!(["client_secret_post"]), false),
        // Without a secret nobody could tell this client from another one.
        (&by_issuer().await, json!(["none"]), true),
        (&by_endpoints().await, json!(["private_key_jwt"]), true),
    ] {
        sign_in(op, &op.key, json!({})).await.unwrap();
        an_hour_later(op, json!({"token_endpoint_auth_methods_supported": methods}));
        sign_in(op, &op.key, json!({})).await.unwrap();
        let (authorization, body) = last_request(op).await;
        assert!(authorization.is_some() && !body.contains(CLIENT_SECRET), "{methods}: {body}");
        assert_eq!(is_doubtful(op), in_doubt, "{methods}");
    }
}

#[tokio::test]
async fn c013_nothing_is_sent_to_an_endpoint_that_the_settings_do_not_name() {
    for member in ["token_endpoint", "authorization_endpoint"] {
        let op = by_endpoints().await;
        sign_in(&op, &op.key, json!({})).await.unwrap();
        an_hour_later(&op, json!({member: format!("{}/elsewhere", op.issuer())}));
        sign_in(&op, &op.key, json!({})).await.unwrap();
        assert!(is_doubtful(&op), "{member}");
        assert_eq!((op.count("/elsewhere").await, op.count(TOKEN).await), (0, 2), "{member}");
    }
}

#[tokio::test]
async fn c013_a_token_of_another_issuer_is_refused_by_name() {
    for op in [by_endpoints().await, by_issuer().await] {
        sign_in(&op, &op.key, json!({})).await.unwrap();
        let other = format!("{}/other", op.issuer());
        an_hour_later(&op, json!({"issuer": other}));
        let error = sign_in(&op, &op.key, json!({"iss": other})).await.unwrap_err();
        assert!(error.to_string().contains(&other), "{error}");
        assert_eq!(fault(Err(error)), IdTokenFault::Issuer);
        assert!(is_doubtful(&op));
        assert!(sign_in(&op, &op.key, json!({})).await.is_ok(), "the issuer of before goes on");
    }
}

#[tokio::test]
async fn c013_another_key_set_is_followed_where_the_issuer_is_set() {
    let op = by_issuer().await;
    sign_in(&op, &op.key, json!({})).await.unwrap();
    let new = TestKey::es256("new");
    op.answer("/new-keys", json_answer(200, &json!({"keys": [new.jwk()]})));
    an_hour_later(&op, json!({"jwks_uri": format!("{}/new-keys", op.issuer())}));
    assert!(sign_in(&op, &new, json!({})).await.is_ok());
    assert_eq!(fault(sign_in(&op, &op.key, json!({})).await), IdTokenFault::UnknownKey);
    assert_eq!(op.count(JWKS).await, 1, "the old ones are not asked for");
}

#[tokio::test]
async fn c013_another_key_set_is_not_asked_for_where_the_endpoints_are_set() {
    let op = by_endpoints().await;
    sign_in(&op, &op.key, json!({})).await.unwrap();
    let new = TestKey::es256("new");
    op.answer("/new-keys", json_answer(200, &json!({"keys": [new.jwk()]})));
    an_hour_later(&op, json!({"jwks_uri": format!("{}/new-keys", op.issuer())}));
    assert_eq!(fault(sign_in(&op, &new, json!({})).await), IdTokenFault::UnknownKey);
    assert!(sign_in(&op, &op.key, json!({})).await.is_ok());
    assert!(is_doubtful(&op));
    assert_eq!(op.count("/new-keys").await, 0);
}
