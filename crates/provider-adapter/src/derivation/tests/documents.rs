//! The members that a document must and must not have.

use super::*;
use crate::endpoint::EndpointError;

/// The reason for not accepting the provider's only document.
async fn refusal(document: Value) -> WhyNot {
    let error = Shelf::empty().with("https://op.example/o", document).derive(AUTH, TOKEN).await.unwrap_err();
    assert!(
        matches!(error, DerivationError::NeedIssuer { .. } | DerivationError::OtherEndpoints { .. }),
        "{error}"
    );
    tried(&error)[0].why_not.clone()
}

fn op_with(member: &str, value: Value) -> Value {
    let mut document = op("https://op.example/o");
    document[member] = value;
    document
}

#[tokio::test]
async fn c008_a_document_without_a_required_member_is_refused_by_the_members_name() {
    for member in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for missing in [Value::Null, json!(7), json!(["https://op.example/o"])] {
            let why_not = refusal(op_with(member, missing)).await;
            assert_eq!(why_not, WhyNot::Malformed(MalformedMetadata::Missing(member)));
            assert!(why_not.to_string().contains(member));
        }
        let mut document = op("https://op.example/o");
        document.as_object_mut().unwrap().remove(member);
        assert_eq!(refusal(document).await, WhyNot::Malformed(MalformedMetadata::Missing(member)));
    }
}

#[tokio::test]
async fn c003_json_that_is_no_object_is_refused() {
    for odd in [json!([]), json!("x"), json!(null), json!(1)] {
        assert_eq!(refusal(odd).await, WhyNot::Malformed(MalformedMetadata::NotAnObject));
    }
}

#[tokio::test]
async fn c004_an_endpoint_that_must_not_be_called_refuses_the_document() {
    for member in ["jwks_uri", "userinfo_endpoint"] {
        for (bad, rule) in [
            ("http://op.example/x", EndpointError::PlainHttp),
            ("https://u:p@op.example/x", EndpointError::UserInfo),
            ("https://op.example/x#y", EndpointError::Fragment),
            ("/x", EndpointError::NotAbsolute),
            ("file:///etc/passwd", EndpointError::NotAbsolute),
            ("https://169.254.169.254/x", EndpointError::InnerHost("169.254.169.254".into())),
            ("https://[::ffff:127.0.0.1]/x", EndpointError::InnerHost("[::ffff:7f00:1]".into())),
            ("http://localhost:6379/x", EndpointError::InnerHost("localhost".into())),
            ("https://10.0.0.1/x", EndpointError::InnerHost("10.0.0.1".into())),
        ] {
            let refused = refusal(op_with(member, json!(bad))).await;
            assert_eq!(
                refused,
                WhyNot::Malformed(MalformedMetadata::Endpoint { member, error: rule }),
                "{bad}"
            );
        }
    }
}

#[tokio::test]
async fn an_endpoint_for_signing_out_that_must_not_be_used_counts_as_absent() {
    for bad in ["http://op.example/x", "javascript:alert(1)", "/x", "", "https://10.0.0.1/x"] {
        let shelf = Shelf::empty().with("https://op.example/o", op_with("end_session_endpoint", json!(bad)));
        let metadata = shelf.derive(AUTH, TOKEN).await.unwrap().metadata;
        assert_eq!(metadata.end_session_endpoint, None, "{bad}");
    }
}

#[tokio::test]
async fn c004_a_private_host_is_fine_when_the_operator_typed_it() {
    let (auth, token) = ("https://10.0.0.1/auth", "https://10.0.0.1/token");
    let private = document("https://10.0.0.1", auth, token, "https://10.0.0.1:8443/keys");
    let shelf = Shelf::empty().with("https://10.0.0.1", private.clone());
    assert!(shelf.derive(auth, token).await.is_ok());

    let mut elsewhere = private;
    elsewhere["jwks_uri"] = json!("https://10.0.0.2/keys");
    let shelf = Shelf::empty().with("https://10.0.0.1", elsewhere);
    assert!(shelf.derive(auth, token).await.is_err());
}

#[tokio::test]
async fn c009_what_the_document_states_is_kept_and_what_is_odd_is_left_out() {
    let mut full = op("https://op.example/o");
    full["userinfo_endpoint"] = json!("https://op.example/me");
    full["end_session_endpoint"] = json!("https://op.example/bye?x=1");
    full["authorization_response_iss_parameter_supported"] = json!(true);
    full["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic", 7, null]);
    full["code_challenge_methods_supported"] = json!("S256");
    full["id_token_signing_alg_values_supported"] = json!(["none", "HS256", "RS256", "XX999"]);
    full["unknown_member"] = json!({ "deep": [1, 2, 3] });
    let shelf = Shelf::empty().with("https://op.example/o", full);
    let metadata = shelf.derive(AUTH, TOKEN).await.unwrap().metadata;
    assert_eq!(metadata.userinfo_endpoint.unwrap().as_str(), "https://op.example/me");
    assert_eq!(metadata.end_session_endpoint.unwrap().as_str(), "https://op.example/bye?x=1");
    assert!(metadata.authorization_response_iss_parameter_supported);
    assert_eq!(metadata.token_endpoint_auth_methods_supported, ["client_secret_basic"]);
    assert!(metadata.code_challenge_methods_supported.is_empty());
    assert_eq!(metadata.id_token_signing_alg_values_supported, ["none", "HS256", "RS256", "XX999"]);

    let mut odd = op("https://op.example/o");
    odd["userinfo_endpoint"] = json!(false);
    odd["end_session_endpoint"] = json!(null);
    odd["authorization_response_iss_parameter_supported"] = json!("yes");
    odd["id_token_signing_alg_values_supported"] = json!({ "RS256": true });
    let shelf = Shelf::empty().with("https://op.example/o", odd);
    let metadata = shelf.derive(AUTH, TOKEN).await.unwrap().metadata;
    assert_eq!((metadata.userinfo_endpoint, metadata.end_session_endpoint), (None, None));
    assert!(!metadata.authorization_response_iss_parameter_supported);
    assert!(metadata.id_token_signing_alg_values_supported.is_empty());
}

