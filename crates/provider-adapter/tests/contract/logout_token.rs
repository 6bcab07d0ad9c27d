//! Logout tokens (C159 to C163, C167).

use labgate_domain::ports::{
    IdTokenFault, IdentityProvider as _, LogoutToken, LogoutTokenError, LogoutTokenFault, ProviderCall,
    ProviderError,
};
use labgate_domain::time::Timestamp;
use labgate_provider::{Field, OpenIdProvider};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    CLIENT_ID, CLIENT_SECRET, DISCOVERY, JWKS, NONCE, NOW, Op, TestKey, at_endpoints, fault, id_token,
    parsed, raw_token, with,
};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token that holds, changed; null takes one away.
fn claims(op: &Op, changes: Value) -> Value {
    with(
        json!({
            "iss": op.issuer(),
            "sub": "subject-1",
            "sid": "session-1",
            "aud": CLIENT_ID,
            "iat": NOW,
            "exp": NOW + 120,
            "jti": "token-1",
            "events": {EVENT: {}},
        }),
        changes,
    )
}

/// A logout token that holds but for these claims.
fn logout_token(op: &Op, changes: Value) -> String {
    id_token(&op.key, &json!({"typ": "logout+jwt"}), &claims(op, changes))
}

async fn send(op: &Op, changes: Value) -> Result<LogoutToken, LogoutTokenError> {
    verdict(op, &logout_token(op, changes)).await
}

/// The verdict on a token: the rule that it breaks, without the details.
async fn verdict(op: &Op, token: &str) -> Result<LogoutToken, LogoutTokenError> {
    op.provider.verify_logout_token(token).await.map_err(|error| match error {
        LogoutTokenError::Invalid(LogoutTokenFault::Token(reason)) => {
            LogoutTokenError::Invalid(reason.fault.into())
        }
        other => other,
    })
}

fn broken(fault: impl Into<LogoutTokenFault>) -> Result<LogoutToken, LogoutTokenError> {
    Err(LogoutTokenError::Invalid(fault.into()))
}

