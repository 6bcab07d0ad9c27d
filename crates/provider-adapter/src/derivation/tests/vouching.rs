//! A document that names a foreign issuer, which has to vouch for it.

use super::*;
use crate::endpoint::EndpointError;

/// The outcome for a document under the operator's origin that names `issuer`.
async fn refused(shelf: &Shelf, issuer: &str) -> NotVouched {
    let error = shelf.derive(AUTH, TOKEN).await.unwrap_err();
    let not_vouched = tried(&error).iter().find_map(|tried| match &tried.why_not {
        WhyNot::NotVouched { issuer: published, reason } if published.as_str() == issuer => Some(reason),
        _ => None,
    });
    *not_vouched.unwrap_or_else(|| panic!("{error}")).clone()
}

fn shelf(issuer: &str) -> Shelf {
    Shelf::empty().with("https://op.example/o", op(issuer))
}

fn asked_elsewhere(shelf: &Shelf) -> Vec<String> {
    shelf.asked().into_iter().filter(|url| !url.starts_with("https://op.example/")).collect()
}

#[tokio::test]
async fn a_foreign_issuer_that_vouches_is_taken_with_its_own_keys() {
    let issuer = "https://issuer.example/pool";
    let own = document(issuer, AUTH, TOKEN, "https://issuer.example/keys");
    let shelf = shelf(issuer).with(issuer, own);
    let found = shelf.derive(AUTH, TOKEN).await.unwrap();
    assert_eq!(found.metadata.issuer.as_str(), issuer);
    assert_eq!(found.metadata.jwks_uri.as_str(), "https://issuer.example/keys");
    assert_eq!(found.document.as_str(), well_known(issuer));
}

#[tokio::test]
async fn a_document_that_claims_googles_issuer_is_refused() {
    let google = document(
        "https://accounts.google.com",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v3/certs",
    );
    let shelf = shelf("https://accounts.google.com").with("https://accounts.google.com", google);
    let reason = refused(&shelf, "https://accounts.google.com").await;
    assert!(matches!(reason, NotVouched::Document(Tried { why_not: WhyNot::OtherEndpoint(_), .. })));
    assert_eq!(asked_elsewhere(&shelf), [well_known("https://accounts.google.com")]);
}

#[tokio::test]
async fn an_issuer_that_names_the_authorization_endpoint_alone_does_not_vouch() {
    let issuer = "https://issuer.example";
    let half = document(issuer, AUTH, "https://issuer.example/token", "https://issuer.example/keys");
    let shelf = shelf(issuer).with(issuer, half);
    let NotVouched::Document(Tried { why_not: WhyNot::OtherEndpoint(other), .. }) =
        refused(&shelf, issuer).await
    else {
        panic!("refused for another reason")
    };
    assert_eq!(other.role, Role::Token);
}

#[tokio::test]
async fn a_chain_or_loop_of_issuers_is_not_followed() {
    let (first, second) = ("https://first.example", "https://second.example");
    let shelf = shelf(first).with(first, op(second)).with(second, op(first));
    let reason = refused(&shelf, first).await;
    assert!(matches!(reason, NotVouched::Document(Tried { why_not: WhyNot::OtherIssuer { .. }, .. })));
    assert_eq!(asked_elsewhere(&shelf), [well_known(first)]);
}

#[tokio::test]
async fn c001_a_vouching_issuer_names_itself_byte_for_byte() {
    let issuer = "https://issuer.example";
    let shelf = shelf(issuer).with(issuer, op("https://issuer.example/"));
    assert!(matches!(
        refused(&shelf, issuer).await,
        NotVouched::Document(Tried { why_not: WhyNot::OtherIssuer { .. }, .. })
    ));
}

#[tokio::test]
async fn only_one_foreign_issuer_is_asked() {
    let shelf = shelf("https://first.example").with("https://op.example", op("https://second.example"));
    assert_eq!(refused(&shelf, "https://second.example").await, NotVouched::AnotherWasAsked);
    assert_eq!(asked_elsewhere(&shelf), [well_known("https://first.example")]);
}

#[tokio::test]
async fn c004_a_foreign_issuer_that_is_no_public_https_url_is_never_asked() {
    for (issuer, rule) in [
        ("http://issuer.example", NotVouched::Url(EndpointError::PlainHttp)),
        ("http://127.0.0.1:8500", NotVouched::Url(EndpointError::InnerHost("127.0.0.1".into()))),
        (
            "https://169.254.169.254/latest",
            NotVouched::Url(EndpointError::InnerHost("169.254.169.254".into())),
        ),
        ("https://2852039166/latest", NotVouched::Url(EndpointError::InnerHost("169.254.169.254".into()))),
        ("https://[::ffff:10.0.0.1]", NotVouched::Url(EndpointError::InnerHost("[::ffff:a00:1]".into()))),
        ("https://localhost", NotVouched::Url(EndpointError::InnerHost("localhost".into()))),
        ("https://op.example/../x", NotVouched::Url(EndpointError::DotSegments)),
        ("https://op.example\\@evil.example", NotVouched::Url(EndpointError::Backslash)),
    ] {
        let shelf = shelf(issuer);
        assert_eq!(refused(&shelf, issuer).await, rule, "{issuer}");
        assert_eq!(asked_elsewhere(&shelf), Vec::<String>::new(), "{issuer}");
    }
}

#[tokio::test]
async fn a_foreign_issuer_is_never_asked_over_plain_http_even_on_a_loopback_host_that_the_operator_named() {
    let (auth, token) = ("http://127.0.0.1:5556/dex/auth", "http://127.0.0.1:5556/dex/token");
    let odd = document("http://127.0.0.1:8500/x", auth, token, "http://127.0.0.1:5556/keys");
    let shelf = Shelf::empty().with("http://127.0.0.1:5556/dex", odd);
    let error = shelf.derive(auth, token).await.unwrap_err();
    assert!(error.to_string().contains("not https"), "{error}");
    assert!(shelf.asked().iter().all(|url| url.starts_with("http://127.0.0.1:5556/")));
}

#[tokio::test]
async fn c191_what_a_document_says_stays_on_one_short_line() {
    let hostile = format!("https://evil.example/{}\u{202e}", "x".repeat(500));
    let shelf = shelf(&hostile);
    let text = shelf.derive(AUTH, TOKEN).await.unwrap_err().to_string();
    assert!(text.len() < 3_000 && !text.contains(['\n', '\u{202e}']), "{text}");
}
