//! The identity token (C57 to C82).

use labgate_domain::ports::{IdTokenFault, IdentityProvider as _};
use labgate_domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::support::{
    ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, NOW, Op, TOKEN, TestKey, base64url, fault, header_of, id_token,
    json_answer, raw_token, token_response,
};

/// Each of these changes to the claims breaks the same rule.
async fn refused(expected: IdTokenFault, changes: impl IntoIterator<Item = Value>) {
    let op = Op::start().await;
    for change in changes {
        let shown = change.to_string();
        assert_eq!(fault(op.redeem_claims(change).await), expected, "{shown}");
    }
}

#[tokio::test]
async fn a_token_that_holds_tells_who_signed_in() {
    let op = Op::start().await;
    let claims = json!({"amr": ["pwd", "otp"], "auth_time": NOW - 5, "groups": ["staff", "lab"]});
    let identity = op.redeem_claims(claims).await.unwrap();
    assert_eq!(identity.issuer.as_str(), op.issuer());
    assert_eq!(identity.subject.as_str(), "subject-1");
    assert_eq!(identity.name.unwrap().as_str(), "Ada");
    assert_eq!(identity.groups, ["staff", "lab"]);
    assert_eq!(identity.authentication_methods, ["pwd", "otp"]);
    assert_eq!(identity.authenticated_at, Some(Timestamp::from_unix_seconds(NOW - 5)));
}

#[tokio::test]
async fn c057_the_issuer_is_equal_in_every_byte() {
    let op = Op::start().await;
    let issuer = op.issuer();
    refused(
        IdTokenFault::Issuer,
        [
            json!({"iss": "https://other.example"}),
            json!({"iss": format!("{issuer}/")}),
            json!({"iss": issuer.to_uppercase()}),
            json!({"iss": format!("{issuer}1")}),
            json!({"iss": ""}),
        ],
    )
    .await;
    refused(
        IdTokenFault::Malformed,
        [json!({"iss": null}), json!({"iss": 1}), json!({"iss": [issuer]}), json!({"iss": {"a": 1}})],
    )
    .await;
}

#[tokio::test]
async fn c058_c059_c080_the_audience_is_this_client_alone() {
    refused(
        IdTokenFault::Audience,
        [
            json!({"aud": []}),
            json!({"aud": "other"}),
            json!({"aud": ["other"]}),
            json!({"aud": "LAB"}),
            json!({"aud": "lab "}),
            json!({"aud": [CLIENT_ID, "other"]}),
            json!({"aud": ["other", CLIENT_ID], "azp": CLIENT_ID}),
            json!({"aud": [CLIENT_ID, CLIENT_ID]}),
        ],
    )
    .await;
    refused(
        IdTokenFault::Malformed,
        [json!({"aud": null}), json!({"aud": 1}), json!({"aud": [1]}), json!({"aud": {CLIENT_ID: 1}})],
    )
    .await;
    let op = Op::start().await;
    assert!(op.redeem_claims(json!({"aud": [CLIENT_ID]})).await.is_ok());
}

#[tokio::test]
async fn c060_an_authorized_party_is_this_client() {
    let op = Op::start().await;
    assert!(op.redeem_claims(json!({"azp": CLIENT_ID})).await.is_ok());
    refused(
        IdTokenFault::AuthorizedParty,
        [json!({"azp": "other"}), json!({"azp": ""}), json!({"azp": "Lab"})],
    )
    .await;
    refused(IdTokenFault::Malformed, [json!({"azp": [CLIENT_ID]}), json!({"azp": 1})]).await;
}

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
async fn c067_only_a_token_of_the_type_jwt_is_an_identity_token() {
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
    assert!(op.count(crate::support::JWKS).await <= 2, "no storm of refetches");
}

