//! Further claims, and what is said of the person (C93 to C98, C102).

use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::EmailAddress;
use labgate_domain::ports::{IdTokenFault, ProviderCall, ProviderError};
use labgate_provider::Field;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{ACCESS_TOKEN, CLIENT_ID, NOW, Op, TestKey, USERINFO, id_token, json_answer, with};

const ADA: &str = "ada@example.test";

fn stated(address: &str, verified: bool) -> EmailClaim {
    EmailClaim::Stated { address: EmailAddress::parse(address).unwrap(), verified }
}

/// A provider with a userinfo endpoint that is asked at every sign-in and adds these claims to the right
/// subject.
async fn asked(claims: Value) -> Op {
    let op = Op::start_with(|settings| settings.set(Field::Userinfo, ["always"])).await;
    answer(&op, claims);
    op
}

fn answer(op: &Op, claims: Value) {
    op.answer(USERINFO, json_answer(200, &with(json!({"sub": "subject-1"}), claims)));
}

async fn email(op: &Op, changes: Value) -> EmailClaim {
    op.redeem_claims(changes).await.unwrap().email
}

#[tokio::test]
async fn it_is_asked_when_the_address_is_missing_or_when_the_operator_wants_it() {
    let op = Op::start().await;
    answer(&op, json!({"email": ADA, "email_verified": true}));
    assert_eq!(email(&op, json!({})).await, stated(ADA, true));
    assert_eq!(op.count(USERINFO).await, 0);
    for missing in [json!({"email": null}), json!({"email": ""})] {
        assert_eq!(email(&op, missing).await, stated(ADA, true));
    }
    assert_eq!(op.count(USERINFO).await, 2);

    op.publish(json!({"userinfo_endpoint": null}));
    op.clock.advance(3600);
    let hour_later = json!({"email": null, "iat": NOW + 3600, "exp": NOW + 3900});
    assert_eq!(email(&op, hour_later).await, EmailClaim::Missing);

    let op = asked(json!({})).await;
    op.redeem_claims(json!({})).await.unwrap();
    assert_eq!(op.count(USERINFO).await, 1);
}

#[tokio::test]
async fn always_needs_an_endpoint() {
    let op = asked(json!({})).await;
    op.publish(json!({"userinfo_endpoint": null}));
    assert!(matches!(op.redeem_claims(json!({})).await, Err(ProviderError::Misconfigured(_))));
}

#[tokio::test]
async fn it_is_never_asked_for_a_token_that_does_not_hold() {
    let op = asked(json!({})).await;
    op.redeem_claims(json!({"nonce": "other"})).await.unwrap_err();
    op.redeem_claims(json!({"email": null, "iss": "https://other.example"})).await.unwrap_err();
    assert_eq!(op.count(USERINFO).await, 0);
}

#[tokio::test]
async fn c093_it_is_about_the_same_person_or_worth_nothing() {
    let op = asked(json!({})).await;
    for sub in
        [Value::Null, json!("subject-2"), json!("Subject-1"), json!(""), json!(1), json!(["subject-1"])]
    {
        answer(&op, json!({"sub": sub, "email": ADA, "email_verified": true}));
        let error = op.redeem_claims(json!({})).await.unwrap_err();
        assert_eq!(error, ProviderError::UserInfo("it is about somebody else"), "{sub}");
    }
}

#[tokio::test]
async fn c094_whatever_else_it_answers_ends_the_sign_in() {
    let op = asked(json!({})).await;
    let body = json!({"sub": "subject-1"}).to_string();
    for bad in [
        json_answer(401, &json!({})),
        json_answer(403, &json!({})),
        ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(200).set_body_raw(body.clone(), "text/plain"),
        ResponseTemplate::new(200).set_body_bytes(body.clone()),
        ResponseTemplate::new(200).set_body_raw("", "application/json"),
        ResponseTemplate::new(200).set_body_raw("[]", "application/json"),
        ResponseTemplate::new(200)
            .set_body_raw(r#"{"sub":"subject-1","email":"a@b.test","email":"c@d.test"}"#, "application/json"),
    ] {
        op.answer(USERINFO, bad);
        let error = op.redeem_claims(json!({})).await.unwrap_err();
        assert!(matches!(error, ProviderError::UserInfo(_)), "{error:?}");
    }
    for bad in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(503),
        ResponseTemplate::new(404),
        ResponseTemplate::new(204),
        ResponseTemplate::new(302).insert_header("location", "/elsewhere"),
    ] {
        op.answer(USERINFO, bad);
        let error = op.redeem_claims(json!({})).await.unwrap_err();
        assert!(
            matches!(error, ProviderError::Unavailable { call: ProviderCall::UserInfo, .. }),
            "{error:?}"
        );
    }
    op.answer(USERINFO, ResponseTemplate::new(200).set_body_raw(body, "application/json ; charset=utf-8"));
    assert!(op.redeem_claims(json!({})).await.is_ok());
}

