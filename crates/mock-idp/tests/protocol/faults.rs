//! Each fault does what it says, and nothing else.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use labgate_mock_idp::{Algorithm, Client, Fault};
use serde_json::{Value, json};

use crate::lab::{Answer, CALLBACK, MockLab, parameter, target};

const NOW: i64 = 1_800_000_000;

/// The ID token of a sign-in under a fault, and its access token.
async fn id_token(lab: &MockLab) -> (Value, Value, String) {
    let answer = lab.tokens().await;
    let (header, claims) = answer.id_token();
    (header, claims, answer.field("access_token").to_owned())
}

/// A fault and the claims that it changes: `null` means that the claim is gone.
fn changed_claims() -> Vec<(Fault, Value)> {
    vec![
        (Fault::WrongIssuer, json!({ "iss": "https://another-issuer.example" })),
        (Fault::IssuerTrailingSlash, json!({ "iss": "http://idp.test/" })),
        (Fault::MissingIssuer, json!({ "iss": null })),
        (Fault::WrongAudience, json!({ "aud": "another-client" })),
        (Fault::EmptyAudience, json!({ "aud": [] })),
        (Fault::ExtraAudience, json!({ "aud": ["lab", "another-client"] })),
        (Fault::MissingAudience, json!({ "aud": null })),
        (Fault::WrongAzp, json!({ "azp": "another-client" })),
        (Fault::MissingNonce, json!({ "nonce": null })),
        (Fault::Expired, json!({ "exp": NOW - 3600 })),
        (Fault::FutureIat, json!({ "iat": NOW + 3600, "exp": NOW + 7200 })),
        (Fault::MissingIat, json!({ "iat": null })),
        (Fault::NbfFuture, json!({ "nbf": NOW + 3600, "exp": NOW + 7200 })),
        (Fault::MissingExp, json!({ "exp": null })),
        (
            Fault::FractionalTimes,
            json!({ "exp": 1_800_000_300.25, "iat": 1_800_000_000.25, "auth_time": 1_800_000_000.25 }),
        ),
        (Fault::StringTimes, json!({ "exp": "1800000300", "iat": "1800000000" })),
        (Fault::MissingSub, json!({ "sub": null })),
        (Fault::LongSub, json!({ "sub": "x".repeat(256) })),
        (Fault::MissingEmail, json!({ "email": null, "email_verified": null })),
        (Fault::UnverifiedEmail, json!({ "email_verified": false })),
        (Fault::EmailVerifiedString, json!({ "email_verified": "true" })),
        (Fault::EmailVerifiedAbsent, json!({ "email_verified": null })),
        (Fault::IssuerTemplate, json!({ "iss": "http://idp.test/{tenantid}/v2.0" })),
        (
            Fault::TenantSwap,
            json!({
                "iss": "http://idp.test/99999999-8888-4777-8666-555555555555/v2.0",
                "tid": "99999999-8888-4777-8666-555555555555",
            }),
        ),
        (Fault::GroupsString, json!({ "groups": "lab-admins" })),
        (
            Fault::GroupsOverage,
            json!({
                "groups": null,
                "_claim_names": { "groups": "src1" },
                "_claim_sources": { "src1": { "endpoint": "https://another-issuer.example/groups" } },
            }),
        ),
        (Fault::HugeToken, json!({ "padding": "x".repeat(64 * 1024) })),
    ]
}

#[tokio::test]
async fn a_fault_of_a_claim_changes_that_claim_and_no_other() {
    for (fault, changes) in changed_claims() {
        let lab = MockLab::new();
        let (_, proper, _) = id_token(&lab).await;
        lab.idp.fault(fault.clone()).once();
        let (header, mut faulty, _) = id_token(&lab).await;
        assert_eq!(header["alg"], "ES256", "{}", fault.name());
        for (name, value) in changes.as_object().unwrap() {
            assert_eq!(faulty.get(name).unwrap_or(&Value::Null), value, "{}", fault.name());
            match proper.get(name) {
                Some(value) => faulty[name] = value.clone(),
                None => drop(faulty.as_object_mut().unwrap().remove(name)),
            }
        }
        for differs_anyway in ["at_hash", "sid"] {
            faulty[differs_anyway] = proper[differs_anyway].clone();
        }
        assert_eq!(faulty, proper, "{}", fault.name());
    }
}

#[tokio::test]
async fn wrong_nonce_and_bad_at_hash_state_other_values() {
    let lab = MockLab::new();
    lab.idp.fault(Fault::WrongNonce).once();
    let (_, claims, _) = id_token(&lab).await;
    assert!(claims["nonce"].is_string());
    assert_ne!(claims["nonce"], lab.request.nonce.as_str());

    let hash = |token: &str| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
    };
    let (_, claims, access_token) = id_token(&lab).await;
    assert_eq!(claims["at_hash"], hash(&access_token));
    lab.idp.fault(Fault::BadAtHash).once();
    let (_, claims, access_token) = id_token(&lab).await;
    assert!(claims["at_hash"].is_string());
    assert_ne!(claims["at_hash"], hash(&access_token));
}

