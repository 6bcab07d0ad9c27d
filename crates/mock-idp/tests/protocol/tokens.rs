use http::StatusCode;
use labgate_domain::protocol::PkceVerifier;
use labgate_mock_idp::Client;
use serde_json::json;

use crate::lab::{CALLBACK, MockLab};

#[tokio::test]
async fn a_code_gives_tokens_that_no_cache_keeps() {
    let lab = MockLab::new();
    let answer = lab.tokens().await;
    assert_eq!(answer.field("token_type"), "Bearer");
    assert_eq!(answer.json["expires_in"], 300);
    assert_eq!(answer.field("scope"), "openid profile email groups offline_access");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn the_id_token_says_what_it_must() {
    let lab = MockLab::new();
    let answer = lab.tokens().await;
    let (header, claims) = answer.id_token();
    let jwks = lab.get("/jwks", &[]).await;
    assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT", "kid": jwks.json["keys"][0]["kid"] }));
    assert_eq!(
        claims,
        json!({
            "iss": "http://idp.test",
            "sub": "ada",
            "aud": "lab",
            "iat": 1_800_000_000,
            "exp": 1_800_000_300,
            "auth_time": 1_800_000_000,
            "nonce": lab.request.nonce.as_str(),
            "at_hash": claims["at_hash"],
            "sid": claims["sid"],
            "name": "Ada Example",
            "preferred_username": "ada",
            "email": "ada@example.test",
            "email_verified": true,
            "groups": ["lab-admins", "lab-users"],
        })
    );
    assert_eq!(claims["at_hash"].as_str().unwrap().len(), 22, "the left half of SHA-256");
    assert_eq!(claims["sid"].as_str().unwrap().len(), 43);
}

#[tokio::test]
async fn claims_go_by_scope_in_the_id_token_and_at_userinfo() {
    let mut lab = MockLab::new();
    lab.request.scopes = labgate_domain::protocol::Scopes::with_openid(["email"]).unwrap();
    let answer = lab.tokens().await;
    let (_, claims) = answer.id_token();
    assert_eq!(claims["email"], "ada@example.test");
    assert!(claims.get("name").is_none() && claims.get("groups").is_none());
    assert!(answer.json.get("refresh_token").is_none(), "there was no offline_access");
    let userinfo = lab.userinfo(answer.field("access_token")).await;
    assert_eq!(userinfo.json, json!({ "sub": "ada", "email": "ada@example.test", "email_verified": true }));
    assert_eq!(userinfo.header("cache-control"), "no-store");
}

#[tokio::test]
async fn userinfo_needs_a_bearer_token_that_holds() {
    let lab = MockLab::new();
    let token = lab.tokens().await.field("access_token").to_owned();
    for (header, challenge) in
        [("", "Bearer realm"), ("Basic bGFi", "Bearer realm"), ("Bearer x", "error=\"invalid_token\"")]
    {
        let answer = lab.get("/userinfo", &[("authorization", header)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.header("www-authenticate").contains(challenge), "{header}");
    }
    lab.clock.advance(299);
    assert_eq!(lab.userinfo(&token).await.status, StatusCode::OK);
    lab.clock.advance(1);
    assert_eq!(lab.userinfo(&token).await.status, StatusCode::UNAUTHORIZED);
    let in_query = lab.get(&format!("/userinfo?access_token={token}"), &[]).await;
    assert_eq!(in_query.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_is_used_once_and_its_reuse_revokes_what_it_gave() {
    let lab = MockLab::new();
    let code = lab.code();
    let first = lab.redeem(&code).await;
    assert_eq!(lab.userinfo(first.field("access_token")).await.status, StatusCode::OK);

    assert_eq!(lab.redeem(&code).await.error(), "invalid_grant");
    assert_eq!(lab.userinfo(first.field("access_token")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(lab.refresh(first.field("refresh_token")).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_expires_after_a_minute() {
    let lab = MockLab::new();
    let (early, late) = (lab.code(), lab.code());
    lab.clock.advance(59);
    assert_eq!(lab.redeem(&early).await.status, StatusCode::OK);
    lab.clock.advance(1);
    assert_eq!(lab.redeem(&late).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_is_worth_nothing_with_another_parameter() {
    let lab = MockLab::new();
    let other_verifier = PkceVerifier::parse(&"v".repeat(43)).unwrap();
    for (name, value, expected) in [
        ("code_verifier", Some(other_verifier.as_str()), "invalid_grant"),
        ("code_verifier", Some("short"), "invalid_request"),
        ("code_verifier", None, "invalid_request"),
        ("redirect_uri", Some("http://127.0.0.1:8091/api/auth/oidc/callback/"), "invalid_grant"),
        ("redirect_uri", None, "invalid_request"),
        ("code", Some("unknown"), "invalid_grant"),
        ("code", None, "invalid_request"),
        ("grant_type", Some("password"), "unsupported_grant_type"),
        ("grant_type", None, "invalid_request"),
    ] {
        let mut form = lab.redemption(&lab.code());
        form.retain(|(known, _)| *known != name);
        form.extend(value.map(|value| (name, value.to_owned())));
        let answer = lab.token(&form).await;
        assert_eq!((answer.status, answer.error()), (StatusCode::BAD_REQUEST, expected), "{name}={value:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.json["error_description"].is_string());
    }
    let mut twice = lab.redemption(&lab.code());
    twice.push(("redirect_uri", CALLBACK.to_owned()));
    assert_eq!(lab.token(&twice).await.error(), "invalid_request");
}

#[tokio::test]
async fn a_code_is_worth_nothing_to_another_client() {
    let lab = MockLab::with(|builder| builder.client(Client::new("other", "s").redirect_uri(CALLBACK)));
    let code = lab.code();
    assert_eq!(lab.token_as("other", "s", &lab.redemption(&code)).await.error(), "invalid_grant");
    assert_eq!(lab.redeem(&code).await.status, StatusCode::OK, "its own client still has it");
}

#[tokio::test]
async fn a_failed_redemption_spends_the_code() {
    let lab = MockLab::new();
    let code = lab.code();
    let mut form = lab.redemption(&code);
    form.retain(|(name, _)| *name != "code_verifier");
    form.push(("code_verifier", "v".repeat(43)));
    assert_eq!(lab.token(&form).await.error(), "invalid_grant");
    assert_eq!(lab.redeem(&code).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_client_that_does_not_prove_itself_is_refused() {
    let lab = MockLab::new();
    for (id, secret) in [("lab", "wrong"), ("lab", ""), ("other", "lab-secret")] {
        let answer = lab.token_as(id, secret, &lab.redemption(&lab.code())).await;
        assert_eq!((answer.status, answer.error()), (StatusCode::UNAUTHORIZED, "invalid_client"), "{id}");
        assert!(answer.header("www-authenticate").starts_with("Basic "));
    }
    let answer = lab.post("/token", &lab.redemption(&lab.code()), &[]).await;
    assert_eq!((answer.status, answer.error()), (StatusCode::UNAUTHORIZED, "invalid_client"));
}

#[tokio::test]
async fn c010_the_secret_may_come_in_the_form_but_not_in_both_ways() {
    let lab = MockLab::new();
    let posted = [("client_id", "lab".to_owned()), ("client_secret", "lab-secret".to_owned())];
    let with_posted = |code: String| [lab.redemption(&code), posted.to_vec()].concat();
    assert_eq!(lab.post("/token", &with_posted(lab.code()), &[]).await.status, StatusCode::OK);
    assert_eq!(lab.token(&with_posted(lab.code())).await.error(), "invalid_request");
    let mut foreign_id = lab.redemption(&lab.code());
    foreign_id.push(("client_id", "other".to_owned()));
    assert_eq!(lab.token(&foreign_id).await.error(), "invalid_request");
}

#[tokio::test]
async fn c011_basic_credentials_are_form_encoded() {
    let lab = MockLab::with(|builder| builder.client(Client::new("a:b", "p%+ ä").redirect_uri(CALLBACK)));
    let answer = lab.token_as("a%3Ab", "p%25%2B+%C3%A4", &lab.redemption(&lab.code())).await;
    assert_eq!(answer.error(), "invalid_grant", "the client is accepted, the code is another's");
}

#[tokio::test]
async fn only_a_form_is_a_token_request() {
    let lab = MockLab::new();
    let request = http::Request::post("/token").header("content-type", "application/json");
    let response = lab.idp.handle(request.body("{}".into()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn refresh_rotates_and_reuse_kills_the_family() {
    let lab = MockLab::new();
    let first = lab.tokens().await;
    lab.clock.advance(1000);
    let second = lab.refresh(first.field("refresh_token")).await;
    assert_ne!(first.field("refresh_token"), second.field("refresh_token"));
    let (_, claims) = second.id_token();
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["iat"], 1_800_001_000);
    assert_eq!(claims["auth_time"], 1_800_000_000);
    assert!(claims.get("nonce").is_none());

    assert_eq!(lab.refresh(first.field("refresh_token")).await.error(), "invalid_grant");
    assert_eq!(lab.refresh(second.field("refresh_token")).await.error(), "invalid_grant");
    assert_eq!(lab.userinfo(second.field("access_token")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refresh_token_is_bound_to_its_client_and_to_a_month() {
    let lab = MockLab::with(|builder| builder.client(Client::new("other", "s").redirect_uri(CALLBACK)));
    let token = lab.tokens().await.field("refresh_token").to_owned();
    let form = [("grant_type", "refresh_token".to_owned()), ("refresh_token", token.clone())];
    assert_eq!(lab.token_as("other", "s", &form).await.error(), "invalid_grant");
    lab.clock.advance(30 * 24 * 3600);
    assert_eq!(lab.refresh(&token).await.error(), "invalid_grant");
    assert_eq!(lab.refresh("unknown").await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_and_not_widen_it() {
    let mut lab = MockLab::new();
    lab.request.scopes = labgate_domain::protocol::Scopes::with_openid(["email", "offline_access"]).unwrap();
    let token = lab.tokens().await.field("refresh_token").to_owned();
    let with_scope = |scope: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.clone()),
            ("scope", scope.to_owned()),
        ]
    };
    assert_eq!(lab.token(&with_scope("openid profile")).await.error(), "invalid_scope");
    let narrowed = lab.token(&with_scope("openid")).await;
    assert_eq!(narrowed.field("scope"), "openid");
    assert_eq!(lab.userinfo(narrowed.field("access_token")).await.json, json!({ "sub": "ada" }));
}

#[tokio::test]
async fn after_a_rotation_both_keys_are_published_and_the_new_one_signs() {
    let lab = MockLab::new();
    let (before, _) = lab.tokens().await.id_token();
    lab.idp.rotate_keys().unwrap();
    let (after, _) = lab.tokens().await.id_token();
    assert_ne!(before["kid"], after["kid"]);
    let jwks = lab.get("/jwks", &[]).await;
    assert_eq!(jwks.header("cache-control"), "public, max-age=300");
    let kids: Vec<_> = jwks.json["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, [&after["kid"], &before["kid"]]);
    assert!(!jwks.text.contains("\"d\""), "no private member");
    lab.clock.advance(24 * 3600);
    assert_eq!(lab.get("/jwks", &[]).await.json["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_can_be_repeated() {
    let codes = || {
        let lab = MockLab::new();
        (lab.callback(), lab.callback())
    };
    assert_eq!(codes(), codes());
}
