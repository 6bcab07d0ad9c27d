//! The same document, fetched again.

use super::*;

async fn known() -> (OperatorUrls, Discovered) {
    let urls = urls(AUTH, TOKEN, None);
    let shelf = Shelf::empty().with("https://op.example/o", full());
    let found = derive(&urls, KINDS, &shelf).await.unwrap();
    (urls, found)
}

fn full() -> Value {
    let mut document = op("https://op.example/o");
    document["userinfo_endpoint"] = json!("https://op.example/me");
    document["end_session_endpoint"] = json!("https://op.example/bye");
    document["pushed_authorization_request_endpoint"] = json!("https://op.example/par");
    document["mtls_endpoint_aliases"] = json!({"token_endpoint": "https://mtls.op.example/token"});
    document["id_token_signing_alg_values_supported"] = json!(["RS256"]);
    document
}

async fn again(member: &str, value: Value) -> Result<Discovered, RediscoveryError> {
    let (urls, last_good) = known().await;
    let mut document = full();
    document[member] = value;
    let shelf = Shelf::empty().with("https://op.example/o", document);
    let outcome = rediscover(&urls, &last_good, &shelf).await;
    assert_eq!(shelf.asked(), [last_good.document.as_str()], "only the accepted document is asked for");
    outcome
}

#[tokio::test]
async fn a_changed_issuer_jwks_url_or_endpoint_is_never_followed() {
    for (member, now) in [
        ("issuer", "https://op.example/o/"),
        ("issuer", "https://evil.example"),
        ("authorization_endpoint", "https://evil.example/auth"),
        ("token_endpoint", "https://evil.example/token"),
        ("jwks_uri", "https://evil.example/keys"),
        ("userinfo_endpoint", "https://evil.example/me"),
        ("end_session_endpoint", "https://evil.example/bye"),
        ("pushed_authorization_request_endpoint", "https://evil.example/par"),
    ] {
        match again(member, json!(now)).await {
            Err(RediscoveryError::Changed { member: what, now: published, was }) => {
                assert_eq!((what, published.as_str()), (member, now));
                assert_eq!(was, full()[member].as_str().unwrap());
            }
            other => panic!("{member}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn c013_a_changed_endpoint_for_certificates_is_never_followed() {
    let error = again("mtls_endpoint_aliases", json!({"token_endpoint": "https://evil.example/token"})).await;
    let error = error.unwrap_err().to_string();
    for named in ["mtls_endpoint_aliases", "https://mtls.op.example/token", "https://evil.example/token"] {
        assert!(error.contains(named), "{error}");
    }
}

#[tokio::test]
async fn what_may_change_is_followed() {
    let algorithms = again("id_token_signing_alg_values_supported", json!(["ES256"])).await.unwrap();
    assert_eq!(algorithms.metadata.id_token_signing_alg_values_supported, ["ES256"]);
    assert_eq!(again("userinfo_endpoint", Value::Null).await.unwrap().metadata.userinfo_endpoint, None);
    assert_eq!(again("end_session_endpoint", Value::Null).await.unwrap().metadata.end_session_endpoint, None);
}

#[tokio::test]
async fn an_endpoint_that_was_not_there_before_is_taken() {
    let urls = urls(AUTH, TOKEN, None);
    let shelf = |document| Shelf::empty().with("https://op.example/o", document);
    let last_good = derive(&urls, KINDS, &shelf(op("https://op.example/o"))).await.unwrap();
    let fresh = rediscover(&urls, &last_good, &shelf(full())).await.unwrap();
    assert_eq!(fresh.metadata.end_session_endpoint.unwrap().as_str(), "https://op.example/bye");
}

#[tokio::test]
async fn c003_a_document_that_is_gone_or_broken_is_an_error() {
    assert!(matches!(again("jwks_uri", Value::Null).await, Err(RediscoveryError::Malformed(_))));
    assert!(matches!(
        again("jwks_uri", json!("https://169.254.169.254/keys")).await,
        Err(RediscoveryError::Malformed(_))
    ));
    let (urls, last_good) = known().await;
    let gone = rediscover(&urls, &last_good, &Shelf::empty()).await.unwrap_err();
    assert_eq!(
        gone.to_string(),
        "the provider's metadata could not be fetched again: it answers with HTTP status 404"
    );
}

#[tokio::test]
async fn an_entra_tenant_configured_by_name_may_change_its_spelling_but_not_its_guid() {
    let guid = "11111111-2222-3333-4444-555555555555";
    let other = "99999999-2222-3333-4444-555555555555";
    let endpoint =
        |tenant: &str, last: &str| format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{last}");
    let metadata = |issuer: &str, tenant: &str| {
        document(
            &format!("https://login.microsoftonline.com/{issuer}/v2.0"),
            &endpoint(tenant, "authorize"),
            &endpoint(tenant, "token"),
            "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        )
    };
    let urls = urls(&endpoint("contoso.example", "authorize"), &endpoint("contoso.example", "token"), None);
    let shelf =
        |document| Shelf::empty().with("https://login.microsoftonline.com/contoso.example/v2.0", document);
    let last_good = derive(&urls, KINDS, &shelf(metadata(guid, guid))).await.unwrap();
    let by_name = rediscover(&urls, &last_good, &shelf(metadata(guid, "contoso.example"))).await;
    assert_eq!(by_name.as_ref(), Ok(&last_good));
    for moved in [metadata(other, other), metadata(guid, other)] {
        let outcome = rediscover(&urls, &last_good, &shelf(moved)).await;
        assert!(matches!(outcome, Err(RediscoveryError::Changed { .. })), "{outcome:?}");
    }
}
