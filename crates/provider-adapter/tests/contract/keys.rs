//! The provider's keys (C83 to C92).

use labgate_domain::ports::{IdTokenFault, IdentityProvider as _, ProviderCall, ProviderError};
use labgate_domain::provider::ProviderHealth;
use labgate_domain::time::Timestamp;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    JWKS, NOW, Op, TOKEN, TestKey, base64url, fault, id_token, join_all, json_answer, token_response, with,
};

const HOUR: i64 = 3600;

/// A token by this key that holds at this provider now.
fn by(op: &Op, key: &TestKey) -> String {
    id_token(key, &json!({}), &op.claims(json!({})))
}

/// Claims that hold later, too.
fn later(op: &Op, key: &TestKey, seconds: i64) -> String {
    let now = NOW + seconds;
    id_token(key, &json!({}), &op.claims(json!({"iat": now, "exp": now + 300})))
}

#[tokio::test]
async fn c083_a_token_without_a_key_name_is_by_the_only_key_that_fits() {
    let op = Op::start().await;
    let nameless = by(&op, &op.key.named(None));
    op.publish_keys(&[op.key.jwk(), TestKey::es256("other").jwk(), TestKey::rsa("third", "RS256").jwk()]);
    assert!(op.redeem_token(&nameless).await.is_ok(), "the others are of other types");
}

#[tokio::test]
async fn c083_a_nameless_key_that_was_rotated_is_fetched_again() {
    let op = Op::start().await;
    op.publish_keys(&[op.key.named(None).jwk()]);
    assert!(op.redeem_token(&by(&op, &op.key.named(None))).await.is_ok());
    let rotated = TestKey::ed25519("x").named(None);
    op.publish_keys(&[rotated.jwk()]);
    assert!(op.redeem_token(&by(&op, &rotated)).await.is_ok());
    assert_eq!(op.count(JWKS).await, 2);
}

#[tokio::test]
async fn c084_an_unknown_key_is_asked_for_once_and_then_believed() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    op.redeem_claims(json!({})).await.unwrap();
    assert_eq!(op.count(JWKS).await, 1);

    let rotated = TestKey::es256("key-2");
    op.publish_keys(&[op.key.jwk(), rotated.jwk()]);
    assert!(op.redeem_token(&by(&op, &rotated)).await.is_ok());
    assert!(op.redeem_token(&by(&op, &rotated)).await.is_ok());
    assert!(op.redeem_claims(json!({})).await.is_ok());
    assert_eq!(op.count(JWKS).await, 2);
}

#[tokio::test]
async fn c084_many_at_once_make_one_fetch() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    let rotated = TestKey::es256("key-2");
    op.publish_keys(&[rotated.jwk()]);
    op.answer(TOKEN, json_answer(200, &token_response(&by(&op, &rotated))));
    let attempts = (0..20).map(|_| op.provider.redeem(op.redemption()));
    for result in join_all(attempts).await {
        assert!(result.is_ok(), "{result:?}");
    }
    assert_eq!(op.count(JWKS).await, 2);
}

#[tokio::test]
async fn c085_f44_a_thousand_unknown_keys_make_three_fetches_then_one_a_minute() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    for number in 0..1000 {
        let token = by(&op, &op.key.named(Some(&format!("random-{number}"))));
        assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::UnknownKey);
    }
    assert_eq!(op.count(JWKS).await, 4);
    op.clock.advance(59);
    let error = op.redeem_token(&by(&op, &op.key.named(Some("x")))).await.unwrap_err().to_string();
    assert!(error.contains("its keys can be fetched again in 1 s"), "{error}");
    assert_eq!(op.count(JWKS).await, 4);
    op.clock.advance(1);
    op.redeem_token(&by(&op, &op.key.named(Some("x")))).await.unwrap_err();
    assert_eq!(op.count(JWKS).await, 5);
}

#[tokio::test]
async fn c086_the_last_keys_are_used_for_a_day_while_there_are_no_others() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    op.answer(JWKS, ResponseTemplate::new(500));
    for hours in [2, 23] {
        op.clock.advance(hours * HOUR - (now(&op) - NOW));
        let token = later(&op, &op.key, hours * HOUR);
        assert!(redeem_now(&op, &token).await.is_ok(), "after {hours} hours");
        assert_eq!(
            op.provider.health(),
            ProviderHealth::Unavailable { since: Timestamp::from_unix_seconds(NOW + 2 * HOUR) }
        );
    }
    op.clock.advance(HOUR);
    let error = redeem_now(&op, &later(&op, &op.key, 24 * HOUR)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { call: ProviderCall::Jwks, .. }), "{error:?}");

    op.publish_keys(&[op.key.jwk()]);
    op.clock.advance(60);
    assert!(redeem_now(&op, &later(&op, &op.key, 24 * HOUR + 60)).await.is_ok(), "it recovers by itself");
    assert_eq!(op.provider.health(), ProviderHealth::Ready);
}

