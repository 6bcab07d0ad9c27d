//! The header and the signature of the ID token (C61 to C70, C79, C81).

use labgate_domain::ports::IdTokenFault;
use serde_json::json;

use crate::support::{
    CLIENT_SECRET, Op, TestKey, base64url, fault, header_of, id_token, json_answer, raw_token,
};

#[tokio::test]
async fn c061_an_unsigned_token_is_refused_however_none_is_spelled() {
    let op = Op::start().await;
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let token = id_token(&TestKey::none(algorithm), &json!({}), &op.claims(json!({})));
        assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Algorithm, "{algorithm:?}");
    }
    let signed = op.id_token(json!({}));
    let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
    assert_eq!(fault(op.redeem_token(&unsigned).await), IdTokenFault::Signature);
    for (algorithm, expected) in [
        (json!(null), IdTokenFault::Algorithm),
        (json!(1), IdTokenFault::Malformed),
        (json!(["EdDSA"]), IdTokenFault::Malformed),
    ] {
        let token = id_token(&op.key, &json!({"alg": algorithm}), &op.claims(json!({})));
        assert_eq!(fault(op.redeem_token(&token).await), expected, "{algorithm}");
    }
}

#[tokio::test]
async fn c008_c009_c062_our_list_of_algorithms_decides_and_not_the_providers() {
    for key in [
        TestKey::ed25519("k"),
        TestKey::es256("k"),
        TestKey::es384("k"),
        TestKey::rsa("k", "RS256"),
        TestKey::rsa("k", "RS384"),
        TestKey::rsa("k", "RS512"),
        TestKey::rsa("k", "PS256"),
        TestKey::rsa("k", "PS384"),
        TestKey::rsa("k", "PS512"),
    ] {
        let op = Op::start().await;
        op.publish_keys(&[key.jwk()]);
        let token = id_token(&key, &json!({}), &op.claims(json!({})));
        assert!(op.redeem_token(&token).await.is_ok(), "{}", key.algorithm);
        for other in ["XX99", "ES512", "HS256", "HS384", "HS512", "RSA-OAEP", "dir"] {
            let token = id_token(&key, &json!({"alg": other}), &op.claims(json!({})));
            assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Algorithm, "{other}");
        }
    }
}

#[tokio::test]
async fn f11_an_algorithm_that_the_provider_does_not_state_is_refused_by_name() {
    let (rsa, ec) = (TestKey::rsa("rsa", "RS256"), TestKey::es256("ec"));
    let op = Op::start().await;
    op.publish(json!({"id_token_signing_alg_values_supported": ["RS256", "PS256", "HS256"]}));
    op.publish_keys(&[rsa.jwk(), ec.jwk()]);
    let by = |key: &TestKey| id_token(key, &json!({}), &op.claims(json!({})));
    assert!(op.redeem_token(&by(&rsa)).await.is_ok());
    let error = op.redeem_token(&by(&ec)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(r#"`alg` in the header is "ES256"; accepted is RS256, PS256"#), "{text}");
    assert_eq!(fault(Err(error)), IdTokenFault::Algorithm);
}

#[tokio::test]
async fn algorithms_and_keys_may_change_between_two_sign_ins() {
    let (rsa, ec) = (TestKey::rsa("rsa", "RS256"), TestKey::es256("ec"));
    let op = Op::start().await;
    op.publish(json!({"id_token_signing_alg_values_supported": ["RS256"]}));
    op.publish_keys(&[rsa.jwk()]);
    let by = |key: &TestKey| id_token(key, &json!({}), &op.claims(json!({})));
    assert!(op.redeem_token(&by(&rsa)).await.is_ok());
    let elsewhere = format!("{}/other-keys", op.issuer());
    op.publish(json!({"id_token_signing_alg_values_supported": ["ES256"], "jwks_uri": elsewhere}));
    op.answer("/other-keys", json_answer(200, &json!({"keys": [ec.jwk()]})));
    assert!(op.redeem_token(&by(&ec)).await.is_ok());
    assert_eq!(fault(op.redeem_token(&by(&rsa)).await), IdTokenFault::Algorithm);
}

#[tokio::test]
async fn an_encrypted_token_is_named_so() {
    let op = Op::start().await;
    let header = base64url(br#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    let error = op.redeem_token(&format!("{header}.AA.AA.AA.AA")).await.unwrap_err();
    assert!(error.to_string().contains("it is encrypted, which is not supported"), "{error}");
}

#[tokio::test]
async fn c063_c064_nothing_that_others_know_is_a_signing_secret() {
    let rsa = TestKey::rsa("rsa", "RS256");
    let secret = TestKey::hmac(b"0123456789abcdef0123456789abcdef").named(Some("oct"));
    let op = Op::start().await;
    op.publish_keys(&[rsa.jwk(), secret.jwk()]);
    let mut secrets = rsa.public_forms();
    secrets.push(CLIENT_SECRET.as_bytes().to_vec());
    for secret in secrets {
        for kid in [Some("rsa"), None] {
            let key = TestKey::hmac(&secret).named(kid);
            let token = id_token(&key, &json!({}), &op.claims(json!({})));
            assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Algorithm);
        }
    }
    let token = id_token(&secret, &json!({}), &op.claims(json!({})));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Algorithm);
}

#[tokio::test]
async fn c065_a_key_signs_with_the_algorithm_that_it_states() {
    let rs256 = TestKey::rsa("k", "RS256");
    let mut jwk = rs256.jwk();
    jwk["alg"] = json!("RS256");
    let op = Op::start().await;
    op.publish_keys(&[jwk]);
    assert!(op.redeem_token(&id_token(&rs256, &json!({}), &op.claims(json!({})))).await.is_ok());
    let ps256 = TestKey::rsa("k", "PS256");
    let token = id_token(&ps256, &json!({}), &op.claims(json!({})));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::UnknownKey);
    // The same signature under another name.
    let token = id_token(&rs256, &json!({"alg": "PS256"}), &op.claims(json!({})));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::UnknownKey);
}

