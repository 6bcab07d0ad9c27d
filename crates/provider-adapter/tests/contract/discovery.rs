//! Finding the provider, and finding it again (C1 to C4, C8, C12, C13).

use std::sync::Arc;

use labgate_domain::ports::{IdentityProvider as _, ProviderCall, ProviderError};
use labgate_domain::provider::ProviderHealth;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_provider::{Field, OpenIdProvider, SettingsError, UncheckedSettings};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    DISCOVERY, JWKS, NOW, Op, TOKEN, at_endpoints, at_issuer, json_answer, parsed, token_response,
};

fn misconfigured(error: &ProviderError) -> &str {
    match error {
        ProviderError::Misconfigured(text) => text,
        other => panic!("expected a misconfiguration, not {other:?}"),
    }
}

fn is_unavailable(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Unavailable { call: ProviderCall::Discovery, .. })
}

/// The adapter with other settings for this provider.
fn located(op: &Op, settings: UncheckedSettings) -> OpenIdProvider {
    OpenIdProvider::new(parsed(settings), Arc::clone(&op.clock) as Arc<dyn Clock>).unwrap()
}

fn by_endpoints(op: &Op) -> OpenIdProvider {
    let issuer = op.issuer();
    let (authorize, token) = (format!("{issuer}/authorize"), format!("{issuer}{TOKEN}"));
    located(op, at_endpoints(&authorize, &token, None))
}

#[tokio::test]
async fn c001_the_published_issuer_is_the_configured_one_in_every_byte() {
    let op = Op::start().await;
    let issuer = op.issuer();
    for other in [
        format!("{issuer}/"),
        format!("{issuer}INVALID"),
        issuer.replace("127.0.0.1", "localhost"),
        issuer.to_uppercase(),
        "https://accounts.google.com".to_owned(),
        format!("{issuer}/x"),
    ] {
        op.publish(json!({"issuer": other}));
        op.clock.advance(60);
        op.provider.authorization_server().await.unwrap_err();
    }
    op.publish(json!({}));
    op.clock.advance(60);
    assert_eq!(op.provider.authorization_server().await.unwrap().issuer.as_str(), issuer);
}

#[tokio::test]
async fn c002_the_document_is_found_after_exactly_one_slash() {
    for (path, document) in [
        ("", "/.well-known/openid-configuration"),
        ("/", "/.well-known/openid-configuration"),
        ("/realms/lab", "/realms/lab/.well-known/openid-configuration"),
        ("/realms/lab/", "/realms/lab/.well-known/openid-configuration"),
    ] {
        let op = Op::start().await;
        let issuer = format!("{}{path}", op.issuer());
        let at = |path: &str| format!("{}{path}", op.issuer());
        op.answer(DISCOVERY, ResponseTemplate::new(404));
        let metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
        });
        op.answer(document, json_answer(200, &metadata));
        let provider = located(&op, at_issuer(&issuer));
        let server = provider.authorization_server().await.unwrap();
        assert_eq!(server.issuer.as_str(), issuer, "the configured text stays the reference");
        assert_eq!(op.count(document).await, 1);
    }
}

#[tokio::test]
async fn c003_a_provider_that_is_down_is_found_as_soon_as_it_is_back() {
    let op = Op::start().await;
    assert_eq!(op.provider.health(), ProviderHealth::Unknown);
    op.answer(DISCOVERY, ResponseTemplate::new(503));
    assert!(is_unavailable(&op.provider.authorization_server().await.unwrap_err()));
    let since = Timestamp::from_unix_seconds(NOW);
    assert_eq!(op.provider.health(), ProviderHealth::Unavailable { since });

    // It is asked after 5, 10, 20, 40, 60 and 60 more seconds, and not a second earlier.
    let mut asked = 1;
    for wait in [5, 10, 20, 40, 60, 60] {
        op.clock.advance(wait - 1);
        assert!(is_unavailable(&op.provider.authorization_server().await.unwrap_err()));
        assert_eq!(op.count(DISCOVERY).await, asked);
        op.clock.advance(1);
        assert!(is_unavailable(&op.provider.authorization_server().await.unwrap_err()));
        asked += 1;
        assert_eq!(op.count(DISCOVERY).await, asked);
    }
    assert_eq!(op.provider.health(), ProviderHealth::Unavailable { since });

    op.publish(json!({}));
    op.clock.advance(60);
    op.provider.authorization_server().await.unwrap();
    assert_eq!(op.provider.health(), ProviderHealth::Ready);
    op.provider.authorization_server().await.unwrap();
    assert_eq!(op.count(DISCOVERY).await, asked + 1);
}

