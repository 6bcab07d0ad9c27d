//! The issuer that a document may have, and the places of the search.

use super::*;
use crate::endpoint::EndpointError;

#[tokio::test]
async fn c001_the_published_issuer_is_pinned_byte_for_byte() {
    for issuer in ["https://op.example/o", "https://op.example/o/"] {
        let shelf = Shelf::empty().with("https://op.example/o", op(issuer));
        let found = shelf.derive(AUTH, TOKEN).await.unwrap();
        assert_eq!(found.metadata.issuer.as_str(), issuer);
        assert_eq!(shelf.asked().len(), 1);
    }
}

#[tokio::test]
async fn an_issuer_that_only_starts_like_the_place_of_its_document_is_a_foreign_one() {
    for issuer in [
        "https://op.example/o/x",
        "https://op.example/o2",
        "https://op.example/o//",
        "https://op.example",
        "https://op.example:444/o",
        "https://op.example.evil.example/o",
        "https://opxexample/o",
    ] {
        let shelf = Shelf::empty().with("https://op.example/o", op(issuer));
        let error = shelf.derive(AUTH, TOKEN).await.unwrap_err();
        assert!(matches!(tried(&error)[0].why_not, WhyNot::NotVouched { .. }), "{issuer}: {error}");
    }
}

#[tokio::test]
async fn c001_a_configured_issuer_is_compared_in_every_byte() {
    for published in [
        "https://op.example/o/",
        "https://op.example/O",
        "https://OP.example/o",
        "https://op.example:443/o",
        "https://op.example/oINVALID",
        "https://op.example",
    ] {
        let shelf = Shelf::empty().with("https://op.example/o", op(published));
        let error = shelf.confirm(AUTH, TOKEN, "https://op.example/o").await.unwrap_err();
        assert!(matches!(error, DerivationError::IssuerMismatch { .. }), "{error}");
        assert!(error.to_string().contains(published) && error.to_string().contains(ISSUER_SETTING));
        assert_eq!(shelf.asked().len(), 1, "no other place is asked");
    }
}

#[tokio::test]
async fn c002_the_well_known_path_is_appended_with_one_slash_and_the_configured_issuer_stays_the_reference() {
    for (issuer, document) in [
        ("https://op.example/o", "https://op.example/o/.well-known/openid-configuration"),
        ("https://op.example/o/", "https://op.example/o/.well-known/openid-configuration"),
        ("https://op.example", "https://op.example/.well-known/openid-configuration"),
        ("https://op.example/", "https://op.example/.well-known/openid-configuration"),
    ] {
        let shelf = Shelf::empty().with(issuer, op(issuer));
        let found = shelf.confirm(AUTH, TOKEN, issuer).await.unwrap();
        assert_eq!(found.metadata.issuer.as_str(), issuer);
        assert_eq!(shelf.asked(), [document]);
    }
}

