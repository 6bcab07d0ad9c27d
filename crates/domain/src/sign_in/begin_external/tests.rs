use std::collections::{HashMap, HashSet};

use super::*;
use crate::error::ErrorCode;
use crate::ports::{MockIdentityProvider, ProviderCall, ProviderError};
use crate::protocol::{ClientId, Hint, HintParameters, Issuer, RequestUri, Scopes};
use crate::provider::{AuthorizationServer, EmailTrust, ProviderDescription};
use crate::sign_in::testing::World;

fn world() -> World {
    let mut world = World::default();
    world.providers.push(World::provider(false, EmailTrust::Claim));
    world
}

#[tokio::test]
async fn c014_c015_every_start_has_fresh_secrets_and_only_the_challenge_travels() {
    let scene = world().scene();
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let begun =
            scene.sign_in.external().begin(None, Hints::default(), ReturnTo::main_page(), &[]).await.unwrap();
        let query: HashMap<_, _> = begun.authorization_url.query_pairs().into_owned().collect();
        for name in ["state", "nonce", "code_challenge"] {
            let value = query[name].clone();
            assert_eq!(value.len(), 43, "256 bits in base64url");
            assert!(seen.insert(value), "{name} was used before");
        }
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["response_type"], "code");
        assert!(!query.contains_key("code_verifier"));
    }
}

#[tokio::test]
async fn c017_the_redirect_uri_is_the_public_urls() {
    let scene = world().scene();
    let begun =
        scene.sign_in.external().begin(None, Hints::default(), ReturnTo::main_page(), &[]).await.unwrap();
    let query: HashMap<_, _> = begun.authorization_url.query_pairs().into_owned().collect();
    assert_eq!(query["redirect_uri"], "https://lab.example/api/auth/oidc/callback");
    assert_eq!(query["scope"], "openid email");
}

#[tokio::test]
async fn c019_a_hundred_starts_leave_five_cookies_and_the_newest_are_kept() {
    let scene = world().scene();
    let mut jar: Vec<PresentedAttempt> = Vec::new();
    let mut order = Vec::new();
    for _ in 0..100 {
        scene.clock.advance(1);
        let begun = scene
            .sign_in
            .external()
            .begin(None, Hints::default(), ReturnTo::main_page(), &jar)
            .await
            .unwrap();
        jar.retain(|cookie| !begun.dropped.contains(&cookie.id));
        order.push(begun.cookie.id);
        jar.push(PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed });
    }
    let kept: Vec<_> = jar.iter().map(|cookie| cookie.id).collect();
    assert_eq!(kept, order[95..]);
}

#[tokio::test]
async fn c019_large_targets_do_not_add_up_beyond_what_proxies_allow() {
    let scene = world().scene();
    let mut jar: Vec<PresentedAttempt> = Vec::new();
    for _ in 0..10 {
        scene.clock.advance(1);
        let target = ReturnTo::or_main_page(&format!("/{}", "a".repeat(1500)));
        let begun = scene.sign_in.external().begin(None, Hints::default(), target, &jar).await.unwrap();
        jar.retain(|cookie| !begun.dropped.contains(&cookie.id));
        jar.push(PresentedAttempt { id: begun.cookie.id, sealed: begun.cookie.sealed });
        assert!(jar.iter().map(|cookie| cookie.sealed.as_str().len()).sum::<usize>() <= MAX_TOTAL_LEN);
    }
}

#[tokio::test]
async fn expired_and_foreign_attempts_are_dropped() {
    let scene = world().scene();
    let (old, _) = scene.begin("/").await;
    let foreign = PresentedAttempt { id: old.id, sealed: Sealed::parse("garbage").unwrap() };
    scene.clock.advance(601);
    let begun = scene
        .sign_in
        .external()
        .begin(None, Hints::default(), ReturnTo::main_page(), &[old.clone(), foreign])
        .await
        .unwrap();
    assert_eq!(begun.dropped, [old.id, old.id]);
}

#[tokio::test]
async fn an_unknown_provider_is_refused() {
    let scene = world().scene();
    let other = ProviderId::parse("other").unwrap();
    let refusal = scene
        .sign_in
        .external()
        .begin(Some(&other), Hints::default(), ReturnTo::main_page(), &[])
        .await
        .unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::ProviderUnknown);
    let nobody = World::default().scene();
    let refusal = nobody
        .sign_in
        .external()
        .begin(None, Hints::default(), ReturnTo::main_page(), &[])
        .await
        .unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::ProviderUnknown);
}

