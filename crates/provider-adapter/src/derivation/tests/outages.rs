//! "Not there" and "not now" are different answers.

use labgate_domain::ports::CallFailure;

use super::*;

fn unreachable() -> FetchError {
    FetchError::Unreachable(CallFailure::Timeout, "does not answer within 5 s".to_owned())
}

#[tokio::test]
async fn c003_an_outage_is_told_apart_from_a_missing_document() {
    for error in [unreachable(), FetchError::from_status(503), FetchError::from_status(429)] {
        let shelf = Shelf::empty().failing("https://op.example/o", error);
        let unavailable = shelf.derive(AUTH, TOKEN).await.unwrap_err();
        assert!(unavailable.outage().is_some(), "{unavailable}");
        let confirmed = shelf.confirm(AUTH, TOKEN, "https://op.example/o").await.unwrap_err();
        assert!(confirmed.outage().is_some(), "{confirmed}");
    }
    for error in [
        FetchError::from_status(404),
        FetchError::from_status(401),
        FetchError::Unusable(CallFailure::NotJson, "answers with something that is not JSON".to_owned()),
    ] {
        let shelf = Shelf::empty().failing("https://op.example/o", error);
        let needed = shelf.derive(AUTH, TOKEN).await.unwrap_err();
        assert!(matches!(needed, DerivationError::NeedIssuer { .. }), "{needed}");
        let unconfirmed = shelf.confirm(AUTH, TOKEN, "https://op.example/o").await.unwrap_err();
        assert!(matches!(unconfirmed, DerivationError::NotConfirmed { .. }), "{unconfirmed}");
    }
}

#[tokio::test]
async fn c005_a_redirect_counts_as_no_document() {
    for status in [301, 302, 303, 307, 308] {
        let error = FetchError::from_status(status);
        assert!(matches!(error, FetchError::NoDocument(..)), "{status}");
        assert!(error.to_string().contains("not followed"));
    }
}

#[tokio::test]
async fn a_failing_place_does_not_keep_another_from_being_accepted() {
    let shelf = Shelf::empty()
        .failing("https://op.example/o", FetchError::from_status(500))
        .with("https://op.example", op("https://op.example"));
    let found = shelf.derive(AUTH, TOKEN).await.unwrap();
    assert_eq!(found.metadata.issuer.as_str(), "https://op.example");
}

#[tokio::test]
async fn a_failing_place_outweighs_definite_answers_elsewhere() {
    let mut other = op("https://op.example");
    other["token_endpoint"] = json!("https://op.example/other");
    let shelf = Shelf::empty()
        .failing("https://op.example/o", FetchError::from_status(502))
        .with("https://op.example", other);
    let error = shelf.derive(AUTH, TOKEN).await.unwrap_err();
    assert!(error.outage().is_some());
    let text = error.to_string();
    assert!(text.contains("502") && text.contains("https://op.example/other"), "{text}");
}

#[tokio::test]
async fn a_silent_server_is_asked_once_and_the_inner_host_still_answers() {
    let auth = "https://sso.example/realms/lab/protocol/openid-connect/auth";
    let token = "http://127.0.0.1:8080/realms/lab/protocol/openid-connect/token";
    let inner = document("https://sso.example/realms/lab", auth, token, "http://127.0.0.1:8080/keys");
    let first = "https://sso.example/realms/lab/protocol/openid-connect";
    let shelf = Shelf::empty().failing(first, unreachable()).with("http://127.0.0.1:8080/realms/lab", inner);
    assert!(shelf.derive(auth, token).await.is_ok());
    let asked = shelf.asked();
    assert_eq!(asked.iter().filter(|url| url.starts_with("https://sso.example")).count(), 1);

    let shelf = Shelf::empty().failing("https://sso.example/realms/lab", unreachable()).with(
        "http://127.0.0.1:8080/realms/lab",
        shelf.answers[&well_known("http://127.0.0.1:8080/realms/lab")].clone().unwrap(),
    );
    let found = shelf.confirm(auth, token, "https://sso.example/realms/lab").await.unwrap();
    assert_eq!(found.document.as_str(), well_known("http://127.0.0.1:8080/realms/lab"));
}

#[tokio::test]
async fn a_foreign_issuer_that_is_down_may_vouch_later() {
    let shelf = Shelf::empty()
        .with("https://op.example/o", op("https://issuer.example"))
        .failing("https://issuer.example", unreachable());
    assert!(shelf.derive(AUTH, TOKEN).await.unwrap_err().outage().is_some());
}

#[tokio::test]
async fn an_entra_outage_is_unavailable_and_an_unknown_tenant_is_not() {
    let base = "https://login.microsoftonline.com/contoso.example";
    let (auth, token) = (format!("{base}/oauth2/v2.0/authorize"), format!("{base}/oauth2/v2.0/token"));
    let shelf = Shelf::empty().failing(&format!("{base}/v2.0"), FetchError::from_status(503));
    assert!(shelf.derive(&auth, &token).await.unwrap_err().outage().is_some());
    let shelf = Shelf::empty().failing(&format!("{base}/v2.0"), FetchError::from_status(400));
    let error = shelf.derive(&auth, &token).await.unwrap_err();
    assert!(matches!(error, DerivationError::NotConfirmed { issuer: None, .. }), "{error}");
}