#[tokio::test]
async fn c071_the_expiry_has_a_minute_of_leeway_to_the_second() {
    let op = Op::start().await;
    for (exp, holds) in [(NOW - 59, true), (NOW - 60, false), (NOW - 61, false), (NOW, true), (NOW + 1, true)]
    {
        let result = op.redeem_claims(json!({"exp": exp})).await;
        if holds {
            assert!(result.is_ok(), "{exp}: {result:?}");
        } else {
            assert_eq!(fault(result), IdTokenFault::Expired, "{exp}");
        }
    }
    refused(IdTokenFault::Expired, [json!({"exp": 0}), json!({"exp": NOW - 1_000_000})]).await;
    refused(
        IdTokenFault::Malformed,
        [
            json!({"exp": null}),
            json!({"exp": (NOW + 300).to_string()}),
            json!({"exp": "2027-01-15T08:05:00Z"}),
            json!({"exp": -1}),
            json!({"exp": 1e300}),
            json!({"exp": u64::MAX}),
            json!({"exp": 253_402_300_800_i64}),
            json!({"exp": true}),
            json!({"exp": [NOW + 300]}),
        ],
    )
    .await;
}

#[tokio::test]
async fn c072_the_issue_time_lies_between_the_attempt_and_now() {
    let op = Op::start().await;
    for (iat, expected) in [
        (NOW - 60, None),
        (NOW - 61, Some(IdTokenFault::OlderThanAttempt)),
        (NOW - 100_000_000, Some(IdTokenFault::OlderThanAttempt)),
        (0, Some(IdTokenFault::OlderThanAttempt)),
        (NOW + 60, None),
        (NOW + 61, Some(IdTokenFault::FromTheFuture)),
        (NOW + 300_000_000, Some(IdTokenFault::FromTheFuture)),
    ] {
        let result = op.redeem_claims(json!({"iat": iat})).await;
        match expected {
            None => assert!(result.is_ok(), "{iat}: {result:?}"),
            Some(expected) => assert_eq!(fault(result), expected, "{iat}"),
        }
    }
    refused(
        IdTokenFault::Malformed,
        [json!({"iat": null}), json!({"iat": NOW.to_string()}), json!({"iat": -5})],
    )
    .await;
}

#[tokio::test]
async fn c073_not_before_counts() {
    let op = Op::start().await;
    for nbf in [NOW - 300, NOW, NOW + 60] {
        assert!(op.redeem_claims(json!({"nbf": nbf})).await.is_ok(), "{nbf}");
    }
    refused(IdTokenFault::FromTheFuture, [json!({"nbf": NOW + 61}), json!({"nbf": NOW + 86_400})]).await;
    refused(IdTokenFault::Malformed, [json!({"nbf": "soon"}), json!({"nbf": 1e300})]).await;
}

#[tokio::test]
async fn fractions_of_a_second_are_cut() {
    let op = Op::start().await;
    #[expect(clippy::cast_precision_loss, reason = "a date of this century fits")]
    let now = NOW as f64;
    let claims = json!({"exp": now + 300.97, "iat": now - 59.5, "nbf": now + 60.9, "auth_time": now - 3.03});
    let identity = op.redeem_claims(claims).await.unwrap();
    assert_eq!(identity.authenticated_at, Some(Timestamp::from_unix_seconds(NOW - 4)));
    assert_eq!(fault(op.redeem_claims(json!({"exp": now - 59.5})).await), IdTokenFault::Expired);
}

#[tokio::test]
async fn c074_the_nonce_is_that_of_the_attempt() {
    refused(
        IdTokenFault::Nonce,
        [
            json!({"nonce": null}),
            json!({"nonce": "nonce-2"}),
            json!({"nonce": "Nonce-1"}),
            json!({"nonce": ""}),
            json!({"nonce": "nonce-1\u{0}"}),
            json!({"nonce": "x".repeat(600)}),
        ],
    )
    .await;
    refused(IdTokenFault::Malformed, [json!({"nonce": 1}), json!({"nonce": ["nonce-1"]})]).await;
}