#[tokio::test]
async fn c082_a_clock_that_steps_back_delays_no_fetch() {
    let op = Op::start().await;
    op.answer(DISCOVERY, ResponseTemplate::new(503));
    op.provider.authorization_server().await.unwrap_err();
    op.publish(json!({}));
    op.clock.advance(-1);
    op.provider.authorization_server().await.unwrap();
    assert_eq!(op.count(DISCOVERY).await, 2);
    op.clock.advance(-1);
    op.provider.authorization_server().await.unwrap();
    assert_eq!(op.count(DISCOVERY).await, 3);
}

#[tokio::test]
async fn c003_what_is_not_a_document_is_refused() {
    let op = Op::start().await;
    let html = |status| ResponseTemplate::new(status).set_body_raw("<html>", "text/html");
    let text = |body: &str| ResponseTemplate::new(200).set_body_raw(body, "application/json");
    for bad in [
        ResponseTemplate::new(404),
        ResponseTemplate::new(500),
        html(200),
        html(500),
        text(""),
        text("null"),
        text("[]"),
        text("{\"issuer\":"),
        text("{\"issuer\":\"a\",\"issuer\":\"b\"}"),
        ResponseTemplate::new(200).set_body_string("{}"),
    ] {
        op.answer(DISCOVERY, bad);
        op.clock.advance(60);
        let error = op.provider.authorization_server().await.unwrap_err();
        assert!(is_unavailable(&error), "{error:?}");
    }
}

#[tokio::test]
async fn c003_many_at_once_make_one_fetch() {
    let op = Op::start().await;
    let op = Arc::new(op);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let op = Arc::clone(&op);
            tokio::spawn(async move { op.provider.authorization_server().await.map(drop) })
        })
        .collect();
    for one in waiting {
        one.await.unwrap().unwrap();
    }
    assert_eq!(op.count(DISCOVERY).await, 1);
}

#[tokio::test]
async fn c004_endpoints_that_only_an_attacker_would_publish_are_refused() {
    let op = Op::start().await;
    for (member, url) in [
        ("token_endpoint", "http://op.example/token"),
        ("token_endpoint", "https://user:password@op.example/token"),
        ("token_endpoint", "https://op.example/token#x"),
        ("token_endpoint", "https://169.254.169.254/latest"),
        ("token_endpoint", "https://10.0.0.1/token"),
        ("jwks_uri", "https://192.168.1.1/keys"),
        ("jwks_uri", "https://[fd00::1]/keys"),
        ("jwks_uri", "file:///etc/passwd"),
        ("userinfo_endpoint", "http://op.example/userinfo"),
        ("userinfo_endpoint", "https://localhost/userinfo"),
        ("authorization_endpoint", "javascript:alert(1)"),
    ] {
        op.publish(json!({member: url}));
        op.clock.advance(60);
        let error = op.provider.authorization_server().await.unwrap_err();
        assert!(misconfigured(&error).contains(member), "{member} {url}: {error}");
    }
}

#[tokio::test]
async fn c008_a_missing_endpoint_is_named() {
    let op = Op::start().await;
    for member in ["issuer", "jwks_uri", "token_endpoint", "authorization_endpoint"] {
        for odd in [Value::Null, json!(1), json!(["x"])] {
            op.publish(json!({member: odd}));
            op.clock.advance(60);
            let error = op.provider.authorization_server().await.unwrap_err();
            assert!(misconfigured(&error).contains(member), "{error}");
        }
    }
}

#[tokio::test]
async fn c012_pkce_is_always_s256() {
    let op = Op::start().await;
    for (methods, works) in [
        (Value::Null, true),
        (json!([]), true),
        (json!(["S256"]), true),
        (json!(["plain", "S256"]), true),
        (json!(["plain"]), false),
        (json!(["s256"]), false),
    ] {
        op.publish(json!({"code_challenge_methods_supported": methods}));
        op.clock.advance(3600);
        let provider = located(&op, at_issuer(&op.issuer()));
        let result = provider.authorization_server().await;
        match result {
            Ok(_) => assert!(works, "{methods}"),
            Err(error) => assert!(!works && misconfigured(&error).contains("S256"), "{methods}: {error}"),
        }
    }
}

#[tokio::test]
async fn c013_metadata_is_read_again_every_hour() {
    let op = Op::start().await;
    let endpoint = |server: labgate_domain::provider::AuthorizationServer| {
        server.authorization_endpoint.path().to_owned()
    };
    op.provider.authorization_server().await.unwrap();
    op.publish(json!({"authorization_endpoint": format!("{}/new", op.issuer())}));
    op.clock.advance(3599);
    assert_eq!(endpoint(op.provider.authorization_server().await.unwrap()), "/authorize");
    op.clock.advance(1);
    assert_eq!(endpoint(op.provider.authorization_server().await.unwrap()), "/new");
}