/// Each of these changes to the claims breaks the same rule.
async fn refused(fault: impl Into<LogoutTokenFault>, changes: impl IntoIterator<Item = Value>) {
    let op = Op::start().await;
    let expected = broken(fault);
    for change in changes {
        let shown = change.to_string();
        assert_eq!(send(&op, change).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn a_token_that_holds_tells_whose_session_ended_and_which() {
    let op = Op::start().await;
    let told = send(&op, json!({})).await.unwrap();
    assert_eq!(told.issuer.as_str(), op.issuer());
    assert_eq!(told.subject.unwrap().as_str(), "subject-1");
    assert_eq!(told.session.unwrap().as_str(), "session-1");
    assert_eq!(told.id, "token-1");
    assert_eq!(told.refused_from, Timestamp::from_unix_seconds(NOW + 180));
    assert!(send(&op, json!({"sid": null})).await.unwrap().session.is_none());
    assert!(send(&op, json!({"sub": null})).await.unwrap().subject.is_none());
}

#[tokio::test]
async fn c159_an_unsigned_token_is_refused() {
    let op = Op::start().await;
    for algorithm in ["none", "None", "NONE", ""] {
        let token = id_token(&TestKey::none(algorithm), &json!({}), &claims(&op, json!({})));
        let result = verdict(&op, &token).await;
        assert_eq!(result, broken(IdTokenFault::Algorithm), "{algorithm:?}");
    }
    let signed = logout_token(&op, json!({}));
    let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
    assert_eq!(verdict(&op, &unsigned).await, broken(IdTokenFault::Signature));
}

#[tokio::test]
async fn c159_a_wrong_algorithm_or_key_is_refused() {
    let rsa = TestKey::rsa("k", "RS256");
    let op = Op::start().await;
    op.publish_keys(&[rsa.jwk()]);
    for (key, expected) in [
        (TestKey::hmac(CLIENT_SECRET.as_bytes()).named(Some("k")), IdTokenFault::Algorithm),
        (TestKey::es256("k"), IdTokenFault::Algorithm),
        (TestKey::rsa_number(1, "k", "RS256"), IdTokenFault::Signature),
        (rsa.named(Some("other")), IdTokenFault::UnknownKey),
    ] {
        let token = id_token(&key, &json!({}), &claims(&op, json!({})));
        assert_eq!(verdict(&op, &token).await, broken(expected), "{}", key.algorithm);
    }
    let token = id_token(&rsa, &json!({}), &claims(&op, json!({})));
    assert!(verdict(&op, &token).await.is_ok());
}

#[tokio::test]
async fn c159_a_wrong_signature_is_refused() {
    let op = Op::start().await;
    let token = logout_token(&op, json!({}));
    let other = logout_token(&op, json!({"sub": "somebody-else"}));
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    let swapped = format!("{signing_input}.{signature}");
    assert_eq!(verdict(&op, &swapped).await, broken(IdTokenFault::Signature));
}

#[tokio::test]
async fn c159_a_new_key_is_asked_for_once_and_then_believed() {
    let op = Op::start().await;
    send(&op, json!({})).await.unwrap();
    let rotated = TestKey::es256("key-2");
    op.publish_keys(&[rotated.jwk()]);
    let token = id_token(&rotated, &json!({}), &claims(&op, json!({})));
    assert!(verdict(&op, &token).await.is_ok());
    assert!(verdict(&op, &token).await.is_ok());
    assert_eq!(op.count(JWKS).await, 2);
}

#[tokio::test]
async fn c159_f44_made_up_keys_make_few_fetches_and_leave_sign_ins_theirs() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    let made_up = async |number: usize| {
        let key = TestKey::ed25519(&format!("made-up-{number}"));
        let token = id_token(&key, &json!({}), &claims(&op, json!({"exp": NOW + 3600})));
        assert_eq!(verdict(&op, &token).await, broken(IdTokenFault::UnknownKey));
    };
    for number in 0..100 {
        made_up(number).await;
    }
    assert_eq!(op.count(JWKS).await, 4);
    op.clock.advance(59);
    made_up(100).await;
    assert_eq!(op.count(JWKS).await, 4);
    op.clock.advance(1);
    made_up(101).await;
    assert_eq!(op.count(JWKS).await, 5);

    let rotated = TestKey::es256("key-2");
    op.publish_keys(&[rotated.jwk()]);
    let token = id_token(&rotated, &json!({}), &op.claims(json!({})));
    assert!(op.redeem_token(&token).await.is_ok(), "a sign-in finds the new key at once");
    assert_eq!(op.count(JWKS).await, 6);
}

#[tokio::test]
async fn c160_a_token_of_another_issuer_is_told_apart_before_anybody_is_asked() {
    let op = Op::start().await;
    let issuer = op.issuer();
    for iss in [
        json!("https://other.example"),
        json!(format!("{issuer}/")),
        json!(issuer.to_uppercase()),
        json!(""),
        json!(null),
        json!(1),
        json!([issuer]),
    ] {
        let shown = iss.to_string();
        let result = send(&op, json!({"iss": iss})).await;
        assert_eq!(result, Err(LogoutTokenError::OfAnotherIssuer), "{shown}");
    }
    let foreign = id_token(
        &TestKey::none("none"),
        &json!({"typ": "x"}),
        &claims(&op, json!({"iss": "https://other.example"})),
    );
    assert_eq!(
        verdict(&op, &foreign).await,
        Err(LogoutTokenError::OfAnotherIssuer),
        "the issuer comes before everything else"
    );
    assert_eq!(op.count(DISCOVERY).await + op.count(JWKS).await, 0);
}

#[tokio::test]
async fn c160_the_issuer_that_two_urls_lead_to_is_compared_too() {
    let op = Op::start().await;
    let at = |path: &str| format!("{}{path}", op.issuer());
    let issuer = op.issuer();
    let by_urls = |issuer| {
        let settings = parsed(at_endpoints(&at("/authorize"), &at("/token"), issuer));
        OpenIdProvider::new(settings, op.clock.clone()).unwrap()
    };
    let (own, foreign) =
        (logout_token(&op, json!({})), logout_token(&op, json!({"iss": "https://other.example"})));

    let configured = by_urls(Some(issuer.as_str()));
    assert_eq!(configured.verify_logout_token(&foreign).await, Err(LogoutTokenError::OfAnotherIssuer));
    assert_eq!(op.count(DISCOVERY).await, 0);

    let derived = by_urls(None);
    assert_eq!(derived.verify_logout_token(&foreign).await, Err(LogoutTokenError::OfAnotherIssuer));
    let asked = op.count(DISCOVERY).await;
    assert_ne!(asked, 0, "only the provider can say what its issuer is");
    op.clock.advance(3600);
    assert_eq!(derived.verify_logout_token(&foreign).await, Err(LogoutTokenError::OfAnotherIssuer));
    assert_eq!(op.count(DISCOVERY).await, asked, "it is known by now");
    op.clock.advance(-3600);
    assert!(derived.verify_logout_token(&own).await.is_ok());
}

#[tokio::test]
async fn c160_the_audience_is_this_client_alone() {
    refused(
        IdTokenFault::Audience,
        [json!({"aud": "other"}), json!({"aud": []}), json!({"aud": [CLIENT_ID, "other"]})],
    )
    .await;
    refused(IdTokenFault::Malformed, [json!({"aud": null}), json!({"aud": 1})]).await;
    let op = Op::start().await;
    assert!(send(&op, json!({"aud": [CLIENT_ID]})).await.is_ok());
}

#[tokio::test]
async fn c160_the_issue_time_is_there_and_recent() {
    let op = Op::start().await;
    for (iat, expected) in [
        (NOW - 359, None),
        (NOW - 360, Some(LogoutTokenFault::Stale)),
        (0, Some(LogoutTokenFault::Stale)),
        (NOW + 60, None),
        (NOW + 61, Some(IdTokenFault::FromTheFuture.into())),
    ] {
        let result = send(&op, json!({"iat": iat, "exp": NOW + 86_400})).await;
        match expected {
            None => assert!(result.is_ok(), "{iat}: {result:?}"),
            Some(fault) => assert_eq!(result, broken(fault), "{iat}"),
        }
    }
    refused(IdTokenFault::Malformed, [json!({"iat": null}), json!({"iat": NOW.to_string()})]).await;
}

#[tokio::test]
async fn c160_the_expiry_is_there_and_ahead() {
    let op = Op::start().await;
    assert!(send(&op, json!({"exp": NOW - 59})).await.is_ok());
    refused(IdTokenFault::Expired, [json!({"exp": NOW - 60}), json!({"exp": 0})]).await;
    refused(IdTokenFault::Malformed, [json!({"exp": null}), json!({"exp": "soon"})]).await;
}

#[tokio::test]
async fn c160_a_token_is_refused_from_the_moment_that_it_told() {
    for (exp, iat) in [(NOW + 30, NOW), (NOW + 86_400, NOW), (NOW + 3600, NOW - 200), (NOW + 100, NOW + 60)] {
        let op = Op::start().await;
        let token = logout_token(&op, json!({"exp": exp, "iat": iat}));
        let until = verdict(&op, &token).await.unwrap().refused_from.as_unix_seconds();
        op.clock.advance(until - 1 - NOW);
        assert!(verdict(&op, &token).await.is_ok(), "{exp} {iat}");
        op.clock.advance(1);
        let late = verdict(&op, &token).await;
        assert!(
            late == broken(IdTokenFault::Expired) || late == broken(LogoutTokenFault::Stale),
            "{exp} {iat}: {late:?}"
        );
    }
}

#[tokio::test]
async fn c161_a_token_about_nobody_is_refused() {
    refused(LogoutTokenFault::NoSubject, [json!({"sub": null, "sid": null})]).await;
    refused(
        IdTokenFault::Subject,
        [json!({"sub": ""}), json!({"sub": "a\nb"}), json!({"sub": "x".repeat(256)})],
    )
    .await;
    refused(
        IdTokenFault::Malformed,
        [
            json!({"sub": 1}),
            json!({"sid": 1}),
            json!({"sid": ["session-1"]}),
            json!({"sid": ""}),
            json!({"sid": "a\nb"}),
            json!({"sid": "x".repeat(256)}),
        ],
    )
    .await;
}

#[tokio::test]
async fn c161_a_token_about_something_else_is_refused() {
    refused(
        LogoutTokenFault::Event,
        [
            json!({"events": null}),
            json!({"events": {}}),
            json!({"events": {"http://schemas.openid.net/event/other": {}}}),
            json!({"events": {format!("{EVENT}/"): {}}}),
            json!({"events": {EVENT: null}}),
            json!({"events": {EVENT: true}}),
            json!({"events": {EVENT: []}}),
            json!({"events": EVENT}),
            json!({"events": [EVENT]}),
            json!({"events": [{EVENT: {}}]}),
        ],
    )
    .await;
    let op = Op::start().await;
    assert!(send(&op, json!({"events": {EVENT: {"more": 1}, "urn:other": {}}})).await.is_ok());
}

#[tokio::test]
async fn c161_a_token_with_a_nonce_is_refused() {
    refused(
        LogoutTokenFault::Nonce,
        [json!({"nonce": "n"}), json!({"nonce": ""}), json!({"nonce": 1}), json!({"nonce": false})],
    )
    .await;
    let op = Op::start().await;
    let with_null = claims(&op, json!({})).to_string().replacen('{', r#"{"nonce":null,"#, 1);
    let token = raw_token(&op.key, r#"{"alg":"EdDSA","kid":"key-1"}"#, &with_null);
    assert_eq!(verdict(&op, &token).await, broken(LogoutTokenFault::Nonce));
}

#[tokio::test]
async fn c161_a_token_without_an_id_is_refused() {
    refused(
        LogoutTokenFault::Id,
        [
            json!({"jti": null}),
            json!({"jti": ""}),
            json!({"jti": 1}),
            json!({"jti": "a b"}),
            json!({"jti": "a\n"}),
            json!({"jti": "ä"}),
            json!({"jti": "x".repeat(256)}),
        ],
    )
    .await;
    let op = Op::start().await;
    let longest = "x".repeat(255);
    assert_eq!(send(&op, json!({"jti": longest})).await.unwrap().id, longest);
}

#[tokio::test]
async fn c162_claims_that_nobody_knows_are_accepted() {
    let op = Op::start().await;
    let odd = json!({"trace_id": "t", "azp": "other", "at_hash": 1, "email": 7, "https://x.example/y": [{}]});
    assert!(send(&op, odd).await.is_ok());
}

#[tokio::test]
async fn c163_the_type_is_that_of_a_logout_token_or_open() {
    let op = Op::start().await;
    let typed = async |typ: Value| {
        let token = id_token(&op.key, &json!({"typ": typ}), &claims(&op, json!({})));
        verdict(&op, &token).await
    };
    for good in
        ["JWT", "jwt", "application/jwt", "logout+jwt", "LOGOUT+JWT", "application/logout+jwt", "Logout+jwt"]
    {
        assert!(typed(json!(good)).await.is_ok(), "{good}");
    }
    assert!(typed(Value::Null).await.is_ok(), "it may be absent");
    for bad in [json!("at+jwt"), json!("secevent+jwt"), json!(""), json!("logout"), json!("JWT;x"), json!(1)]
    {
        assert_eq!(typed(bad.clone()).await, broken(IdTokenFault::Type), "{bad}");
    }
}

#[tokio::test]
async fn c163_a_critical_extension_is_never_understood() {
    let op = Op::start().await;
    let token = id_token(&op.key, &json!({"crit": ["exp"]}), &claims(&op, json!({})));
    assert_eq!(verdict(&op, &token).await, broken(IdTokenFault::Critical));
}

#[tokio::test]
async fn c167_an_id_token_ends_no_session() {
    let op = Op::start().await;
    let token = op.id_token(json!({"sid": "session-1", "jti": "token-1"}));
    assert!(op.redeem_token(&token).await.is_ok());
    assert_eq!(verdict(&op, &token).await, broken(LogoutTokenFault::Nonce));
    let token = op.id_token(json!({"sid": "session-1", "jti": "token-1", "nonce": null}));
    assert_eq!(verdict(&op, &token).await, broken(LogoutTokenFault::Event));
}

#[tokio::test]
async fn c167_a_logout_token_signs_nobody_in() {
    let op = Op::start().await;
    let token = logout_token(&op, json!({}));
    assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Type);
    // Not even one with the attempt's nonce, which only a careless provider would make.
    let claims = claims(&op, json!({"nonce": NONCE, "email": "ada@example.test"}));
    for typ in [json!("logout+jwt"), json!("JWT"), Value::Null] {
        let token = id_token(&op.key, &json!({"typ": typ}), &claims);
        assert_eq!(fault(op.redeem_token(&token).await), IdTokenFault::Type, "{typ}");
    }
    let token = id_token(&op.key, &json!({}), &with(claims, json!({"events": null})));
    assert!(op.redeem_token(&token).await.is_ok(), "but for the events it would be an ID token");
}

#[tokio::test]
async fn what_is_no_token_costs_no_request() {
    let op = Op::start().await;
    let large = logout_token(&op, json!({"filling": "x".repeat(13 * 1024)}));
    assert_eq!(verdict(&op, &large).await, broken(IdTokenFault::TooLarge));
    let token = logout_token(&op, json!({}));
    let twice = claims(&op, json!({})).to_string().replacen('{', r#"{"iss":"https://other.example","#, 1);
    for bad in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.e30.c.d",
        "é.é.é",
        &format!("{token}.x"),
        &raw_token(&op.key, r#"{"alg":"EdDSA"}"#, "[]"),
        &raw_token(&op.key, r#"{"alg":"EdDSA"}"#, &twice),
    ] {
        assert_eq!(verdict(&op, bad).await, broken(IdTokenFault::Malformed), "{bad}");
    }
    assert_eq!(op.count(DISCOVERY).await + op.count(JWKS).await, 0);
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_at_growing_intervals() {
    let op = Op::start().await;
    op.answer(DISCOVERY, ResponseTemplate::new(503));
    for _ in 0..20 {
        let error = send(&op, json!({})).await.unwrap_err();
        let LogoutTokenError::Provider(ProviderError::Unavailable { call, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(call, ProviderCall::Discovery);
    }
    assert_eq!(op.count(DISCOVERY).await, 1);
    op.publish(json!({}));
    op.answer(JWKS, ResponseTemplate::new(500));
    op.clock.advance(5);
    let error = send(&op, json!({})).await.unwrap_err();
    assert!(
        matches!(
            error,
            LogoutTokenError::Provider(ProviderError::Unavailable { call: ProviderCall::Jwks, .. })
        ),
        "{error:?}"
    );
    op.publish_keys(&[op.key.jwk()]);
    op.clock.advance(5);
    assert!(send(&op, json!({})).await.is_ok());
}

#[tokio::test]
async fn f11_a_logout_token_has_the_algorithm_of_this_clients_id_tokens() {
    let (rsa, ec) = (TestKey::rsa("rsa", "RS256"), TestKey::es256("ec"));
    let send = async |op: &Op, key: &TestKey| {
        let token = id_token(key, &json!({"typ": "logout+jwt"}), &claims(op, json!({})));
        verdict(op, &token).await.map(drop)
    };
    let refused = || broken(IdTokenFault::Algorithm).map(drop);
    // Before any ID token: RS256, which is the default of a client's registration.
    let op = Op::start().await;
    op.publish_keys(&[rsa.jwk(), ec.jwk()]);
    assert_eq!(send(&op, &rsa).await, Ok(()));
    assert_eq!(send(&op, &ec).await, refused());
    // That of the last ID token.
    op.redeem_token(&id_token(&ec, &json!({}), &op.claims(json!({})))).await.unwrap();
    assert_eq!(send(&op, &ec).await, Ok(()));
    assert_eq!(send(&op, &rsa).await, refused());
    // That of the settings, whatever else the provider states.
    let op = Op::start_with(|settings| settings.set(Field::IdTokenAlgorithm, ["ES256"])).await;
    op.publish_keys(&[rsa.jwk(), ec.jwk()]);
    assert_eq!(send(&op, &ec).await, Ok(()));
    assert_eq!(send(&op, &rsa).await, refused());
    let by_rsa = op.redeem_token(&id_token(&rsa, &json!({}), &op.claims(json!({})))).await;
    assert_eq!(fault(by_rsa), IdTokenFault::Algorithm);
    // Where the provider has no key for the default, any that it states.
    let op = Op::start().await;
    op.publish_keys(&[ec.jwk()]);
    assert_eq!(send(&op, &ec).await, Ok(()));
}
