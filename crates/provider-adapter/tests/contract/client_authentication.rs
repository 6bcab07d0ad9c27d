//! The client's authentication at the token endpoint (RFC 6749 section 2.3, RFC 7523, OpenID Connect Core
//! section 9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use labgate_domain::ports::{IdentityProvider as _, ProviderError};
use labgate_provider::{Field, SettingsError, UncheckedSettings};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::Request;

use crate::support::{
    CLIENT_ID, CLIENT_SECRET, NOW, Op, TOKEN, at_endpoints, at_issuer, json_answer, token_response,
};

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der))
}

fn p256() -> (EcdsaKeyPair, String) {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
    (pair, pem(der.as_ref()))
}

/// Settings of a client without a secret.
fn keyed(settings: &mut UncheckedSettings, issuer: &str, key: &str) {
    let limits = settings.limits;
    *settings = UncheckedSettings::default()
        .with(Field::Id, ["op"])
        .with(Field::Name, ["The provider"])
        .with(Field::ClientId, [CLIENT_ID])
        .with(Field::Issuer, [issuer])
        .with(Field::ClientKey, [key]);
    settings.limits = limits;
}

async fn op_with_key(key: &str, change: impl FnOnce(&mut UncheckedSettings)) -> Op {
    Op::start_at(|uri| {
        let mut settings = UncheckedSettings::default();
        keyed(&mut settings, uri, key);
        change(&mut settings);
        settings
    })
    .await
}

fn form(request: &Request) -> HashMap<String, String> {
    let pairs: Vec<_> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let form: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(form.len(), pairs.len(), "a parameter stands twice: {pairs:?}");
    form
}