/// The header of the ID token under a fault, and whether the published key of its `kid` (or the only one)
/// signed it.
async fn header_and_signature(lab: &MockLab) -> (Value, bool) {
    let answer = lab.tokens().await;
    let jwks = lab.get("/jwks", &[]).await.json;
    let (message, signature) = answer.field("id_token").rsplit_once('.').unwrap();
    let jwk = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let algorithm = jsonwebtoken::Algorithm::ES256;
    let good = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap_or(false);
    let (header, _) = answer.id_token();
    (header, good)
}

#[tokio::test]
async fn a_fault_of_the_signature_does_what_it_says() {
    let lab = MockLab::new();
    let published = lab.get("/jwks", &[]).await.json["keys"][0]["kid"].clone();
    assert_eq!(
        header_and_signature(&lab).await,
        (json!({ "alg": "ES256", "typ": "JWT", "kid": published }), true)
    );

    lab.idp.fault(Fault::NoKid).once();
    assert_eq!(header_and_signature(&lab).await, (json!({ "alg": "ES256", "typ": "JWT" }), true));

    lab.idp.fault(Fault::WrongKey).once();
    assert_eq!(
        header_and_signature(&lab).await,
        (json!({ "alg": "ES256", "typ": "JWT", "kid": published }), false)
    );

    lab.idp.fault(Fault::UnknownKid).once();
    let (header, good) = header_and_signature(&lab).await;
    assert!(header["kid"].is_string() && header["kid"] != published && !good);

    lab.idp.fault(Fault::AlgNone).once();
    let answer = lab.tokens().await;
    assert_eq!(answer.id_token().0, json!({ "alg": "none", "typ": "JWT" }));
    assert!(answer.field("id_token").ends_with('.'));
}

fn is_hmac_of(token: &str, key: &[u8]) -> bool {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, message.as_bytes(), &signature).is_ok()
}

#[tokio::test]
async fn hs256_is_keyed_with_the_secret_or_with_the_public_key() {
    let lab = MockLab::new();
    lab.idp.fault(Fault::Hs256WithSecret).once();
    let answer = lab.tokens().await;
    assert_eq!(answer.id_token().0["alg"], "HS256");
    assert!(is_hmac_of(answer.field("id_token"), b"lab-secret"));

    // The public key as PEM, put together here from the published point: the prefix is that of every P-256
    // key.
    lab.idp.fault(Fault::Hs256WithPublicKey).once();
    let answer = lab.tokens().await;
    let jwk = lab.get("/jwks", &[]).await.json["keys"][0].clone();
    let coordinate = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let prefix = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
    let der =
        [base64::prelude::BASE64_STANDARD.decode(prefix).unwrap(), coordinate("x"), coordinate("y")].concat();
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &text[..64], &text[64..]);
    assert_eq!(answer.id_token().0["kid"], jwk["kid"]);
    assert!(is_hmac_of(answer.field("id_token"), pem.as_bytes()));
}

#[tokio::test]
async fn keys_of_every_algorithm_can_misbehave() {
    for algorithm in [Algorithm::Rs256, Algorithm::EdDsa] {
        let lab = MockLab::with(|builder| builder.algorithm(algorithm));
        for fault in [Fault::NoKid, Fault::WrongKey, Fault::UnknownKid, Fault::Hs256WithPublicKey] {
            lab.idp.fault(fault.clone()).once();
            assert_eq!(lab.tokens().await.status, StatusCode::OK, "{}", fault.name());
        }
    }
}

#[tokio::test]
async fn a_fault_of_a_person_shows_at_userinfo_as_in_the_id_token() {
    let lab = MockLab::new();
    for (fault, name, expected) in [
        (Fault::LongSub, "sub", json!("x".repeat(256))),
        (Fault::MissingEmail, "email", Value::Null),
        (Fault::UnverifiedEmail, "email_verified", json!(false)),
        (Fault::EmailVerifiedString, "email_verified", json!("true")),
        (Fault::EmailVerifiedAbsent, "email_verified", Value::Null),
        (Fault::MissingSub, "sub", json!("ada")),
        (Fault::UserinfoSubMismatch, "sub", json!("another-person")),
    ] {
        lab.idp.fault(fault.clone()).once();
        let token = lab.tokens().await.field("access_token").to_owned();
        assert_eq!(lab.userinfo(&token).await.json[name], expected, "{}", fault.name());
    }
}

#[tokio::test]
async fn a_fault_of_the_token_response_does_what_it_says() {
    async fn answer(lab: &MockLab, fault: Fault) -> Answer {
        lab.idp.fault(fault).once();
        lab.tokens().await
    }
    let lab = MockLab::new();

    let without = answer(&lab, Fault::NoIdToken).await;
    assert!(without.json.get("id_token").is_none() && without.json["access_token"].is_string());

    assert_eq!(answer(&lab, Fault::OddTokenType("bEARER".into())).await.field("token_type"), "bEARER");

    let page = answer(&lab, Fault::HtmlTokenError).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.header("content-type").starts_with("text/html"));

    let error = answer(&lab, Fault::Error200).await;
    assert_eq!(error.field("error"), "bad_verification_code");

    let redirect = answer(&lab, Fault::RedirectToken).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(redirect.header("location"), "/elsewhere");

    let truncated = answer(&lab, Fault::TruncatedJson).await;
    assert_eq!((truncated.status, &truncated.json), (StatusCode::OK, &Value::Null));
    assert!(truncated.text.starts_with('{'));

    assert_eq!(lab.tokens().await.status, StatusCode::OK, "and then it behaves again");
}