#[tokio::test]
async fn c077_the_hash_of_the_access_token_is_checked_when_it_is_there() {
    let half = |hash: &[u8]| base64url(&hash[..hash.len() / 2]);
    let token = ACCESS_TOKEN.as_bytes();
    for (key, right) in [
        (TestKey::ed25519("k"), half(&Sha512::digest(token))),
        (TestKey::es256("k"), half(&Sha256::digest(token))),
        (TestKey::es384("k"), half(&Sha384::digest(token))),
        (TestKey::rsa("k", "RS512"), half(&Sha512::digest(token))),
        (TestKey::rsa("k", "PS256"), half(&Sha256::digest(token))),
    ] {
        let op = Op::start().await;
        op.publish_keys(&[key.jwk()]);
        let redeem = async |at_hash: Value| {
            op.redeem_token(&id_token(&key, &json!({}), &op.claims(json!({"at_hash": at_hash})))).await
        };
        assert!(redeem(json!(right)).await.is_ok(), "{}", key.algorithm);
        assert!(redeem(Value::Null).await.is_ok(), "it may be absent in the code flow");
        for wrong in [half(&Sha256::digest(b"other")), base64url(&Sha256::digest(token)), String::new()] {
            assert_eq!(fault(redeem(json!(wrong)).await), IdTokenFault::AccessTokenHash, "{}", key.algorithm);
        }
        assert_eq!(fault(redeem(json!(1)).await), IdTokenFault::Malformed);
    }
}

#[tokio::test]
async fn c078_the_subject_is_one() {
    refused(
        IdTokenFault::Subject,
        [
            json!({"sub": ""}),
            json!({"sub": "x".repeat(256)}),
            json!({"sub": "a\nb"}),
            json!({"sub": "a\u{0}"}),
        ],
    )
    .await;
    refused(
        IdTokenFault::Malformed,
        [json!({"sub": null}), json!({"sub": 7}), json!({"sub": ["subject-1"]})],
    )
    .await;
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
    let token = op.id_token(json!({"filling": "x".repeat(11 * 1024)}));
    assert!(token.len() < 16 * 1024 && op.redeem_token(&token).await.is_ok());
    let token = op.id_token(json!({"filling": "x".repeat(13 * 1024)}));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::TooLarge);
    assert_eq!(fault(op.redeem_token(&"%".repeat(16 * 1024 + 1)).await), IdTokenFault::TooLarge);
}

#[tokio::test]
async fn c082_a_clock_that_jumps_is_survived() {
    for jump in [-10_000_000, 10_000_000_000, -NOW * 2] {
        let op = Op::start().await;
        op.redeem_claims(json!({})).await.unwrap();
        op.clock.advance(jump);
        op.redeem_claims(json!({})).await.unwrap_err();
        op.clock.advance(-jump);
        op.redeem_claims(json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn claims_that_nobody_needs_end_no_sign_in() {
    let op = Op::start().await;
    let odd = json!({
        "address": "Unter den Linden 1",
        "updated_at": "2026-11-24T10:00:00Z",
        "phone_number_verified": "yes",
        "birthdate": 7,
        "locale": ["de"],
        "picture": {"url": 1},
        "amr": "pwd",
        "auth_time": "yesterday",
        "acr": 1,
        "sid": null,
    });
    let identity = op.redeem_claims(odd).await.unwrap();
    assert_eq!(identity.authenticated_at, None);
    assert_eq!(identity.authentication_methods, ["pwd"]);
}

#[tokio::test]
async fn a_flow_of_another_issuer_is_not_redeemed() {
    let op = Op::start().await;
    op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(json!({})))));
    let mut redemption = op.redemption();
    redemption.issuer = labgate_domain::protocol::Issuer::parse(&format!("{}/", op.issuer())).unwrap();
    op.provider.redeem(redemption).await.unwrap_err();
    assert_eq!(op.count(TOKEN).await, 0);
}