#[tokio::test]
async fn c095_a_signed_response_is_verified_and_not_read_unchecked() {
    let op = asked(json!({})).await;
    let redeem = async |key: &TestKey, header: Value, claims: Value| {
        let claims = with(json!({"sub": "subject-1", "groups": ["lab"]}), claims);
        let token = id_token(key, &header, &claims);
        op.answer(USERINFO, ResponseTemplate::new(200).set_body_raw(token, "application/jwt"));
        op.redeem_claims(json!({})).await
    };
    let issuer = op.issuer();
    for fine in [
        json!({}),
        json!({"iss": issuer}),
        json!({"aud": CLIENT_ID, "iss": issuer, "exp": NOW + 60}),
        json!({"aud": [CLIENT_ID]}),
    ] {
        assert_eq!(redeem(&op.key, json!({}), fine).await.unwrap().groups, ["lab"]);
    }
    let attacker = TestKey::ed25519("key-1");
    for (key, header, claims, expected) in [
        (&attacker, json!({}), json!({}), IdTokenFault::Signature),
        (&op.key, json!({"alg": "none"}), json!({}), IdTokenFault::Algorithm),
        (&op.key, json!({"typ": "logout+jwt"}), json!({}), IdTokenFault::Type),
        (&op.key, json!({}), json!({"iss": "https://other.example"}), IdTokenFault::Issuer),
        (&op.key, json!({}), json!({"aud": "other"}), IdTokenFault::Audience),
        (&op.key, json!({}), json!({"aud": [CLIENT_ID, "other"]}), IdTokenFault::Audience),
        (&op.key, json!({}), json!({"exp": NOW - 60}), IdTokenFault::Expired),
        (&op.key, json!({}), json!({"events": {}}), IdTokenFault::Type),
    ] {
        let shown = format!("{header} {claims}");
        match redeem(key, header, claims).await {
            Err(ProviderError::SignedUserInfo(reason)) => assert_eq!(reason.fault, expected, "{shown}"),
            other => panic!("{shown}: {other:?}"),
        }
    }
    let other = redeem(&op.key, json!({}), json!({"sub": "subject-2"})).await;
    assert_eq!(other, Err(ProviderError::UserInfo("it is about somebody else")));
    op.answer(USERINFO, ResponseTemplate::new(200).set_body_raw("AA.AA.AA.AA.AA", "application/jwt"));
    let encrypted = op.redeem_claims(json!({})).await.unwrap_err().to_string();
    assert!(encrypted.contains("userinfo response is not valid: it is encrypted"), "{encrypted}");
}

#[tokio::test]
async fn c096_address_and_verification_come_from_the_same_document() {
    let op = asked(json!({})).await;
    let (no, unknown) = (json!(false), Value::Null);
    let other = "ada@other.test";
    for (id_token, userinfo, expected) in [
        // One has the address, the other says that it is verified.
        ((Some(ADA), unknown.clone()), (None, json!(true)), stated(ADA, false)),
        ((None, json!(true)), (Some(ADA), unknown.clone()), stated(ADA, false)),
        // One has both, the other says nothing, or the opposite.
        ((Some(ADA), json!(true)), (None, unknown.clone()), stated(ADA, true)),
        ((Some(ADA), json!(true)), (None, no.clone()), stated(ADA, false)),
        ((None, unknown.clone()), (Some(ADA), json!(true)), stated(ADA, true)),
        ((None, no.clone()), (Some(ADA), json!(true)), stated(ADA, false)),
        // Both have the address.
        ((Some(ADA), json!(true)), (Some(ADA), json!(true)), stated(ADA, true)),
        ((Some(ADA), json!(true)), (Some(ADA), unknown.clone()), stated(ADA, true)),
        ((Some(ADA), unknown.clone()), (Some("ADA@example.test"), json!(true)), stated(ADA, true)),
        ((Some(ADA), json!(true)), (Some(ADA), no.clone()), stated(ADA, false)),
        ((Some(ADA), no.clone()), (Some(ADA), json!(true)), stated(ADA, false)),
        ((Some(ADA), unknown.clone()), (Some(ADA), unknown.clone()), stated(ADA, false)),
        // Each has another address.
        ((Some(ADA), json!(true)), (Some(other), json!(true)), stated(ADA, false)),
        ((Some(ADA), json!(true)), (Some("not one"), json!(true)), stated(ADA, false)),
        ((Some("not one"), json!(true)), (Some(ADA), json!(true)), EmailClaim::Malformed),
        ((None, unknown.clone()), (Some("not one"), json!(true)), EmailClaim::Malformed),
        ((None, json!(true)), (None, json!(true)), EmailClaim::Missing),
    ] {
        let claims = |(address, verified): &(Option<&str>, Value)| json!({"email": address, "email_verified": verified});
        answer(&op, claims(&userinfo));
        assert_eq!(email(&op, claims(&id_token)).await, expected, "{id_token:?} {userinfo:?}");
    }
}