#[tokio::test]
async fn pkce_not_checked_takes_a_wrong_verifier_and_none() {
    let lab = MockLab::new();
    lab.idp.fault(Fault::PkceNotChecked).times(2);
    let mut form = lab.redemption(&lab.code());
    form.pop();
    assert_eq!(lab.token(&form).await.status, StatusCode::OK);
    let mut form = lab.redemption(&lab.code());
    form.pop();
    form.push(("code_verifier", "v".repeat(43)));
    assert_eq!(lab.token(&form).await.status, StatusCode::OK);
    let mut form = lab.redemption(&lab.code());
    form.pop();
    assert_eq!(lab.token(&form).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_fault_of_the_documents_does_what_it_says() {
    let lab = MockLab::new();
    let discovery = "/.well-known/openid-configuration";
    lab.idp.fault(Fault::Discovery500).once();
    assert_eq!(lab.get(discovery, &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    lab.idp.fault(Fault::DiscoveryIssuerMismatch).once();
    assert_eq!(lab.get(discovery, &[]).await.field("issuer"), "http://idp.testINVALID");
    assert_eq!(lab.get(discovery, &[]).await.field("issuer"), "http://idp.test");
    lab.idp.fault(Fault::Jwks500).once();
    assert_eq!(lab.get("/jwks", &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(lab.get("/jwks", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_fault_of_the_callback_does_what_it_says() {
    let lab = MockLab::new();
    let state = lab.request.state.as_str();
    let callback = |fault| {
        lab.idp.fault(fault).once();
        lab.callback()
    };
    let wrong = callback(Fault::CallbackWrongIss);
    assert_eq!(parameter(&wrong, "iss").as_deref(), Some("https://another-issuer.example"));
    assert_eq!(parameter(&callback(Fault::CallbackNoIss), "iss"), None);
    let altered = parameter(&callback(Fault::CallbackAlteredState), "state").unwrap();
    assert!(altered != state && altered.len() == state.len());
    assert_eq!(parameter(&callback(Fault::CallbackMissingState), "state"), None);

    let error = callback(Fault::CallbackError("server_error".into(), "<script>\r\n".into()));
    assert_eq!(parameter(&error, "error").as_deref(), Some("server_error"));
    assert_eq!(parameter(&error, "error_description").as_deref(), Some("<script>\r\n"));
    assert_eq!(parameter(&error, "code"), None);
    assert_eq!(parameter(&error, "state").as_deref(), Some(state));
    assert!(parameter(&error, "iss").is_some());

    assert_eq!(parameter(&lab.callback(), "state").as_deref(), Some(state), "and then it behaves again");
}

#[tokio::test]
async fn a_fault_lasts_as_long_as_it_was_asked_for() {
    let lab = MockLab::with(|builder| builder.fault(Fault::MissingEmail));
    lab.idp.fault(Fault::WrongAudience).times(2);
    lab.idp.fault(Fault::MissingNonce).times(0);
    for (audience, position) in [("another-client", 1), ("another-client", 2), ("lab", 3)] {
        let (_, claims, _) = id_token(&lab).await;
        assert_eq!(claims["aud"], audience, "{position}");
        assert!(claims.get("email").is_none() && claims["nonce"].is_string());
    }
    lab.idp.clear_faults();
    assert!(id_token(&lab).await.1["email"].is_string());
}

#[tokio::test]
async fn a_fault_chosen_on_the_page_is_for_that_sign_in_only() {
    let lab = MockLab::new();
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let chosen = async |fault: &str| {
        let form = [("user", "ada".to_owned()), ("fault", fault.to_owned())];
        let callback = lab.post(&login, &form, &[]).await.location();
        parameter(&callback, "code").unwrap()
    };
    let faulty = lab.redeem(&chosen("unverified-email").await).await;
    assert_eq!(faulty.id_token().1["email_verified"], false);
    assert_eq!(lab.userinfo(faulty.field("access_token")).await.json["email_verified"], false);
    assert_eq!(lab.refresh(faulty.field("refresh_token")).await.id_token().1["email_verified"], false);
    assert_eq!(lab.redeem(&chosen("html-token-error").await).await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(id_token(&lab).await.1["email_verified"], true);
}

#[tokio::test]
async fn faults_combine() {
    let lab = MockLab::with(|builder| builder.client(Client::new("other", "s").redirect_uri(CALLBACK)));
    lab.idp.fault(Fault::WrongIssuer).once();
    lab.idp.fault(Fault::AlgNone).once();
    let (header, claims, _) = id_token(&lab).await;
    assert_eq!(header["alg"], "none");
    assert_eq!(claims["iss"], "https://another-issuer.example");
}