fn now(op: &Op) -> i64 {
    labgate_domain::world::Clock::now(&*op.clock).as_unix_seconds()
}

/// Redeems an attempt that started just now.
async fn redeem_now(
    op: &Op,
    token: &str,
) -> Result<labgate_domain::identity::ExternalIdentity, ProviderError> {
    op.answer(TOKEN, json_answer(200, &token_response(token)));
    let mut redemption = op.redemption();
    redemption.started_at = Timestamp::from_unix_seconds(now(op));
    op.provider.redeem(redemption).await
}

#[tokio::test]
async fn c082_keys_from_the_future_are_not_fresh_for_ever() {
    let op = Op::start().await;
    op.clock.advance(24 * HOUR);
    redeem_now(&op, &later(&op, &op.key, 24 * HOUR)).await.unwrap();
    let unknown = id_token(&op.key.named(Some("x")), &json!({}), &op.claims(json!({})));
    op.redeem_token(&unknown).await.unwrap_err();
    assert_eq!(op.count(JWKS).await, 2);

    op.clock.advance(-24 * HOUR);
    op.redeem_claims(json!({})).await.unwrap();
    assert_eq!(op.count(JWKS).await, 3, "they are fetched again");
    op.redeem_token(&unknown).await.unwrap_err();
    assert_eq!(op.count(JWKS).await, 4, "an unknown key is looked for again");
    op.redeem_claims(json!({})).await.unwrap();
    assert_eq!(op.count(JWKS).await, 4, "from then on by the clock of now");
}

#[tokio::test]
async fn c086_without_keys_no_code_is_spent() {
    for bad in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(302).insert_header("location", "/other"),
        ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(200).set_body_raw("{\"keys\":[", "application/json"),
        json_answer(200, &json!({"keys": []})),
        json_answer(200, &json!({"keys": {"a": 1}})),
        json_answer(200, &json!([])),
    ] {
        let op = Op::start().await;
        op.answer(JWKS, bad);
        let error = op.redeem_claims(json!({})).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { call: ProviderCall::Jwks, .. }), "{error:?}");
        assert_eq!(op.count(TOKEN).await, 0);
        // While it waits to ask again, it answers at once.
        op.redeem_claims(json!({})).await.unwrap_err();
        assert_eq!(op.count(JWKS).await, 1);
        op.publish_keys(&[op.key.jwk()]);
        op.clock.advance(5);
        assert!(op.redeem_claims(json!({})).await.is_ok());
    }
}

#[tokio::test]
async fn c086_an_unknown_key_while_the_keys_cannot_be_had_is_the_providers_failure() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    op.answer(JWKS, ResponseTemplate::new(503));
    for _ in 0..2 {
        let error = op.redeem_token(&by(&op, &op.key.named(Some("key-2")))).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { call: ProviderCall::Jwks, .. }), "{error:?}");
    }
    assert_eq!(op.count(JWKS).await, 2);
    assert!(op.redeem_claims(json!({})).await.is_ok(), "those with a known key go on");
}

#[tokio::test]
async fn c087_c088_a_key_that_is_not_for_checking_signatures_counts_as_absent() {
    let (rsa, ec, ed) = (TestKey::rsa("k", "RS256"), TestKey::es256("k"), TestKey::ed25519("k"));
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let odd_number = |bytes: usize| base64url(&[&vec![0xff; bytes][..], &[1]].concat());
    for (key, change) in [
        (&ed, json!({"use": "enc"})),
        (&ed, json!({"use": "tls"})),
        (&ed, json!({"key_ops": ["sign"]})),
        (&ed, json!({"key_ops": []})),
        (&ed, json!({"key_ops": "verify"})),
        (&ed, json!({"alg": "ES256"})),
        (&ed, json!({"alg": "HS256"})),
        (&ed, json!({"alg": "none"})),
        (&ed, json!({"kty": "XYZ"})),
        (&ed, json!({"kty": 1})),
        (&ed, json!({"kty": null})),
        (&ed, json!({"crv": "Ed448"})),
        (&ed, json!({"crv": null})),
        (&ed, json!({"x": base64url(&[1; 31])})),
        (&ed, json!({"x": base64url(&[&[2][..], &[0; 31]].concat())})),
        (&ed, json!({"x": 1})),
        (&ed, json!({"x": null})),
        (&ec, json!({"crv": "P-384"})),
        (&ec, json!({"crv": "secp256k1"})),
        (&ec, json!({"x": base64url(&[1; 32])})),
        (&ec, json!({"y": base64url(&[1; 32])})),
        (&ec, json!({"y": null})),
        (&rsa, json!({"alg": "RSA-OAEP"})),
        (&rsa, json!({"n": odd_number(127)})),
        (&rsa, json!({"n": odd_number(254)})),
        (&rsa, json!({"n": odd_number(600)})),
        (&rsa, json!({"n": odd_number(200_000)})),
        (&rsa, json!({"n": format!("{modulus}=")})),
        (&rsa, json!({"n": ""})),
        (&rsa, json!({"n": null})),
        (&rsa, json!({"e": base64url(&[1])})),
        (&rsa, json!({"e": base64url(&[0])})),
        (&rsa, json!({"e": base64url(&[3])})),
        (&rsa, json!({"e": base64url(&[1, 0, 0])})),
        (&rsa, json!({"e": base64url(&[1, 0, 2])})),
        (&rsa, json!({"e": base64url(&[1; 9])})),
        (&rsa, json!({"e": ""})),
    ] {
        let op = Op::start().await;
        let shown = format!("{change:.80}");
        // Beside it there is a good key of the same type and name: only if the odd one counted would it be
        // ambiguous.
        op.publish_keys(&[with(key.jwk(), change.clone()), json!("no key"), TestKey::es384("good").jwk()]);
        assert_eq!(fault(op.redeem_token(&by(&op, key)).await), IdTokenFault::UnknownKey, "{shown}");
        op.publish_keys(&[with(key.jwk(), change), key.jwk(), json!(null)]);
        op.clock.advance(60);
        assert!(redeem_now(&op, &later(&op, key, 60)).await.is_ok(), "{shown}");
    }
}