/// The form of the last token request, which has no header for authentication.
async fn sent(op: &Op) -> HashMap<String, String> {
    let requests = op.requests(TOKEN).await;
    let last = requests.last().unwrap();
    assert!(!last.headers.contains_key("authorization"));
    form(last)
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn signed(token: &str) -> (&str, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    (message, BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn assert_claims(op: &Op, assertion: &str, audience: &str) -> String {
    let claims = part(assertion, 1);
    let id = claims["jti"].as_str().unwrap().to_owned();
    let expected = json!({
        "iss": CLIENT_ID, "sub": CLIENT_ID, "aud": audience, "iat": NOW, "exp": NOW + 60, "jti": id,
    });
    assert_eq!(claims, expected, "{}", op.issuer());
    id
}

#[tokio::test]
async fn f19_a_key_signs_a_fresh_assertion_for_this_issuer_alone() {
    let (pair, pem) = p256();
    let op = op_with_key(&pem, |settings| settings.set(Field::ClientKeyId, ["lab-1"])).await;
    op.publish(json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}));
    let mut ids = Vec::new();
    for _ in 0..2 {
        op.redeem_claims(json!({})).await.unwrap();
        let form = sent(&op).await;
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!((form["client_id"].as_str(), form.get("client_secret")), (CLIENT_ID, None));
        let assertion = &form["client_assertion"];
        assert_eq!(part(assertion, 0), json!({"alg": "ES256", "typ": "JWT", "kid": "lab-1"}));
        ids.push(assert_claims(&op, assertion, &op.issuer()));
        let (message, signature) = signed(assertion);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        public.verify(message.as_bytes(), &signature).unwrap();
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn f19_the_audience_can_be_the_token_endpoint() {
    let (_, pem) = p256();
    let op = op_with_key(&pem, |settings| settings.set(Field::AssertionAudience, ["token_endpoint"])).await;
    op.redeem_claims(json!({})).await.unwrap();
    assert_claims(&op, &sent(&op).await["client_assertion"], &format!("{}{TOKEN}", op.issuer()));
}

#[tokio::test]
async fn f19_an_rsa_key_signs_by_the_algorithm_that_the_provider_accepts() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap();
    let op = op_with_key(&pem(der.as_ref()), |_| {}).await;
    for (accepted, algorithm) in
        [(json!(null), "RS256"), (json!(["RS256", "PS256"]), "RS256"), (json!(["PS256"]), "PS256")]
    {
        op.publish(json!({"token_endpoint_auth_signing_alg_values_supported": accepted}));
        op.clock.advance(2 * 3600);
        let iat = NOW + 100_000;
        let _ = op.redeem_claims(json!({"iat": iat, "exp": iat + 300})).await;
        let assertion = sent(&op).await["client_assertion"].clone();
        assert_eq!(part(&assertion, 0)["alg"], algorithm);
        let (message, signature) = signed(&assertion);
        let parameters =
            if algorithm == "PS256" { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
        let public = UnparsedPublicKey::new(parameters, pair.public_key().as_ref());
        public.verify(message.as_bytes(), &signature).unwrap();
    }
}

#[tokio::test]
async fn f19_a_secret_can_sign_instead_of_being_sent() {
    let op = Op::start().await;
    op.publish(json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_jwt"]}));
    op.redeem_claims(json!({})).await.unwrap();
    let form = sent(&op).await;
    assert!(!form.values().any(|value| value.contains(CLIENT_SECRET)));
    let assertion = &form["client_assertion"];
    assert_eq!(part(assertion, 0), json!({"alg": "HS256", "typ": "JWT"}));
    assert_claims(&op, assertion, &op.issuer());
    let (message, signature) = signed(assertion);
    let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
    hmac::verify(&key, message.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn f19_a_public_client_sends_its_id_and_the_verifier() {
    let op = Op::start_at(|uri| {
        UncheckedSettings::default()
            .with(Field::Id, ["op"])
            .with(Field::Name, ["The provider"])
            .with(Field::ClientId, [CLIENT_ID])
            .with(Field::Issuer, [uri])
            .with(Field::ClientAuth, ["none"])
    })
    .await;
    op.redeem_claims(json!({})).await.unwrap();
    let form = sent(&op).await;
    let mut names: Vec<_> = form.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["client_id", "code", "code_verifier", "grant_type", "redirect_uri"]);
}

#[tokio::test]
async fn f19_a_method_that_is_demanded_and_not_set_up_is_named_before_a_code_is_spent() {
    let op = Op::start().await;
    op.publish(json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"]}));
    let error = op.redeem_claims(json!({})).await.unwrap_err();
    let ProviderError::Misconfigured(told) = &error else { panic!("{error:?}") };
    assert!(told.contains("private_key_jwt, tls_client_auth") && told.contains("client_key_file"), "{told}");
    assert_eq!(op.count(TOKEN).await, 0);
}

#[test]
fn f19_a_method_without_its_means_stops_the_start() {
    let error = |settings: UncheckedSettings| {
        let mut errors = settings.parse().unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    };
    let settings = || at_issuer("https://op.example");
    for (method, expected) in [
        ("private_key_jwt", "is private_key_jwt, which needs client_key_file"),
        ("tls_client_auth", "is tls_client_auth, which needs client_certificate_file"),
        ("none", "is none, and client_secret is set"),
        ("client_secret", "is no method of client authentication: there are client_secret_basic"),
    ] {
        let error = error(settings().with(Field::ClientAuth, [method]));
        assert_eq!(error.field(), Field::ClientAuth);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let (_, key) = p256();
    let planted = "planted-private-key";
    for (field, value) in [
        (Field::ClientKey, planted),
        (Field::ClientKey, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
        (Field::ClientCertificate, key.as_str()),
        (Field::AssertionAudience, "both"),
    ] {
        let error = error(settings().with(field, [value]));
        assert_eq!(error.field(), field, "{error}");
        assert!(!error.to_string().contains(planted), "{error}");
    }
    let github = at_endpoints(
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        None,
    );
    let refused = error(github.with(Field::ClientAuth, ["client_secret_basic"]));
    assert_eq!(refused, SettingsError::SecretNeeded);
}

/// A provider that knows one secret, and a file that holds one.
async fn op_with_file(secret: &Arc<Mutex<String>>) -> Op {
    let file = Arc::clone(secret);
    Op::start_with(|settings| {
        let reader = move || Some(SecretString::from(file.lock().unwrap().clone()));
        settings.set_client_secret("old-secret".to_owned().into(), Some(Arc::new(reader)));
        settings.set(Field::ClientAuth, ["client_secret_post"]);
    })
    .await
}

#[tokio::test]
async fn f23_a_refused_secret_is_read_once_more_and_retried_only_if_it_changed() {
    let file = Arc::new(Mutex::new("old-secret".to_owned()));
    let op = op_with_file(&file).await;
    let refusal = || json_answer(401, &json!({"error": "invalid_client"}));
    let secrets = async || -> Vec<String> {
        op.requests(TOKEN).await.iter().map(|request| form(request)["client_secret"].clone()).collect()
    };
    let refused = op.redeem_response(refusal()).await;
    assert_eq!(refused, Err(ProviderError::ClientRejected(None)));
    assert_eq!(secrets().await, ["old-secret"]);

    "new-secret".clone_into(&mut file.lock().unwrap());
    assert!(op.redeem_response(refusal()).await.is_err());
    assert_eq!(secrets().await, ["old-secret", "old-secret", "new-secret"], "once more, and no further");

    // The new one stays.
    op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(json!({})))));
    op.provider.redeem(op.redemption()).await.unwrap();
    assert_eq!(secrets().await[3..], ["new-secret"]);
}

#[tokio::test]
async fn f23_another_refusal_reads_no_file() {
    let file = Arc::new(Mutex::new("new-secret".to_owned()));
    let op = op_with_file(&file).await;
    for error in ["invalid_grant", "invalid_request", "server_error"] {
        assert!(op.redeem_response(json_answer(400, &json!({"error": error}))).await.is_err());
    }
    assert_eq!(op.count(TOKEN).await, 3);
}