#[tokio::test]
async fn c013_what_was_known_stays_in_use_when_the_document_fails_or_changes_its_issuer() {
    let op = Op::start().await;
    let before = op.provider.authorization_server().await.unwrap();
    for bad in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(404),
        json_answer(200, &json!({"issuer": "https://other.example"})),
    ] {
        op.answer(DISCOVERY, bad);
        op.clock.advance(3600);
        assert_eq!(op.provider.authorization_server().await.unwrap(), before);
        assert!(matches!(op.provider.health(), ProviderHealth::Unavailable { .. }));
    }
    op.publish(json!({"issuer": "https://other.example"}));
    op.clock.advance(3600);
    assert_eq!(op.provider.authorization_server().await.unwrap(), before);
}

#[tokio::test]
async fn c013_a_refresh_of_the_metadata_keeps_the_keys() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();
    op.clock.advance(3600);
    op.provider.authorization_server().await.unwrap();
    assert_eq!(op.count(DISCOVERY).await, 2);
    op.answer(JWKS, ResponseTemplate::new(500));
    let late = json!({"iat": NOW + 3600, "exp": NOW + 3900});
    assert!(op.redeem_claims(late).await.is_ok(), "the keys of before");
}

#[tokio::test]
async fn the_two_urls_are_enough() {
    let op = Op::start().await;
    let provider = by_endpoints(&op);
    let server = provider.authorization_server().await.unwrap();
    assert_eq!(server.issuer.as_str(), op.issuer());
    assert_eq!(server.scopes.to_parameter(), "openid profile email");
    assert!(!server.states_issuer_in_response);
    op.answer(TOKEN, json_answer(200, &token_response(&op.id_token(json!({})))));
    let identity = provider.redeem(op.redemption()).await.unwrap();
    assert_eq!(identity.subject.as_str(), "subject-1");
}

#[tokio::test]
async fn what_the_two_urls_vouched_for_is_not_replaced_while_it_runs() {
    let op = Op::start().await;
    let provider = by_endpoints(&op);
    let before = provider.authorization_server().await.unwrap();
    for change in [
        json!({"issuer": format!("{}/x", op.issuer())}),
        json!({"token_endpoint": format!("{}/other", op.issuer())}),
        json!({"jwks_uri": format!("{}/other", op.issuer())}),
    ] {
        op.publish(change);
        op.clock.advance(3600);
        assert_eq!(provider.authorization_server().await.unwrap(), before);
        assert!(matches!(provider.health(), ProviderHealth::Unavailable { .. }));
    }
}

#[tokio::test]
async fn a_document_for_other_endpoints_is_not_believed() {
    let op = Op::start().await;
    op.publish(json!({"token_endpoint": format!("{}/elsewhere", op.issuer())}));
    let error = by_endpoints(&op).authorization_server().await.unwrap_err();
    assert!(misconfigured(&error).contains("LAB_EXTERNAL_OIDC"), "{error}");
}

#[tokio::test]
async fn a_promise_of_the_issuer_parameter_is_passed_on() {
    let op = Op::start().await;
    op.publish(json!({"authorization_response_iss_parameter_supported": true}));
    assert!(op.provider.authorization_server().await.unwrap().states_issuer_in_response);
}

#[tokio::test]
async fn the_endpoint_for_signing_out_is_passed_on_and_a_bad_one_counts_as_absent() {
    let op = Op::start().await;
    let here = format!("{}/logout?tenant=1", op.issuer());
    for (published, passed_on) in [
        (Value::Null, None),
        (json!(1), None),
        (json!("https://op.example/logout"), Some("https://op.example/logout")),
        (json!(here), Some(here.as_str())),
        (json!(""), None),
        (json!("/logout"), None),
        (json!("http://op.example/logout"), None),
        (json!("javascript:alert(1)"), None),
        (json!("https://user:password@op.example/logout"), None),
        (json!("https://op.example/logout#x"), None),
        (json!("https://10.0.0.1/logout"), None),
    ] {
        op.publish(json!({"end_session_endpoint": published}));
        op.clock.advance(3600);
        let server = op.provider.authorization_server().await.unwrap();
        assert_eq!(
            server.end_session_endpoint.as_ref().map(|endpoint| endpoint.url.as_str()),
            passed_on,
            "{published}"
        );
    }
}

#[tokio::test]
async fn github_is_named_as_what_it_is() {
    let op = Op::start().await;
    let github = at_endpoints(
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        None,
    );
    let error = located(&op, github).authorization_server().await.unwrap_err();
    assert!(misconfigured(&error).contains("GitHub"), "{error}");
}

#[test]
fn c004_plain_http_is_for_loopback_and_named_origins() {
    for bad in ["http://dex:5556/dex", "https://op.example?x", "op.example"] {
        let errors = at_issuer(bad).parse().unwrap_err();
        assert_eq!(errors.iter().map(SettingsError::field).collect::<Vec<_>>(), [Field::Issuer], "{bad}");
    }
    let dex = at_issuer("http://dex:5556/dex").with(Field::PlainHttpOrigin, ["http://dex:5556"]);
    assert!(dex.parse().is_ok());
    assert!(at_issuer("http://127.0.0.1:5556/dex").parse().is_ok());
}