#[tokio::test]
async fn a_configured_issuer_is_still_checked_against_both_urls() {
    let mut other = op("https://id.example");
    other["token_endpoint"] = json!("https://id.example/token");
    let shelf = Shelf::empty().with("https://id.example", other);
    let error = shelf.confirm(AUTH, TOKEN, "https://id.example").await.unwrap_err();
    assert!(matches!(error, DerivationError::OtherEndpoints { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("set {TOKEN_URL_SETTING}=https://id.example/token")), "{text}");
}

#[tokio::test]
async fn a_configured_issuer_is_judged_as_strictly_as_the_urls() {
    for (issuer, error) in [
        ("op.example", EndpointError::NotAbsolute),
        ("http://op.example", EndpointError::PlainHttp),
        ("https://u:p@op.example", EndpointError::UserInfo),
        ("https://op.example/a/..", EndpointError::DotSegments),
        ("https://op.example?x", EndpointError::Query),
    ] {
        let refused = parse_urls(AUTH, TOKEN, Some(issuer), &PlainHttpOrigins::default());
        assert_eq!(refused.unwrap_err(), error);
    }
    let refused = parse_urls("https://ada:hunter2@x", TOKEN, None, &PlainHttpOrigins::default());
    assert_eq!(refused.unwrap_err().to_string(), "contains a user name or password");
}

#[tokio::test]
async fn split_hosts_with_a_configured_issuer_are_confirmed_by_the_inner_host() {
    let (auth, token) = ("https://sso.example/realms/lab/auth", "http://127.0.0.1:8080/realms/lab/token");
    let issuer = "https://sso.example/realms/lab";
    let outer = document(issuer, auth, "https://sso.example/realms/lab/token", "https://sso.example/keys");
    let inner = document(issuer, auth, token, "http://127.0.0.1:8080/realms/lab/keys");
    let shelf = Shelf::empty().with(issuer, outer).with("http://127.0.0.1:8080/realms/lab", inner);
    let found = shelf.confirm(auth, token, issuer).await.unwrap();
    assert_eq!(found.metadata.jwks_uri.as_str(), "http://127.0.0.1:8080/realms/lab/keys");
}

/// Azure AD B2C: the issuer has no document of its own, and the one that names it stands under the policy.
#[tokio::test]
async fn an_issuer_without_a_document_is_confirmed_by_one_on_the_operators_origin_that_names_it() {
    let issuer = "https://n.b2clogin.com/11111111-2222-3333-4444-555555555555/v2.0/";
    let policy = "https://n.b2clogin.com/n.onmicrosoft.com/b2c_1_lab";
    let (auth, token) = (format!("{policy}/oauth2/v2.0/authorize"), format!("{policy}/oauth2/v2.0/token"));
    let metadata = document(issuer, &auth, &token, &format!("{policy}/discovery/v2.0/keys"));
    let shelf = Shelf::empty().with(&format!("{policy}/v2.0"), metadata);
    assert_eq!(shelf.confirm(&auth, &token, issuer).await.unwrap().metadata.issuer.as_str(), issuer);
    assert_eq!(shelf.asked().len(), 2);

    let without = shelf.derive(&auth, &token).await.unwrap_err();
    let DerivationError::NeedIssuer { hint, .. } = &without else { panic!("{without}") };
    assert!(hint.starts_with("It has the tenant's id in it"), "{without}");
    let other = shelf.confirm(&auth, &token, "https://n.b2clogin.com/other/v2.0/").await.unwrap_err();
    assert!(matches!(other, DerivationError::NotConfirmed { .. }), "{other}");
}

#[tokio::test]
async fn every_common_ancestor_is_asked_longest_first_and_then_on_the_other_origin() {
    let shelf = Shelf::empty();
    let error = shelf
        .derive("https://a.example/x/y/oauth2/v2.0/authorize", "https://b.example/x/y/oauth2/v2.0/token");
    let error = error.await.unwrap_err();
    let expected: Vec<String> = ["a", "b"]
        .iter()
        .flat_map(|host| {
            ["/x/y/v2.0", "/x/y/oauth2/v2.0", "/x/y/oauth2", "/x/y", "/x", ""]
                .map(|path| well_known(&format!("https://{host}.example{path}")))
        })
        .take(MAX_FETCHES)
        .collect();
    assert_eq!(shelf.asked(), expected);
    assert!(expected.iter().all(|document| error.to_string().contains(document.as_str())));
    assert!(error.to_string().contains(ISSUER_SETTING));
}

#[tokio::test]
async fn at_most_ten_documents_are_fetched() {
    let deep = format!("https://op.example{}", "/d".repeat(40));
    let (auth, token) = (format!("{deep}/auth"), format!("{deep}/token"));
    let shelf = Shelf::empty();
    let error = shelf.derive(&auth, &token).await.unwrap_err();
    assert_eq!((shelf.asked().len(), tried(&error).len()), (MAX_FETCHES, MAX_FETCHES));

    let shelf = Shelf::empty();
    assert!(shelf.confirm(&auth, &token, "https://id.example").await.is_err());
    assert_eq!(shelf.asked().len(), MAX_FETCHES);

    // The tenth names a foreign issuer, which would be the eleventh.
    let tenth = format!("https://op.example{}", "/d".repeat(31));
    let foreign = document("https://id.example", &auth, &token, "https://op.example/keys");
    let shelf = Shelf::empty().with(&tenth, foreign);
    assert!(shelf.derive(&auth, &token).await.is_err());
    assert_eq!(shelf.asked().len(), MAX_FETCHES);
}

#[tokio::test]
async fn candidates_never_leave_the_operators_origins() {
    for (auth, token) in [
        ("https://op.example//evil.example/auth", "https://op.example//evil.example/token"),
        ("https://op.example/%2f%2fevil.example/auth", "https://op.example/%2f%2fevil.example/token"),
        ("https://op.example/@evil.example/auth", "https://op.example/@evil.example/token"),
        ("https://op.example/https://evil.example/auth", "https://op.example/https://evil.example/token"),
        ("https://op.example:8443/auth?u=https://evil.example/", "https://op.example:8443/token"),
        ("https://op.example/oauth2/v2.0/a", "https://op.example/oauth2/v2.0/t"),
    ] {
        let shelf = Shelf::empty();
        assert!(shelf.derive(auth, token).await.is_err());
        let origin = urls(auth, token, None).authorization().origin();
        let unique: std::collections::HashSet<_> = shelf.asked().into_iter().collect();
        assert_eq!(unique.len(), shelf.asked().len(), "no document is asked for twice");
        for asked in unique {
            assert!(asked.starts_with(&format!("{origin}/")), "{asked}");
            assert_eq!(Endpoint::parse(&asked, &PlainHttpOrigins::default()).unwrap().origin(), origin);
        }
    }
}

#[tokio::test]
async fn with_split_hosts_only_the_authorization_endpoints_origin_may_have_the_issuer() {
    let (auth, token) = ("https://a.example/o/auth", "https://b.example/o/token");
    let at_token = document("https://a.example/o", auth, token, "https://b.example/keys");
    let shelf = Shelf::empty().with("https://b.example/o", at_token);
    assert_eq!(shelf.derive(auth, token).await.unwrap().metadata.issuer.as_str(), "https://a.example/o");

    let at_authorization = document("https://b.example/o", auth, token, "https://b.example/keys");
    let shelf = Shelf::empty().with("https://a.example/o", at_authorization);
    assert!(shelf.derive(auth, token).await.is_err(), "b.example does not vouch for it");

    let other_path = document("https://a.example/p", auth, token, "https://b.example/keys");
    let shelf = Shelf::empty().with("https://b.example/o", other_path);
    assert!(shelf.derive(auth, token).await.is_err());
}