#[tokio::test]
async fn an_issuer_that_is_no_url_is_refused() {
    for bad in
        ["", "op.example", "https://op.example/o?x", "https://op.example/o#x", "https://u@op.example/o"]
    {
        assert_eq!(refusal(op(bad)).await, WhyNot::Malformed(MalformedMetadata::Issuer), "{bad}");
    }
}

#[tokio::test]
async fn a_document_of_other_endpoints_is_refused_by_the_settings_name() {
    for (member, published, setting) in [
        ("authorization_endpoint", "https://op.example/o/Auth", AUTH_URL_SETTING),
        ("authorization_endpoint", "https://op.example/o/auth/", AUTH_URL_SETTING),
        ("authorization_endpoint", "https://op.example/o/auth?p=1", AUTH_URL_SETTING),
        ("token_endpoint", "https://other.example/o/token", TOKEN_URL_SETTING),
        ("token_endpoint", "https://op.example:8443/o/token", TOKEN_URL_SETTING),
    ] {
        let text = refusal(op_with(member, json!(published))).await.to_string();
        assert!(text.contains(member) && text.contains(published) && text.contains(setting), "{text}");
    }
}

#[tokio::test]
async fn endpoints_are_compared_after_normalisation() {
    let spelt = document("https://op.example/o", "HTTPS://OP.example:443/o/auth", TOKEN, "https://k.example");
    let shelf = Shelf::empty().with("https://op.example/o", spelt);
    assert!(shelf.derive("https://Op.Example/o/auth", TOKEN).await.is_ok());
}

#[tokio::test]
async fn swapped_urls_are_told() {
    let shelf = Shelf::empty().with("https://op.example/o", op("https://op.example/o"));
    let error = shelf.derive(TOKEN, AUTH).await.unwrap_err();
    assert_eq!(tried(&error)[0].why_not, WhyNot::Swapped);
}

#[tokio::test]
async fn f40_a_mistyped_url_is_answered_with_the_published_one() {
    let dex = document(
        "https://op.example/dex",
        "https://op.example/dex/auth",
        "https://op.example/dex/token",
        "https://op.example/dex/keys",
    );
    let shelf = Shelf::empty().with("https://op.example/dex", dex);
    let (auth, token) = (
        "LAB_EXTERNAL_OIDC_AUTH_URL=https://op.example/dex/auth",
        "LAB_EXTERNAL_OIDC_TOKEN_URL=https://op.example/dex/token",
    );
    for (typed_auth, typed_token, told, untold) in [
        ("/dex/authorize", "/dex/token", &[auth][..], &[token][..]),
        ("/dex/auth/local", "/dex/token", &[auth], &[token]),
        ("/dex/auth/", "/dex/token", &[auth], &[token]),
        ("/dex/auth", "/dex/oauth/token", &[token], &[auth]),
        ("/dex/authorize", "/dex/oauth/token", &[auth, token], &[]),
    ] {
        let [typed_auth, typed_token] =
            [typed_auth, typed_token].map(|path| format!("https://op.example{path}"));
        let derived = shelf.derive(&typed_auth, &typed_token).await.unwrap_err();
        let confirmed = shelf.confirm(&typed_auth, &typed_token, "https://op.example/dex").await.unwrap_err();
        for error in [derived, confirmed] {
            let text = error.to_string();
            assert!(told.iter().all(|setting| text.contains(setting)), "{text}");
            assert!(!untold.iter().any(|setting| text.contains(setting)), "{text}");
            assert!(!text.contains("set LAB_EXTERNAL_OIDC_ISSUER"), "{text}");
        }
    }
}

#[tokio::test]
async fn f40_a_document_of_a_foreign_issuer_names_no_url_to_set() {
    let foreign =
        document("https://evil.example", "https://evil.example/auth", TOKEN, "https://evil.example/keys");
    let shelf = Shelf::empty().with("https://op.example/o", foreign);
    let error = shelf.derive(AUTH, TOKEN).await.unwrap_err();
    assert!(matches!(error, DerivationError::NeedIssuer { .. }), "{error}");
}
