//! What the ID token claims (C57 to C60, C71 to C82).

use labgate_domain::ports::{IdTokenFault, IdentityProvider as _};
use labgate_domain::protocol::IdTokenHint;
use labgate_domain::time::Timestamp;
use labgate_provider::Field;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::support::{
    ACCESS_TOKEN, CLIENT_ID, NOW, Op, TOKEN, TestKey, base64url, fault, id_token, json_answer, token_response,
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
    assert!(op.redeem_claims(json!({"aud": [CLIENT_ID, CLIENT_ID]})).await.is_ok());
}

#[tokio::test]
async fn f14_a_further_audience_must_be_trusted() {
    let op = Op::start_with(|settings| settings.set(Field::TrustedAudiences, ["project", "other"])).await;
    for aud in [json!([CLIENT_ID, "project"]), json!(["other", "project", CLIENT_ID])] {
        assert!(op.redeem_claims(json!({"aud": aud})).await.is_ok(), "{aud}");
        assert!(op.redeem_claims(json!({"aud": aud, "azp": CLIENT_ID})).await.is_ok(), "{aud}");
        let elsewhere = op.redeem_claims(json!({"aud": aud, "azp": "project"})).await;
        assert_eq!(fault(elsewhere), IdTokenFault::AuthorizedParty);
    }
    for aud in [json!("project"), json!(["project"]), json!([CLIENT_ID, "project", "third"])] {
        assert_eq!(fault(op.redeem_claims(json!({"aud": aud})).await), IdTokenFault::Audience, "{aud}");
    }
    let op = Op::start().await;
    let error = op.redeem_claims(json!({"aud": [CLIENT_ID, "2345@project"]})).await.unwrap_err().to_string();
    assert!(error.contains(r#"it has "2345@project" beside the client"#), "{error}");
    assert!(error.contains("trusted_audiences"), "{error}");
    let error = op.redeem_claims(json!({"aud": "other"})).await.unwrap_err().to_string();
    assert!(error.contains(r#"it is "other", and the client id is "lab""#), "{error}");
}

#[tokio::test]
async fn f14_at_zitadel_the_authorized_party_decides() {
    let op = Op::start_with(|settings| settings.set(Field::Kind, ["zitadel"])).await;
    let aud = json!([CLIENT_ID, "2345", "6789"]);
    assert!(op.redeem_claims(json!({"aud": aud, "azp": CLIENT_ID})).await.is_ok());
    assert_eq!(fault(op.redeem_claims(json!({"aud": aud})).await), IdTokenFault::Audience);
    let foreign = json!({"aud": aud, "azp": "6789"});
    assert_eq!(fault(op.redeem_claims(foreign).await), IdTokenFault::Audience);
    let without_us = json!({"aud": ["2345"], "azp": CLIENT_ID});
    assert_eq!(fault(op.redeem_claims(without_us).await), IdTokenFault::Audience);
}

#[tokio::test]
async fn f24_a_malformed_token_names_the_claim_the_rule_and_the_shape() {
    let op = Op::start().await;
    for (changes, text) in [
        (json!({"exp": null}), "the claim `exp` is missing, and must be a number of seconds since 1970"),
        (json!({"iat": "1"}), "the claim `iat` is a text, and must be a number of seconds since 1970"),
        (json!({"nbf": true}), "the claim `nbf` is a boolean, and must be a number"),
        (json!({"aud": 7}), "the claim `aud` is a number, and must be a text or a list of texts"),
        (json!({"aud": [7]}), "the claim `aud` is a list, and must be a text or a list of texts"),
        (json!({"sub": ["a"]}), "the claim `sub` is a list, and must be a text"),
        (json!({"iss": {}}), "the claim `iss` is an object, and must be a text"),
        (json!({"nonce": 1}), "the claim `nonce` is a number, and must be a text"),
    ] {
        let error = op.redeem_claims(changes).await.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(fault(Err(error)), IdTokenFault::Malformed);
    }
    let error = op.redeem_claims(json!({"iss": "https://other.example"})).await.unwrap_err().to_string();
    assert!(error.contains(r#"it is "https://other.example", and the issuer is"#), "{error}");
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
async fn the_session_at_the_provider_is_kept_when_it_has_a_usable_name() {
    let op = Op::start().await;
    let longest = "s".repeat(255);
    for sid in ["session-1", &longest] {
        let identity = op.redeem_claims(json!({"sid": sid})).await.unwrap();
        assert_eq!(identity.session.unwrap().as_str(), sid);
    }
    for sid in [json!(null), json!(7), json!(""), json!("a\nb"), json!("ä"), json!("s".repeat(256))] {
        let identity = op.redeem_claims(json!({"sid": sid})).await.unwrap();
        assert_eq!(identity.session, None, "{sid}");
    }
}

#[tokio::test]
async fn the_id_token_itself_is_the_hint_for_signing_out_unless_it_is_long() {
    let op = Op::start().await;
    let token = op.id_token(json!({}));
    let identity = op.redeem_token(&token).await.unwrap();
    assert_eq!(identity.id_token_hint.unwrap().as_str(), token);
    let token = op.id_token(json!({"filling": "x".repeat(IdTokenHint::MAX_LEN)}));
    assert_eq!(op.redeem_token(&token).await.unwrap().id_token_hint, None);
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
