//! The token request and its response (C10, C11, C46 to C55).

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, IdTokenFault, IdentityProvider as _, ProviderCall, ProviderError};
use labgate_domain::protocol::TokenErrorCode;
use labgate_provider::{Field, kinds};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::support::{
    ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, CODE, Op, REDIRECT_URI, TOKEN, VERIFIER, fault, json_answer,
    token_response, with,
};

fn form(request: &Request) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

fn authorization(request: &Request) -> Option<String> {
    let header = request.headers.get("authorization")?.to_str().unwrap();
    let credentials = header.strip_prefix("Basic ").unwrap();
    Some(String::from_utf8(BASE64_STANDARD.decode(credentials).unwrap()).unwrap())
}

fn described(text: &str) -> ForeignText {
    ForeignText::new(text)
}

#[tokio::test]
async fn c015_c017_the_request_carries_code_verifier_and_the_same_redirect_uri() {
    let op = Op::start().await;
    op.redeem_claims(json!({})).await.unwrap();

    let requests = op.requests(TOKEN).await;
    assert_eq!(requests.len(), 1);
    let form = form(&requests[0]);
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], CODE);
    assert_eq!(form["code_verifier"], VERIFIER);
    assert_eq!(form["redirect_uri"], REDIRECT_URI);
    assert_eq!(authorization(&requests[0]).unwrap(), format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    assert!(!form.contains_key("client_secret"), "the secret goes one way only");
    assert_eq!(requests[0].url.query(), None);
    assert_eq!(
        requests[0].headers["user-agent"].to_str().unwrap(),
        concat!("labgate/", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn c010_the_secret_goes_into_the_body_where_only_that_is_accepted() {
    let op = Op::start().await;
    op.publish(json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"]}));
    op.redeem_claims(json!({})).await.unwrap();

    let requests = op.requests(TOKEN).await;
    let form = form(&requests[0]);
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), (CLIENT_ID, CLIENT_SECRET));
    assert_eq!(authorization(&requests[0]), None);
}

#[tokio::test]
async fn c010_a_provider_that_takes_no_secret_is_a_misconfiguration_before_anybody_is_sent_there() {
    let op = Op::start().await;
    op.publish(json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"]}));
    let error = op.provider.authorization_server().await.unwrap_err();
    assert!(matches!(error, ProviderError::Misconfigured(ref text) if text.contains("client_key_file")));
}

#[tokio::test]
async fn c011_basic_credentials_are_form_urlencoded_first() {
    let (id, secret) = ("lab:1 %+/ü", "s:e c%r+e/t~ü");
    let op = Op::start_with(|settings| {
        settings.set(Field::ClientId, [id]);
        settings.set(Field::ClientSecret, [secret]);
    })
    .await;
    let token = op.id_token(json!({"aud": id}));
    op.redeem_token(&token).await.unwrap();

    let sent = authorization(&op.requests(TOKEN).await[0]).unwrap();
    assert_eq!(sent, "lab%3A1+%25%2B%2F%C3%BC:s%3Ae+c%25r%2Be%2Ft%7E%C3%BC");
}

#[tokio::test]
async fn c046_error_responses_say_whose_fault_it_is() {
    let unavailable = |status, reason: &str| {
        ProviderError::unavailable(ProviderCall::Token, CallFailure::Status(status), reason)
    };
    let op = Op::start().await;
    for (status, body, expected) in [
        (400, json!({"error": "invalid_grant"}), ProviderError::CodeRejected(None)),
        (
            400,
            json!({"error": "invalid_grant", "error_description": "too\r\nlate"}),
            ProviderError::CodeRejected(Some(described("too  late"))),
        ),
        (401, json!({"error": "invalid_client"}), ProviderError::ClientRejected(None)),
        (
            401,
            json!({"error": "unauthorized_client", "error_description": "Invalid client credentials"}),
            ProviderError::ClientRejected(Some(described("Invalid client credentials"))),
        ),
        (
            400,
            json!({"error": "invalid_scope", "error_description": 7}),
            ProviderError::TokenError { code: TokenErrorCode::InvalidScope, description: None },
        ),
        (
            403,
            json!({"error": "made_up"}),
            ProviderError::TokenError { code: TokenErrorCode::parse("made_up"), description: None },
        ),
        (
            500,
            json!({"error": "server_error", "error_description": "boom"}),
            unavailable(500, "it answers with 500 Internal Server Error: server_error (boom)"),
        ),
        (
            400,
            json!({"error": "temporarily_unavailable"}),
            unavailable(400, "it answers with 400 Bad Request: temporarily_unavailable"),
        ),
        (503, json!({"error": "x"}), unavailable(503, "it answers with 503 Service Unavailable: x")),
        (429, json!({}), unavailable(429, "it answers with 429 Too Many Requests")),
        (404, json!({"message": "no"}), unavailable(404, "it answers with 404 Not Found")),
        (401, json!({}), ProviderError::ClientRejected(None)),
    ] {
        let result = op.redeem_response(json_answer(status, &body)).await;
        assert_eq!(result, Err(expected), "{status} {body}");
    }
}

#[tokio::test]
async fn c046_dex_fails_where_it_means_the_code() {
    let op = Op::start_with(|settings| settings.set(Field::Kind, [kinds::DEX.name])).await;
    let failure = json!({"error": "server_error", "error_description": "boom"});
    let refused = op.redeem_response(json_answer(500, &failure)).await;
    assert_eq!(refused, Err(ProviderError::CodeRejected(Some(described("boom")))));
    let unavailable =
        op.redeem_response(json_answer(503, &json!({"error": "temporarily_unavailable"}))).await;
    assert!(matches!(unavailable, Err(ProviderError::Unavailable { .. })));
}

#[tokio::test]
async fn c046_f25_some_call_a_bad_code_a_bad_request() {
    let failure = json!({"error": "invalid_request", "error_description": "boom"});
    for kind in [&kinds::ZITADEL, &kinds::KANIDM, &kinds::GENERIC] {
        let op = Op::start_with(|settings| settings.set(Field::Kind, [kind.name])).await;
        let refused = op.redeem_response(json_answer(400, &failure)).await.unwrap_err();
        let is_of_the_code = matches!(refused, ProviderError::CodeRejected(_));
        assert_eq!(is_of_the_code, *kind != kinds::GENERIC, "{kind:?}: {refused}");
        let down = op.redeem_response(json_answer(500, &failure)).await.unwrap_err();
        assert!(matches!(down, ProviderError::Unavailable { .. }), "{kind:?}: {down}");
    }
}

#[tokio::test]
async fn c046_a_page_instead_of_an_error_response_is_the_providers_failure() {
    let op = Op::start().await;
    for status in [400, 404, 500, 502] {
        let page = ResponseTemplate::new(status).set_body_raw("<html>secret detail</html>", "text/html");
        let error = op.redeem_response(page).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unavailable { call: ProviderCall::Token, .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("detail"));
    }
}

#[tokio::test]
async fn c047_the_code_is_sent_once_whatever_is_answered() {
    for response in [
        json_answer(503, &json!({})),
        json_answer(429, &json!({})).insert_header("retry-after", "0"),
        json_answer(400, &json!({"error": "invalid_grant"})),
        json_answer(200, &json!({})),
        json_answer(200, &token_response("a.b.c")),
        ResponseTemplate::new(307).insert_header("location", "/token"),
        ResponseTemplate::new(200),
    ] {
        let op = Op::start().await;
        op.redeem_response(response).await.unwrap_err();
        assert_eq!(op.count(TOKEN).await, 1);
    }
}

#[tokio::test]
async fn c048_a_body_that_is_not_one_clean_json_object_is_refused() {
    let op = Op::start().await;
    let good = token_response(&op.id_token(json!({}))).to_string();
    let members = good.trim_matches(['{', '}']);
    let deep = format!("{{\"x\":{}{},{members}}}", "[".repeat(10_000), "]".repeat(10_000));
    for bad in [
        "",
        "null",
        "[]",
        "<html></html>",
        "access_token=x&token_type=bearer",
        &good[..good.len() - 1],
        &format!("\u{feff}{good}"),
        &format!("{good}{good}"),
        &format!("{{\"token_type\":\"Bearer\",{members}}}"),
        &format!("{{\"x\":{{\"y\":1,\"y\":2}},{members}}}"),
        &deep,
    ] {
        let response = ResponseTemplate::new(200).set_body_raw(bad, "application/json");
        let error = op.redeem_response(response).await.unwrap_err();
        assert!(
            matches!(error, ProviderError::TokenResponse(_)),
            "{error:?} for {}",
            bad.get(..60).unwrap_or(bad)
        );
    }
}

#[tokio::test]
async fn c049_the_media_type_is_compared_as_one() {
    let op = Op::start().await;
    let body = token_response(&op.id_token(json!({}))).to_string();
    for good in [
        "application/json",
        "application/json;charset=utf-8",
        "application/json ; charset=UTF-8",
        "Application/JSON",
        "application/json;",
    ] {
        let response = ResponseTemplate::new(200).set_body_raw(body.clone(), good);
        assert!(op.redeem_response(response).await.is_ok(), "{good}");
    }
    for bad in ["application/jsonp", "application/json-seq", "text/html", "text/json", "json", ""] {
        let response = ResponseTemplate::new(200).set_body_raw(body.clone(), bad);
        let error = op.redeem_response(response).await.unwrap_err();
        assert_eq!(error, ProviderError::TokenResponse("it is not application/json"), "{bad}");
    }
    let silent = ResponseTemplate::new(200).set_body_bytes(body.clone());
    assert!(op.redeem_response(silent).await.is_err());
    let twice = ResponseTemplate::new(200)
        .append_header("content-type", "application/json")
        .append_header("content-type", "text/html")
        .set_body_bytes(body);
    assert!(op.redeem_response(twice).await.is_err());
}

#[tokio::test]
async fn c050_a_success_with_an_error_in_it_is_an_error() {
    let op = Op::start().await;
    let good = token_response(&op.id_token(json!({})));
    let mixed = with(good.clone(), json!({"error": "invalid_grant"}));
    assert_eq!(op.redeem_response(json_answer(200, &mixed)).await, Err(ProviderError::CodeRejected(None)));
    let odd = with(good.clone(), json!({"error": 7}));
    assert!(op.redeem_response(json_answer(200, &odd)).await.is_err());
    for status in [201, 202, 203, 206] {
        let result = op.redeem_response(json_answer(status, &good)).await;
        assert_eq!(result, Err(ProviderError::TokenResponse("its status is not 200")), "{status}");
    }
}

#[tokio::test]
async fn c051_there_is_no_sign_in_without_an_id_token() {
    let op = Op::start().await;
    let good = token_response(&op.id_token(json!({})));
    let missing = with(good.clone(), json!({"id_token": null}));
    let mut null = good.clone();
    null["id_token"] = Value::Null;
    for response in [missing, null, with(good.clone(), json!({"id_token": ""}))] {
        assert_eq!(op.redeem_response(json_answer(200, &response)).await, Err(ProviderError::IdTokenMissing));
    }
    for odd in [json!(1), json!(["x"]), json!({})] {
        let response = json_answer(200, &with(good.clone(), json!({"id_token": odd})));
        assert!(matches!(op.redeem_response(response).await, Err(ProviderError::TokenResponse(_))));
    }
    let token = op.id_token(json!({}));
    let two = token.rsplit_once('.').unwrap().0.to_owned();
    for segments in [two, format!("{token}."), format!("{token}.x"), format!("{token}.x.y"), "x".to_owned()] {
        // Five are those of an encrypted token.
        let is_encrypted = segments.split('.').count() == 5;
        let expected = if is_encrypted { IdTokenFault::Encrypted } else { IdTokenFault::Malformed };
        assert_eq!(
            fault(op.redeem_token(&segments).await),
            expected,
            "{} segments",
            segments.split('.').count()
        );
    }
}

#[tokio::test]
async fn c052_the_token_type_is_bearer_in_any_case() {
    let op = Op::start().await;
    let good = token_response(&op.id_token(json!({})));
    for token_type in ["Bearer", "bearer", "BEARER", "bEARER"] {
        let response = json_answer(200, &with(good.clone(), json!({"token_type": token_type})));
        assert!(op.redeem_response(response).await.is_ok(), "{token_type}");
    }
    for token_type in
        [Value::Null, json!("DPoP"), json!("mac"), json!(""), json!("bearer "), json!(["Bearer"])]
    {
        let response = json_answer(200, &with(good.clone(), json!({"token_type": token_type})));
        let result = op.redeem_response(response).await;
        assert_eq!(result, Err(ProviderError::TokenResponse("its token_type is not Bearer")), "{token_type}");
    }
}

#[tokio::test]
async fn c053_c055_what_is_not_used_is_not_read() {
    let op = Op::start().await;
    let good = token_response(&op.id_token(json!({})));
    for odd in [Value::Null, json!("300"), json!(-1), json!(1.5), json!(1e300), json!([]), json!(u64::MAX)] {
        let changes = json!({"expires_in": odd, "scope": ["a"], "refresh_token": 7, "unknown": {"x": [1]}});
        let response = json_answer(200, &with(good.clone(), changes));
        assert!(op.redeem_response(response).await.is_ok(), "{odd}");
    }
}

#[tokio::test]
async fn c054_an_access_token_that_fits_no_header_is_refused_before_one_is_built() {
    let op = Op::start_with(|settings| settings.set(Field::Userinfo, ["always"])).await;
    let good = token_response(&op.id_token(json!({})));
    for bad in
        ["", "a b", "a\nb", "a\r\nX: y", "a\u{7f}", "a\0", "ä", &"x".repeat(65 * 1024), &"x".repeat(200_000)]
    {
        let response = json_answer(200, &with(good.clone(), json!({"access_token": bad})));
        let error = op.redeem_response(response).await.unwrap_err();
        assert!(matches!(error, ProviderError::TokenResponse(_)), "{error:?}");
    }
    for bad in [Value::Null, json!(1), json!(["x"])] {
        let response = json_answer(200, &with(good.clone(), json!({"access_token": bad})));
        assert!(matches!(op.redeem_response(response).await, Err(ProviderError::TokenResponse(_))), "{bad}");
    }
    assert_eq!(op.count(crate::support::USERINFO).await, 0);
    for odd in ["appid|secret", "00D!AQ.x", ACCESS_TOKEN] {
        let op = Op::start().await;
        let good = token_response(&op.id_token(json!({})));
        let response = json_answer(200, &with(good, json!({"access_token": odd})));
        assert!(op.redeem_response(response).await.is_ok(), "{odd}");
    }
}

#[tokio::test]
async fn a_changed_client_authentication_is_seen_after_the_first_refusal() {
    let op = Op::start().await;
    let moved = format!("{}/token-2", op.issuer());
    op.redeem_claims(json!({})).await.unwrap();
    op.publish(json!({
        "token_endpoint": moved, "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }));
    op.answer("/token-2", json_answer(200, &token_response(&op.id_token(json!({})))));
    let refused = op.redeem_response(json_answer(401, &json!({"error": "invalid_client"}))).await;
    assert_eq!(refused, Err(ProviderError::ClientRejected(None)));
    op.provider.redeem(op.redemption()).await.unwrap();
    let requests = op.requests("/token-2").await;
    assert!(String::from_utf8_lossy(&requests[0].body).contains("client_secret="));
}
