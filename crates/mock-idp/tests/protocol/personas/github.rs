use labgate_mock_idp::{Persona, User};
use serde_json::Value;
use url::Url;

use super::{ada, at, callback, metadata, mistakes};
use crate::lab::{Answer, CALLBACK, MockLab, parameter, target};

/// A lab at GitHub: its requests have neither `openid` nor a nonce.
pub(super) fn github() -> MockLab {
    at(Persona::GitHub, &[])
}

/// The authorization URL as a relying party of GitHub writes it.
pub(super) fn authorization_url(lab: &MockLab, scope: &str) -> Url {
    let mut url = lab.altered("scope", Some(scope));
    let kept: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| name != "nonce").collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    url
}

/// Signs in: the token response in JSON.
pub(super) async fn token(lab: &MockLab, user: User, scope: &str) -> Answer {
    let callback = lab.idp.sign_in_as(&authorization_url(lab, scope), user).unwrap().parse().unwrap();
    redeem(lab, &parameter(&callback, "code").unwrap(), &[("accept", "application/json")]).await
}

async fn redeem(lab: &MockLab, code: &str, headers: &[(&str, &str)]) -> Answer {
    let form = [
        ("client_id", "lab".to_owned()),
        ("client_secret", "lab-secret".to_owned()),
        ("code", code.to_owned()),
        ("code_verifier", lab.verifier.as_str().to_owned()),
    ];
    lab.post("/login/oauth/access_token", &form, headers).await
}

#[tokio::test]
async fn its_document_is_an_authorization_servers_and_there_is_no_openid() {
    let lab = github();
    assert_eq!(lab.idp.issuer().as_str(), "http://idp.test/login/oauth");
    assert_eq!(lab.idp.authorization_endpoint(), "http://idp.test/login/oauth/authorize");
    assert_eq!(lab.idp.token_endpoint(), "http://idp.test/login/oauth/access_token");
    let document = "http://idp.test/.well-known/oauth-authorization-server/login/oauth";
    assert_eq!(lab.idp.discovery_url(), document);
    let metadata = metadata(&lab).await;
    assert_eq!(metadata["issuer"], "http://idp.test/login/oauth");
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    for absent in
        ["jwks_uri", "userinfo_endpoint", "end_session_endpoint", "id_token_signing_alg_values_supported"]
    {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }
    for nothing in ["/.well-known/openid-configuration", "/login/oauth/.well-known/openid-configuration"] {
        assert_eq!(lab.get(nothing, &[]).await.status, 404);
    }
}

#[tokio::test]
async fn a_trip_gives_an_access_token_and_no_id_token() {
    let lab = github();
    let url = authorization_url(&lab, "read:user user:email");
    let page = lab.get(target(&url), &[]).await;
    assert!(page.status == 200 && page.text.contains("Sign in as Ada Example"));
    let callback: Url = lab.idp.sign_in_as(&url, ada()).unwrap().parse().unwrap();
    assert_eq!(parameter(&callback, "iss").as_deref(), Some("http://idp.test/login/oauth"));
    let tokens =
        redeem(&lab, &parameter(&callback, "code").unwrap(), &[("accept", "application/json")]).await;
    assert!(tokens.field("access_token").starts_with("gho_"));
    assert_eq!(tokens.field("token_type"), "bearer");
    assert_eq!(tokens.field("scope"), "read:user,user:email");
    for absent in ["id_token", "refresh_token", "expires_in"] {
        assert!(tokens.json.get(absent).is_none(), "{absent}");
    }
    let with_commas = token(&lab, ada(), "user:email,read:org,unknown").await;
    assert_eq!(with_commas.field("scope"), "read:org,user:email");
}