#[tokio::test]
async fn c097_the_access_token_is_in_the_header_and_nowhere_else() {
    let op = asked(json!({})).await;
    op.redeem_claims(json!({})).await.unwrap();
    let requests = op.requests(USERINFO).await;
    assert_eq!(requests[0].method.as_str(), "GET");
    assert_eq!(requests[0].headers["authorization"].to_str().unwrap(), format!("Bearer {ACCESS_TOKEN}"));
    assert_eq!(requests[0].url.query(), None);
    assert!(requests[0].body.is_empty());
}

#[tokio::test]
async fn c098_claims_elsewhere_are_not_fetched() {
    let op = asked(json!({})).await;
    let elsewhere = json!({
        "email": null,
        "_claim_names": {"email": "src1", "groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": format!("{}/elsewhere", op.issuer()), "access_token": "x", "JWT": "y"}},
    });
    answer(&op, elsewhere.clone());
    let identity = op.redeem_claims(elsewhere).await.unwrap();
    assert_eq!((identity.email, identity.groups), (EmailClaim::Missing, vec![]));
    assert_eq!(op.count("/elsewhere").await, 0);
}

#[tokio::test]
async fn c102_verified_is_the_value_true_and_nothing_else() {
    let op = Op::start().await;
    assert_eq!(email(&op, json!({"email_verified": true})).await, stated(ADA, true));
    assert_eq!(email(&op, json!({"email_verified": null})).await, stated(ADA, false));
    for odd in [
        json!(false),
        json!(0),
        json!(1),
        json!("true"),
        json!("True"),
        json!("false"),
        json!([]),
        json!([true]),
    ] {
        assert_eq!(email(&op, json!({"email_verified": odd})).await, stated(ADA, false), "{odd}");
    }
    let text = op.claims(json!({})).to_string().replace("\"email_verified\":true", "\"email_verified\":null");
    let token = crate::support::raw_token(
        &op.key,
        &crate::support::header_of(&op.key, &json!({})).to_string(),
        &text,
    );
    assert_eq!(op.redeem_token(&token).await.unwrap().email, stated(ADA, false));
}

#[tokio::test]
async fn what_is_not_an_address_is_said_to_be_none() {
    let op = Op::start().await;
    for odd in
        [json!("ada"), json!("a@b@example.test"), json!(7), json!([ADA]), json!({"a": ADA}), json!(true)]
    {
        assert_eq!(email(&op, json!({"email": odd})).await, EmailClaim::Malformed, "{odd}");
    }
}

#[tokio::test]
async fn the_name_is_the_name_or_else_the_preferred_username() {
    let op = Op::start().await;
    let name = async |changes: Value| {
        let identity: ExternalIdentity = op.redeem_claims(changes).await.unwrap();
        identity.name.map(|name| name.to_string())
    };
    assert_eq!(name(json!({"name": "Ada L.", "preferred_username": "ada"})).await.as_deref(), Some("Ada L."));
    assert_eq!(name(json!({"name": null, "preferred_username": "ada"})).await.as_deref(), Some("ada"));
    assert_eq!(name(json!({"name": "\r\n", "preferred_username": "ada"})).await.as_deref(), Some("ada"));
    assert_eq!(name(json!({"name": ["Ada"], "preferred_username": 1})).await, None);
}

#[tokio::test]
async fn groups_are_bounded_texts() {
    let op = Op::start().await;
    let groups = async |groups: Value| op.redeem_claims(json!({"groups": groups})).await.unwrap().groups;
    assert_eq!(groups(json!("staff")).await, ["staff"]);
    let odd = json!(["a", 1, null, "", "b\n", "x".repeat(1025), {"c": 1}, 1.5, "d"]);
    assert_eq!(groups(odd).await, ["a", "1", "d"]);
    assert_eq!(groups(json!({"a": 1})).await, Vec::<String>::new());
    let many: Vec<String> = (0..250).map(|number| format!("g{number}")).collect();
    assert_eq!(groups(json!(many)).await, many);

    let op = asked(json!({"groups": ["from-userinfo"]})).await;
    let identity = op.redeem_claims(json!({})).await.unwrap();
    assert_eq!(identity.groups, ["from-userinfo"]);
}