#[tokio::test]
async fn c087_what_says_nothing_against_a_signature_key_is_accepted() {
    for change in [
        json!({"use": "sig"}),
        json!({"alg": "RS256"}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"], "use": "sig", "alg": "RS256", "x5t": "x", "x5c": ["y"], "unknown": {}}),
        json!({"e": base64url(&[0, 0, 1, 0, 1])}),
    ] {
        let key = TestKey::rsa("k", "RS256");
        let op = Op::start().await;
        let mut jwk = with(key.jwk(), change.clone());
        // A leading zero, as some providers write it.
        let n = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, jwk["n"].as_str().unwrap());
        jwk["n"] = json!(base64url(&[&[0], &n.unwrap()[..]].concat()));
        op.publish_keys(&[jwk]);
        assert!(op.redeem_token(&by(&op, &key)).await.is_ok(), "{change}");
    }
}

#[tokio::test]
async fn c089_f20_keys_that_the_token_does_not_tell_apart_are_all_tried() {
    let op = Op::start().await;
    let twin = TestKey::ed25519("key-1");
    for keys in [
        vec![op.key.jwk(), twin.jwk()],
        vec![twin.jwk(), op.key.jwk()],
        vec![op.key.jwk(), op.key.jwk()],
        vec![op.key.jwk(), with(op.key.jwk(), json!({"use": "sig"}))],
        vec![with(op.key.jwk(), json!({"use": "enc"})), op.key.jwk()],
        vec![op.key.jwk(), TestKey::es256("key-1").jwk()],
    ] {
        let fresh = Op::start().await;
        fresh.publish_keys(&keys);
        assert!(fresh.redeem_token(&by(&fresh, &op.key)).await.is_ok(), "{keys:?}");
        assert_eq!(fresh.count(JWKS).await, 1);
    }
    for other in ["key-1", "other"] {
        let op = Op::start().await;
        op.publish_keys(&[TestKey::ed25519(other).jwk(), op.key.jwk()]);
        assert!(op.redeem_token(&by(&op, &op.key.named(None))).await.is_ok(), "{other}");
    }
}

#[tokio::test]
async fn f20_only_a_few_keys_are_tried() {
    let op = Op::start().await;
    let keys: Vec<Value> = (0..9).map(|number| TestKey::ed25519(&number.to_string()).jwk()).collect();
    let nameless = by(&op, &op.key.named(None));
    op.publish_keys(&[&keys[..8], &[op.key.jwk()]].concat());
    let error = op.redeem_token(&nameless).await.unwrap_err();
    assert!(error.to_string().contains("no `kid` that tells which of 9 keys for EdDSA"), "{error}");
    assert_eq!(op.count(JWKS).await, 1, "newer keys would not tell which");

    let op = Op::start().await;
    let nameless = by(&op, &op.key.named(None));
    op.publish_keys(&[keys[0].clone(), keys[1].clone()]);
    let error = op.redeem_token(&nameless).await.unwrap_err();
    assert!(error.to_string().contains("no `kid`, and none of 2 keys for EdDSA made it"), "{error}");
    assert_eq!(fault(Err(error)), IdTokenFault::Signature);
    // One key that is there many times is one.
    let same: Vec<Value> =
        (0..20).map(|number| with(op.key.jwk(), json!({"kid": number.to_string()}))).collect();
    let fresh = Op::start().await;
    fresh.publish_keys(&same);
    assert!(fresh.redeem_token(&by(&fresh, &op.key.named(None))).await.is_ok());
}