#[tokio::test]
async fn c003_a_provider_that_is_down_is_a_refusal_that_keeps_the_target() {
    let mut provider = MockIdentityProvider::new();
    provider.expect_description().return_const(ProviderDescription {
        id: ProviderId::parse("external").unwrap(),
        name: "External".to_owned(),
        email_trust: EmailTrust::Claim,
        admission: std::sync::Arc::default(),
        revalidation: None,
    });
    provider.expect_authorization_server().returning(|| {
        Err(ProviderError::unavailable(
            ProviderCall::Discovery,
            crate::ports::CallFailure::Connection,
            "timed out",
        ))
    });
    let mut world = World::default();
    world.providers.push(provider);
    let scene = world.scene();
    let refusal = scene
        .sign_in
        .external()
        .begin(None, Hints::default(), ReturnTo::or_main_page("/x"), &[])
        .await
        .unwrap_err();
    assert_eq!(refusal.error.code(), ErrorCode::ProviderUnavailable);
    assert_eq!(refusal.return_to.path(), Some("/x"));
}

#[tokio::test]
async fn f19_a_pushed_request_leaves_the_browser_its_name_alone() {
    let mut provider = MockIdentityProvider::new();
    provider.expect_description().return_const(description());
    provider.expect_authorization_server().returning(|| Ok(server(true, HintParameters::OPENID, Vec::new())));
    provider.expect_push().times(1).returning(|request| {
        assert_eq!(request.parameters().len(), 8);
        Ok(RequestUri::parse("urn:example:1").unwrap())
    });
    let mut world = World::default();
    world.providers.push(provider);
    let scene = world.scene();
    let begun =
        scene.sign_in.external().begin(None, Hints::default(), ReturnTo::main_page(), &[]).await.unwrap();
    let url = "https://op.example/authorize?client_id=lab&request_uri=urn%3Aexample%3A1";
    assert_eq!(begun.authorization_url.as_str(), url);
}

fn description() -> ProviderDescription {
    ProviderDescription {
        id: ProviderId::parse("external").unwrap(),
        name: "External".to_owned(),
        email_trust: EmailTrust::Claim,
        admission: std::sync::Arc::default(),
        revalidation: None,
    }
}

fn server(
    pushes_requests: bool,
    hint_parameters: HintParameters,
    extra_parameters: Vec<(String, String)>,
) -> AuthorizationServer {
    AuthorizationServer {
        issuer: Issuer::parse("https://op.example").unwrap(),
        authorization_endpoint: Url::parse("https://op.example/authorize").unwrap(),
        end_session_endpoint: None,
        states_issuer_in_response: false,
        pushes_requests,
        client_id: ClientId::parse("lab").unwrap(),
        scopes: Scopes::with_openid(["email"]).unwrap(),
        extra_parameters,
        reauthenticates: true,
        hint_parameters,
    }
}

/// The hints that are sent to a provider of these parameters when a link brings both.
async fn sent(hint_parameters: HintParameters, fixed: &[(&str, &str)]) -> Vec<(String, String)> {
    let fixed: Vec<_> = fixed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut provider = MockIdentityProvider::new();
    provider.expect_description().return_const(description());
    provider
        .expect_authorization_server()
        .returning(move || Ok(server(false, hint_parameters, fixed.clone())));
    let mut world = World::default();
    world.providers.push(provider);
    let hint = |text| Hint::parse(text).ok();
    let hints = Hints { login: hint("ada@example.test&nonce=forged"), domain: hint("from-the-link") };
    let begun =
        world.scene().sign_in.external().begin(None, hints, ReturnTo::main_page(), &[]).await.unwrap();
    let sent = begun.authorization_url.query_pairs().into_owned();
    sent.skip_while(|(name, _)| name != "code_challenge_method").skip(1).collect()
}

#[tokio::test]
async fn a_links_hints_are_sent_unless_the_operator_has_fixed_them() {
    let login = ("login_hint".to_owned(), "ada@example.test&nonce=forged".to_owned());
    assert_eq!(sent(HintParameters::default(), &[]).await, []);
    assert_eq!(sent(HintParameters::OPENID, &[]).await, std::slice::from_ref(&login));
    let both = HintParameters { domain: Some("hd"), ..HintParameters::OPENID };
    assert_eq!(sent(both, &[]).await, [login.clone(), ("hd".to_owned(), "from-the-link".to_owned())]);
    let fixed = sent(both, &[("hd", "example.org")]).await;
    assert_eq!(fixed, [("hd".to_owned(), "example.org".to_owned()), login]);
    // Not even a mistake in our own table lets a hint take the place of what binds the answer.
    let mistaken = HintParameters { login: Some("state"), domain: Some("request_uri") };
    assert_eq!(sent(mistaken, &[]).await, []);
}