#[tokio::test]
async fn c066_a_signature_that_is_not_exactly_right_is_wrong() {
    for key in
        [TestKey::ed25519("k"), TestKey::es256("k"), TestKey::rsa("k", "RS256"), TestKey::rsa("k", "PS256")]
    {
        let op = Op::start().await;
        op.publish_keys(&[key.jwk()]);
        let token = id_token(&key, &json!({}), &op.claims(json!({})));
        let (signing_input, signature) = token.rsplit_once('.').unwrap();
        let bytes = key.sign(signing_input.as_bytes());
        let mut flipped = bytes.clone();
        flipped[10] ^= 1;
        let zero = vec![0; bytes.len()];
        for bad in
            [&flipped[..], &zero, &bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &der(&bytes)]
        {
            let token = format!("{signing_input}.{}", base64url(bad));
            assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Signature, "{}", key.algorithm);
        }
        for bad in [format!("{token}="), format!("{token} "), format!("{token}\n"), format!(" {token}")] {
            assert_eq!(fault(op.redeem_token(&bad).await), IdTokenFault::Malformed, "{bad:?}");
        }
        let stray = with_stray_bits(signature);
        assert_eq!(
            fault(op.redeem_token(&format!("{signing_input}.{stray}")).await),
            IdTokenFault::Malformed,
            "bits that are cut off are no second spelling"
        );
        let other = op.id_token(json!({"sub": "somebody-else"}));
        let payload = other.split('.').nth(1).unwrap();
        let header = token.split('.').next().unwrap();
        let swapped = format!("{header}.{payload}.{signature}");
        assert_eq!(fault(op.redeem_token(&swapped).await), IdTokenFault::Signature);
    }
}

/// The ASN.1 form of an ECDSA signature; of others, something longer.
fn der(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let integer = |number: &[u8]| [&[2, u8::try_from(number.len() % 128).unwrap() + 1, 0], number].concat();
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len() % 128).unwrap()], &body[..]].concat()
}

/// The same bytes in base64url, with a bit set in the last character that belongs to none of them.
fn with_stray_bits(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(text.len() % 4, 0, "only then there are such bits");
    let last = ALPHABET.iter().position(|it| *it == *text.as_bytes().last().unwrap()).unwrap();
    format!("{}{}", &text[..text.len() - 1], char::from(ALPHABET[last | 1]))
}

