//! The parameters that an operator adds to the authorization request (C75, C76).

use labgate_domain::ports::{IdTokenFault, IdentityProvider as _, ProviderError};
use labgate_domain::protocol::{AuthorizationRequest, ClientId, RedirectUri, Scopes, State};
use labgate_provider::Field;
use serde_json::json;

use crate::support::{CLIENT_ID, NOW, Op, REDIRECT_URI, at_issuer, fault, json_answer};

async fn op_with(parameters: &[&str]) -> Op {
    Op::start_with(|settings| settings.set(Field::AuthorizationParameters, parameters.iter().copied())).await
}

#[tokio::test]
async fn f19_further_parameters_go_with_each_request_and_win_over_ours() {
    let op = Op::start_with(|settings| {
        settings.set(Field::AuthorizationParameters, ["prompt=login", "audience=https://api.example?x=1"]);
        settings.set(Field::Recheck, ["15m"]);
    })
    .await;
    let sent = op.provider.authorization_server().await.unwrap().extra_parameters;
    let expected = [("prompt", "login"), ("audience", "https://api.example?x=1")];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn c076_with_max_age_the_authentication_is_recent() {
    let op = op_with(&["max_age=300"]).await;
    for (at, accepted) in [
        (json!(NOW), true),
        (json!(NOW - 360), true),
        (json!(NOW - 361), false),
        (json!(NOW + 61), false),
        (json!(null), false),
        (json!("now"), false),
    ] {
        let result = op.redeem_claims(json!({"auth_time": at})).await;
        if accepted {
            result.unwrap();
        } else {
            assert_eq!(fault(result), IdTokenFault::AuthenticationTime, "{at}");
        }
    }
    assert!(Op::start().await.redeem_claims(json!({})).await.is_ok());
}

#[tokio::test]
async fn c075_with_acr_values_the_token_has_one_of_them() {
    let op = op_with(&["acr_values=gold silver"]).await;
    assert!(op.redeem_claims(json!({"acr": "silver"})).await.is_ok());
    for acr in [json!(null), json!("bronze"), json!("gold silver"), json!(["gold"]), json!("")] {
        let result = op.redeem_claims(json!({"acr": acr})).await;
        assert_eq!(fault(result), IdTokenFault::AuthenticationContext, "{acr}");
    }
}

fn request(op: &Op) -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: ClientId::parse(CLIENT_ID).unwrap(),
        redirect_uri: RedirectUri::parse(REDIRECT_URI).unwrap(),
        scopes: Scopes::with_openid(["email"]).unwrap(),
        state: State::parse("state-1").unwrap(),
        nonce: op.redemption().nonce,
        code_challenge: op.redemption().verifier.challenge(),
        extra: vec![("prompt".to_owned(), "login".to_owned())],
    }
}

const PAR: &str = "/par";

fn with_par(op: &Op, required: bool) {
    op.publish(json!({
        "pushed_authorization_request_endpoint": format!("{}{PAR}", op.issuer()),
        "require_pushed_authorization_requests": required,
    }));
}

#[tokio::test]
async fn f19_requests_are_pushed_where_the_provider_or_the_operator_wants_it() {
    for (required, wanted, pushes) in [(true, "false", true), (false, "true", true), (false, "false", false)]
    {
        let op = Op::start_with(|settings| settings.set(Field::PushedRequests, [wanted])).await;
        with_par(&op, required);
        assert_eq!(op.provider.authorization_server().await.unwrap().pushes_requests, pushes);
    }
    let op = Op::start_with(|settings| settings.set(Field::PushedRequests, ["true"])).await;
    let error = op.provider.authorization_server().await.unwrap_err();
    assert!(
        matches!(&error, ProviderError::Misconfigured(text) if text.contains("pushed_authorization_requests"))
    );
}

#[tokio::test]
async fn f19_a_pushed_request_is_whole_and_authenticated() {
    let op = Op::start().await;
    with_par(&op, true);
    let uri = "urn:ietf:params:oauth:request_uri:abc";
    op.answer(PAR, json_answer(201, &json!({"request_uri": uri, "expires_in": 60})));
    let request = request(&op);
    let pushed = op.provider.push(&request).await.unwrap();
    assert_eq!(pushed.as_str(), uri);
    let sent = op.requests(PAR).await.remove(0);
    assert!(sent.headers["authorization"].to_str().unwrap().starts_with("Basic "));
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&sent.body).into_owned().collect();
    let whole: Vec<_> =
        request.parameters().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(form, whole);
    let url = request.pushed_url(&"https://op.example/authorize?tenant=1".parse().unwrap(), &pushed);
    let carried: Vec<_> = url.query_pairs().into_owned().collect();
    let expected = [("tenant", "1"), ("client_id", CLIENT_ID), ("request_uri", uri)];
    assert_eq!(carried, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn f19_a_refused_push_says_why() {
    let op = Op::start().await;
    with_par(&op, true);
    for (answer, expected) in [
        (json_answer(401, &json!({"error": "invalid_client"})), "the client id or its secret"),
        (json_answer(400, &json!({"error": "invalid_request", "error_description": "no acr"})), "no acr"),
        (
            json_answer(400, &json!({"error": "invalid_request", "error_description": "state-1"})),
            "invalid_request",
        ),
        (
            json_answer(201, &json!({})),
            "pushed authorization request endpoint cannot be used: it has no proper",
        ),
        (json_answer(201, &json!({"request_uri": 1})), "no proper request_uri"),
        (json_answer(500, &json!({})), "pushed authorization request endpoint cannot be used"),
    ] {
        op.answer(PAR, answer);
        let told = op.provider.push(&request(&op)).await.unwrap_err().to_string();
        assert!(told.contains(expected) && !told.contains("state-1"), "{told}");
    }
}

#[test]
fn f19_a_parameter_of_the_request_itself_is_refused_at_the_start() {
    let names = [
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "response_type",
        "response_mode",
        "request",
        "request_uri",
        "client_secret",
    ];
    let own = names.map(|name| format!("{name}=x"));
    let odd = ["prompt", "=x", "prompt=", "max_age=soon", "a=\n"].map(str::to_owned);
    for pair in own.iter().chain(&odd) {
        let errors = at_issuer("https://op.example").with(Field::AuthorizationParameters, [pair]).parse();
        let errors = errors.unwrap_err();
        assert_eq!((errors.len(), errors[0].field()), (1, Field::AuthorizationParameters), "{pair}");
    }
    let twice = at_issuer("https://op.example").with(Field::AuthorizationParameters, ["a=1", "a=2"]).parse();
    assert!(twice.unwrap_err()[0].to_string().contains("twice"));
}
