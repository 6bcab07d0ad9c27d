use http::StatusCode;
use labgate_domain::protocol::{AuthorizationOutcome, AuthorizationResponse};
use labgate_mock_idp::{Client, UnanswerableRequest, User};

use crate::lab::{CALLBACK, MockLab, parameter, target};

#[tokio::test]
async fn a_sign_in_comes_back_with_code_state_and_issuer() {
    let lab = MockLab::new();
    let response = AuthorizationResponse::from_query(lab.callback().query().unwrap()).unwrap();
    assert!(matches!(response.outcome, AuthorizationOutcome::Code(_)));
    assert_eq!(response.state, lab.request.state);
    assert_eq!(response.issuer.as_deref(), Some("http://idp.test"));
}

#[tokio::test]
async fn one_post_with_a_user_signs_in_without_looking_at_the_page() {
    let lab = MockLab::new();
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let answer = lab.post(&login, &[("user", "ada".to_owned())], &[]).await;
    assert!(parameter(&answer.location(), "code").is_some());
    assert!(answer.header("set-cookie").contains("HttpOnly; SameSite=Lax"));
}

#[tokio::test]
async fn typed_claims_are_what_the_id_token_says() {
    let lab = MockLab::new();
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let form = [
        ("sub", "typed"),
        ("email", "typed@example.test"),
        ("name", "Typed In"),
        ("groups", "a, b"),
        ("claims", r#"{"department": 7, "aud": "forged"}"#),
    ];
    let form: Vec<_> = form.map(|(name, value)| (name, value.to_owned())).into();
    let callback = lab.post(&login, &form, &[]).await.location();
    let (_, claims) = lab.redeem(&parameter(&callback, "code").unwrap()).await.id_token();
    assert_eq!(claims["sub"], "typed");
    assert_eq!(claims["email"], "typed@example.test");
    assert_eq!(claims["email_verified"], false);
    assert_eq!(claims["groups"], serde_json::json!(["a", "b"]));
    assert_eq!(claims["department"], 7);
    assert_eq!(claims["aud"], "lab", "a typed claim cannot replace one of the protocol");
}

#[tokio::test]
async fn claims_that_are_not_an_object_bring_the_page_back_with_what_was_typed() {
    let lab = MockLab::new();
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let form = [("sub", "typed".to_owned()), ("claims", "[1]".to_owned())];
    let answer = lab.post(&login, &form, &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("must be one JSON object") && answer.text.contains("value=\"typed\""));
}

#[tokio::test]
async fn denying_comes_back_with_access_denied() {
    let lab = MockLab::new();
    let callback = lab.idp.deny(&lab.authorization_url()).unwrap().parse().unwrap();
    assert_eq!(parameter(&callback, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&callback, "iss").as_deref(), Some("http://idp.test"));
    assert!(parameter(&callback, "state").is_some());
}

#[tokio::test]
async fn before_the_redirect_uri_is_known_errors_are_pages() {
    let lab = MockLab::new();
    let other = format!("{CALLBACK}/");
    for (name, value) in [
        ("client_id", None),
        ("client_id", Some("other")),
        ("redirect_uri", None),
        ("redirect_uri", Some(other.as_str())),
        ("redirect_uri", Some("https://evil.example/")),
    ] {
        let url = lab.altered(name, value);
        let answer = lab.get(target(&url), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}={value:?}");
        assert_eq!(answer.header("location"), "");
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(lab.idp.sign_in(&url, "ada").is_err(), "{name}={value:?}");
    }
    let twice = format!("{}&redirect_uri=x", target(&lab.authorization_url()));
    assert_eq!(lab.get(&twice, &[]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_page_says_which_redirect_uris_would_do() {
    let lab = MockLab::new();
    let url = lab.altered("redirect_uri", Some("https://evil.example/"));
    let error = lab.idp.sign_in(&url, "ada").unwrap_err();
    assert!(matches!(error, UnanswerableRequest::UnregisteredRedirectUri { .. }));
    assert!(error.to_string().contains(CALLBACK));
}

#[tokio::test]
async fn after_it_errors_are_redirects_with_state_and_issuer() {
    let lab = MockLab::new();
    for (name, value, expected) in [
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", None, "invalid_request"),
        ("scope", Some("email"), "invalid_scope"),
        ("nonce", None, "invalid_request"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("response_mode", Some("form_post"), "invalid_request"),
        ("prompt", Some("none login"), "invalid_request"),
        ("max_age", Some("soon"), "invalid_request"),
        ("request", Some("eyJ"), "request_not_supported"),
        ("request_uri", Some("https://x.example"), "request_uri_not_supported"),
    ] {
        let url = lab.altered(name, value);
        for callback in [
            lab.get(target(&url), &[]).await.location(),
            lab.idp.sign_in(&url, "ada").unwrap().parse().unwrap(),
        ] {
            assert_eq!(parameter(&callback, "error").as_deref(), Some(expected), "{name}");
            assert_eq!(parameter(&callback, "state").as_deref(), Some(lab.request.state.as_str()));
            assert_eq!(parameter(&callback, "iss").as_deref(), Some("http://idp.test"));
            assert_eq!(parameter(&callback, "code"), None);
        }
    }
}

#[tokio::test]
async fn a_request_without_state_is_refused_without_one() {
    let lab = MockLab::new();
    let callback = lab.get(target(&lab.altered("state", None)), &[]).await.location();
    assert_eq!(parameter(&callback, "error").as_deref(), Some("invalid_request"));
    assert_eq!(parameter(&callback, "state"), None);
    assert!(parameter(&callback, "iss").is_some());
}

#[tokio::test]
async fn the_query_of_a_registered_redirect_uri_stays() {
    let uri = "http://127.0.0.1:1/cb?a=%20b";
    let lab = MockLab::with(|builder| builder.client(Client::new("other", "s").redirect_uri(uri)));
    let mut url = lab.altered("redirect_uri", Some(uri));
    let query = url.query().unwrap().replace("client_id=lab", "client_id=other");
    url.set_query(Some(&query));
    assert!(lab.idp.sign_in(&url, "ada").unwrap().starts_with("http://127.0.0.1:1/cb?a=%20b&code="));
    lab.idp.fault(labgate_mock_idp::Fault::CallbackNoIss).once();
    assert!(lab.idp.sign_in(&url, "ada").unwrap().starts_with("http://127.0.0.1:1/cb?a=%20b&code="));
}

#[tokio::test]
async fn a_request_by_post_is_read_from_the_form() {
    let lab = MockLab::new();
    let url = lab.authorization_url();
    let form: Vec<_> = url.query_pairs().into_owned().collect();
    let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let answer = lab.post("/authorize", &form, &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("Sign in as Ada Example"));
}

#[tokio::test]
async fn prompt_none_needs_a_session_that_will_do() {
    let lab = MockLab::new();
    let silent = lab.altered("prompt", Some("none"));
    let error = |url: &url::Url| parameter(url, "error");

    let signed_out = lab.get(target(&silent), &[]).await.location();
    assert_eq!(error(&signed_out).as_deref(), Some("login_required"));

    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let answer = lab.post(&login, &[("user", "ada".to_owned())], &[]).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let signed_in_at = lab.redeem(&parameter(&answer.location(), "code").unwrap()).await.id_token().1;

    lab.clock.advance(100);
    let cookie = [("cookie", cookie.as_str())];
    let callback = lab.get(target(&silent), &cookie).await.location();
    let claims = lab.redeem(&parameter(&callback, "code").unwrap()).await.id_token().1;
    assert_eq!(claims["auth_time"], signed_in_at["auth_time"], "the person did not sign in again");
    assert_eq!(claims["sid"], signed_in_at["sid"]);

    for (more, fits) in [
        ("&max_age=100", true),
        ("&max_age=99", false),
        ("&login_hint=ada", true),
        ("&login_hint=bob", false),
    ] {
        let callback = lab.get(&format!("{}{more}", target(&silent)), &cookie).await.location();
        assert_eq!(error(&callback).is_none(), fits, "{more}");
    }
}

#[tokio::test]
async fn otherwise_the_page_asks_even_when_there_is_a_session() {
    let lab = MockLab::new();
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let answer = lab.post(&login, &[("user", "ada".to_owned())], &[]).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    for prompt in ["login", "consent", "select_account"] {
        let page = lab.get(target(&lab.altered("prompt", Some(prompt))), &[("cookie", &cookie)]).await;
        assert_eq!(page.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn login_hint_puts_the_person_first() {
    let lab = MockLab::new();
    let page = lab.get(target(&lab.altered("login_hint", Some("BOB@example.test"))), &[]).await.text;
    let first = page.find("<button name=\"user\"").unwrap();
    assert!(page[first..].starts_with("<button name=\"user\" value=\"bob\" autofocus>"));
    let page = lab.get(target(&lab.altered("login_hint", Some("someone"))), &[]).await.text;
    assert!(page.contains("name=\"sub\" value=\"someone\""), "an unknown hint is ready to be typed");
}

#[tokio::test]
async fn who_is_not_registered_cannot_sign_in_by_button() {
    let lab = MockLab::with(|builder| builder.user(User::new("eve")));
    assert!(lab.idp.sign_in(&lab.authorization_url(), "eve").is_ok());
    let error = lab.idp.sign_in(&lab.authorization_url(), "ada").unwrap_err();
    assert!(matches!(error, UnanswerableRequest::UnknownUser(_)));
    let elsewhere = "http://idp.test/other/authorize".parse().unwrap();
    assert_eq!(lab.idp.sign_in(&elsewhere, "eve").unwrap_err(), UnanswerableRequest::NotOurs);
}