#[tokio::test]
async fn the_token_response_is_a_form_unless_json_is_asked_for() {
    let lab = github();
    let code = parameter(&callback(&lab, ada()), "code").unwrap();
    let answer = redeem(&lab, &code, &[]).await;
    assert!(answer.header("content-type").starts_with("application/x-www-form-urlencoded"));
    let pairs: Vec<_> = url::form_urlencoded::parse(answer.text.as_bytes()).into_owned().collect();
    assert!(
        pairs.iter().any(|(name, value)| name == "access_token" && value.starts_with("gho_")),
        "{pairs:?}"
    );
    let again = redeem(&lab, &code, &[]).await;
    assert_eq!(again.status, 200);
    assert!(again.text.starts_with("error=bad_verification_code&"), "{}", again.text);
}

#[tokio::test]
async fn its_errors_come_with_200() {
    let lab = github();
    for (name, answer) in mistakes(&lab).await {
        let expected = match name {
            "secret" | "client" => "incorrect_client_credentials",
            "redirect_uri" => "redirect_uri_mismatch",
            _ => "bad_verification_code",
        };
        let form: Vec<_> = url::form_urlencoded::parse(answer.text.as_bytes()).into_owned().collect();
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(form[0], ("error".to_owned(), expected.to_owned()), "{name}");
        assert!(
            form.iter().any(|(name, value)| name == "error_uri" && value.starts_with("https://docs")),
            "{form:?}"
        );
    }
}

#[tokio::test]
async fn another_redirect_uri_leads_back_to_the_registered_one_with_an_error() {
    let lab = github();
    let url = lab.altered("redirect_uri", Some("https://evil.example/"));
    for callback in
        [lab.get(target(&url), &[]).await.location(), lab.idp.sign_in(&url, "ada").unwrap().parse().unwrap()]
    {
        assert!(callback.as_str().starts_with(CALLBACK), "{callback}");
        assert_eq!(parameter(&callback, "error").as_deref(), Some("redirect_uri_mismatch"));
        assert_eq!(parameter(&callback, "code"), None);
        assert_eq!(parameter(&callback, "state").as_deref(), Some(lab.request.state.as_str()));
    }
    let denied: Url = lab.idp.deny(&lab.authorization_url()).unwrap().parse().unwrap();
    assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));
    assert!(parameter(&denied, "error_uri").is_some());
}

#[tokio::test]
async fn a_redirect_uri_may_be_absent_or_below_the_registered_one() {
    let lab = github();
    for (uri, expected) in [
        (None, CALLBACK),
        (Some("http://127.0.0.1:9/api/auth/oidc/callback/x"), "http://127.0.0.1:9/api/auth/oidc/callback/x"),
    ] {
        let callback = lab.idp.sign_in(&lab.altered("redirect_uri", uri), "ada").unwrap();
        assert!(callback.starts_with(&format!("{expected}?code=")), "{callback}");
    }
    for other in [
        "http://127.0.0.1:8091/api/auth/oidc/callback-x",
        "http://127.0.0.1:8091/api",
        "https://127.0.0.1:8091/api/auth/oidc/callback",
    ] {
        let callback = lab.idp.sign_in(&lab.altered("redirect_uri", Some(other)), "ada").unwrap();
        assert!(callback.contains("redirect_uri_mismatch"), "{callback}");
    }
}

#[tokio::test]
async fn state_and_a_challenge_are_asked_for_all_the_same() {
    let lab = github();
    for name in ["state", "code_challenge"] {
        let callback: Url = lab.idp.sign_in(&lab.altered(name, None), "ada").unwrap().parse().unwrap();
        assert_eq!(parameter(&callback, "error").as_deref(), Some("invalid_request"), "{name}");
    }
}

#[tokio::test]
async fn an_access_token_does_not_expire() {
    let lab = github();
    let token = token(&lab, ada(), "read:user").await.field("access_token").to_owned();
    lab.clock.advance(10 * 365 * 24 * 3600);
    let bearer = format!("Bearer {token}");
    let user = lab.get("/api/v3/user", &[("authorization", &bearer), ("user-agent", "lab")]).await;
    assert_eq!(user.json["login"], Value::from("ada"));
}