#[tokio::test]
async fn f43_keys_for_no_accepted_algorithm_are_a_misconfiguration_that_names_them() {
    let p521 = json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"});
    for (key, named) in [
        (p521.clone(), "it is for ES512"),
        (with(p521, json!({"alg": "ES512"})), "it is for ES512"),
        (json!({"kty": "oct", "alg": "HS256", "k": "AA"}), "it is for HS256"),
        (json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}), "it is of the type OKP Ed448"),
    ] {
        let op = Op::start().await;
        op.publish_keys(&[key]);
        let error = op.redeem_claims(json!({})).await.unwrap_err();
        assert!(matches!(error, ProviderError::Misconfigured(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(named) && text.contains("accepted are keys for RS256, RS384"), "{text}");
        assert_eq!(op.count(TOKEN).await, 0, "no code is spent");
    }
}

#[tokio::test]
async fn f43_ed25519_is_another_name_of_eddsa() {
    for (of_key, of_token, stated) in [
        (Value::Null, "Ed25519", "EdDSA"),
        (json!("Ed25519"), "Ed25519", "Ed25519"),
        (json!("Ed25519"), "EdDSA", "Ed25519"),
        (json!("EdDSA"), "Ed25519", "EdDSA"),
    ] {
        let op = Op::start().await;
        op.publish(json!({"id_token_signing_alg_values_supported": [stated]}));
        op.publish_keys(&[with(op.key.jwk(), json!({"alg": of_key}))]);
        let token = id_token(&op.key, &json!({"alg": of_token}), &op.claims(json!({})));
        assert!(op.redeem_token(&token).await.is_ok(), "{of_key} {of_token} {stated}");
    }
}

#[tokio::test]
async fn f44_keys_may_change_three_times_within_a_minute() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    for number in 0..3 {
        let next = TestKey::ed25519(&format!("next-{number}"));
        op.publish_keys(&[next.jwk()]);
        assert!(op.redeem_token(&by(&op, &next)).await.is_ok(), "{number}");
    }
}

#[tokio::test]
async fn c090_a_key_set_is_bounded() {
    let op = Op::start().await;
    let fill = |count: usize| -> Vec<Value> {
        std::iter::once(op.key.jwk())
            .chain((1..count).map(|n| json!({"kty": "XYZ", "kid": n.to_string()})))
            .collect()
    };
    op.publish_keys(&fill(101));
    let error = op.redeem_claims(json!({})).await.unwrap_err();
    assert!(error.to_string().contains("more than 100 keys"), "{error}");
    op.publish_keys(&fill(10_000));
    op.clock.advance(5);
    op.redeem_claims(json!({})).await.unwrap_err();
    op.publish_keys(&[op.key.jwk(), json!({"kty": "RSA", "n": "A".repeat(600_000), "e": "AQAB"})]);
    op.clock.advance(10);
    let error = op.redeem_claims(json!({})).await.unwrap_err();
    assert!(error.to_string().contains("more than 512 KiB"), "{error}");
    op.publish_keys(&fill(100));
    op.clock.advance(20);
    assert!(op.redeem_claims(json!({})).await.is_ok());
}

#[tokio::test]
async fn c091_a_withdrawn_key_is_worth_nothing_after_the_next_fetch() {
    let op = Op::start().await;
    let other = TestKey::ed25519("key-2");
    op.publish_keys(&[op.key.jwk(), other.jwk()]);
    op.redeem_claims(json!({})).await.unwrap();
    op.publish_keys(&[other.jwk()]);
    op.clock.advance(HOUR);
    assert_eq!(fault(redeem_now(&op, &later(&op, &op.key, HOUR)).await), IdTokenFault::UnknownKey);
    assert!(redeem_now(&op, &later(&op, &other, HOUR)).await.is_ok());
}

#[tokio::test]
async fn c092_private_members_are_not_read() {
    let key = TestKey::es256("k");
    let op = Op::start().await;
    op.publish_keys(&[with(key.jwk(), json!({"d": key.private_part(), "p": 1, "k": ["x"]}))]);
    assert!(op.redeem_token(&by(&op, &key)).await.is_ok());
}

#[tokio::test]
async fn a_key_set_may_state_its_own_media_type() {
    let op = Op::start().await;
    let body = json!({"keys": [op.key.jwk()]}).to_string();
    op.answer(JWKS, ResponseTemplate::new(200).set_body_raw(body, "application/jwk-set+json; charset=utf-8"));
    assert!(op.redeem_claims(json!({})).await.is_ok());
}