#[tokio::test]
async fn c067_only_a_token_of_the_type_jwt_is_an_id_token() {
    let op = Op::start().await;
    for good in [json!(null), json!("JWT"), json!("jwt"), json!("application/jwt")] {
        let token = id_token(&op.key, &json!({"typ": good}), &op.claims(json!({})));
        assert!(op.redeem_token(&token).await.is_ok(), "{good}");
    }
    for bad in ["at+jwt", "logout+jwt", "secevent+jwt", "application/at+jwt", "", "JOSE", "JWT;x", "dpop+jwt"]
    {
        let token = id_token(&op.key, &json!({"typ": bad}), &op.claims(json!({})));
        assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Type, "{bad}");
    }
    let token = id_token(&op.key, &json!({"typ": 1}), &op.claims(json!({})));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Type);
    let token = id_token(&op.key, &json!({"cty": "JWT"}), &op.claims(json!({})));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Malformed);
}

#[tokio::test]
async fn c068_a_critical_extension_is_never_understood() {
    let op = Op::start().await;
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!("exp"), json!(1)] {
        let token = id_token(&op.key, &json!({"crit": crit, "b64": false}), &op.claims(json!({})));
        assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Critical, "{crit}");
    }
}

#[tokio::test]
async fn c069_a_token_does_not_bring_its_own_key() {
    let op = Op::start().await;
    let attacker = TestKey::ed25519("attackers");
    let elsewhere = format!("{}/attacker", op.issuer());
    let header =
        json!({"jwk": attacker.jwk(), "jku": elsewhere, "x5u": elsewhere, "x5c": ["MIIB"], "x5t": "x"});
    let token = id_token(&attacker, &header, &op.claims(json!({})));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::UnknownKey);
    let token = id_token(&attacker.named(Some("key-1")), &header, &op.claims(json!({})));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Signature);
    let token = id_token(&op.key, &header, &op.claims(json!({})));
    assert!(op.redeem_token(&token).await.is_ok(), "they are not looked at");
    assert_eq!(op.count("/attacker").await, 0);
}

#[tokio::test]
async fn c070_a_key_name_is_compared_and_nothing_else() {
    let op = Op::start().await;
    for kid in ["../../etc/passwd", "key-1' OR '1'='1", "key-1\0", "KEY-1", "key-1 ", "", "\r\nINFO forged"] {
        let token = id_token(&op.key, &json!({"kid": kid}), &op.claims(json!({})));
        assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::UnknownKey, "{kid:?}");
    }
    for (kid, expected) in [
        (json!(1), IdTokenFault::Malformed),
        (json!(["key-1"]), IdTokenFault::Malformed),
        (json!("k".repeat(100_000)), IdTokenFault::TooLarge),
    ] {
        let token = id_token(&op.key, &json!({"kid": kid}), &op.claims(json!({})));
        assert_eq!(fault(op.redeem_token(&token).await), expected);
    }
    assert!(op.count(crate::support::JWKS).await <= 4, "no storm of refetches");
}

#[tokio::test]
async fn c079_a_member_that_stands_twice_makes_the_token_unreadable() {
    let op = Op::start().await;
    let (header, claims) = (header_of(&op.key, &json!({})).to_string(), op.claims(json!({})).to_string());
    let twice = |object: &str, member: &str| format!("{{{member},{}", &object[1..]);
    for (header, claims) in [
        (header.clone(), twice(&claims, r#""sub":"subject-2""#)),
        (header.clone(), twice(&claims, r#""email":"eve@example.test""#)),
        (header.clone(), twice(&claims, r#""x":{"y":1,"y":1}"#)),
        (twice(&header, r#""alg":"none""#), claims.clone()),
        (twice(&header, r#""kid":"key-2""#), claims.clone()),
        ("not json".to_owned(), claims.clone()),
        (header.clone(), "not json".to_owned()),
        (header.clone(), "[]".to_owned()),
        (header.clone(), format!("\u{feff}{claims}")),
    ] {
        let token = raw_token(&op.key, &header, &claims);
        assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Malformed, "{header} {claims}");
    }
    assert!(op.redeem_token(&raw_token(&op.key, &header, &claims)).await.is_ok());
}

#[tokio::test]
async fn c081_a_token_over_the_limit_is_refused_before_it_is_decoded() {
    let op = Op::start().await;
    let token = op.id_token(json!({"filling": "x".repeat(47 * 1024)}));
    assert!(token.len() < 64 * 1024 && op.redeem_token(&token).await.is_ok());
    let token = op.id_token(json!({"filling": "x".repeat(49 * 1024)}));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::TooLarge);
    assert_eq!(fault(op.redeem_token(&"%".repeat(64 * 1024 + 1)).await), IdTokenFault::TooLarge);
}
