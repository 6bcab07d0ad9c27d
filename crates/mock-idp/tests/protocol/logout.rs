use http::StatusCode;
use labgate_mock_idp::{Client, Fault};
use url::form_urlencoded::Serializer;

use crate::lab::{MockLab, SIGNED_OUT, parameter, target};

/// Signs in with a browser: its cookie and the ID token.
async fn signed_in(lab: &MockLab) -> (String, String) {
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let answer = lab.post(&login, &[("user", "ada".to_owned())], &[]).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let code = parameter(&answer.location(), "code").unwrap();
    let id_token = lab.redeem(&code).await.field("id_token").to_owned();
    (cookie, id_token)
}

fn end_session(parameters: &[(&str, &str)]) -> String {
    format!("/end_session?{}", Serializer::new(String::new()).extend_pairs(parameters).finish())
}

async fn has_session(lab: &MockLab, cookie: &str) -> bool {
    let silent = lab.altered("prompt", Some("none"));
    let callback = lab.get(target(&silent), &[("cookie", cookie)]).await.location();
    parameter(&callback, "code").is_some()
}

#[tokio::test]
async fn a_hint_signs_out_and_leads_back_with_the_state() {
    let lab = MockLab::new();
    let (cookie, id_token) = signed_in(&lab).await;
    assert!(has_session(&lab, &cookie).await);
    let url = end_session(&[
        ("id_token_hint", &id_token),
        ("post_logout_redirect_uri", SIGNED_OUT),
        ("state", "s & t"),
    ]);
    lab.clock.advance(3600);
    let answer = lab.get(&url, &[("cookie", &cookie)]).await;
    assert_eq!(answer.location().as_str(), "http://127.0.0.1:8091/?state=s+%26+t");
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert!(!has_session(&lab, &cookie).await);
}

#[tokio::test]
async fn a_hint_ends_the_session_that_it_names_and_no_other() {
    let lab = MockLab::new();
    let (first, id_token) = signed_in(&lab).await;
    let (second, _) = signed_in(&lab).await;
    let answer = lab.get(&end_session(&[("id_token_hint", &id_token)]), &[("cookie", &second)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("set-cookie"), "");
    assert!(!has_session(&lab, &first).await && has_session(&lab, &second).await);
}

#[tokio::test]
async fn without_a_hint_a_page_asks_first() {
    let lab = MockLab::new();
    let (cookie, _) = signed_in(&lab).await;
    let url = end_session(&[("client_id", "lab"), ("post_logout_redirect_uri", SIGNED_OUT)]);
    let page = lab.get(&url, &[("cookie", &cookie)]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("as Ada Example"));
    assert!(has_session(&lab, &cookie).await, "nothing happened yet");

    let confirm = url.replace("/end_session", "/logout");
    assert!(page.text.contains(&confirm.replace('&', "&#38;")), "{}", page.text);
    let answer = lab.post(&confirm, &[("logout", "yes".to_owned())], &[("cookie", &cookie)]).await;
    assert_eq!(answer.location().as_str(), SIGNED_OUT);
    assert!(!has_session(&lab, &cookie).await);
}

#[tokio::test]
async fn a_redirect_that_is_not_registered_exactly_is_not_followed() {
    let lab = MockLab::with(|builder| builder.client(Client::new("other", "s")));
    let (cookie, id_token) = signed_in(&lab).await;
    for parameters in [
        vec![("post_logout_redirect_uri", SIGNED_OUT)],
        vec![("post_logout_redirect_uri", "http://127.0.0.1:8091"), ("id_token_hint", id_token.as_str())],
        vec![("post_logout_redirect_uri", "https://evil.example/"), ("client_id", "lab")],
        vec![("post_logout_redirect_uri", SIGNED_OUT), ("client_id", "other")],
        vec![("post_logout_redirect_uri", SIGNED_OUT), ("client_id", "unknown")],
        vec![("client_id", "other"), ("id_token_hint", id_token.as_str())],
        vec![("id_token_hint", "not.a.token")],
        vec![("state", "1"), ("state", "2"), ("client_id", "lab"), ("post_logout_redirect_uri", SIGNED_OUT)],
    ] {
        for answer in [
            lab.get(&end_session(&parameters), &[("cookie", &cookie)]).await,
            lab.post(&end_session(&parameters).replace("/end_session", "/logout"), &[], &[]).await,
        ] {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters:?}");
            assert_eq!(answer.header("location"), "");
        }
    }
    assert!(has_session(&lab, &cookie).await);
}

#[tokio::test]
async fn a_hint_of_another_issuer_is_not_one() {
    let (lab, other) = (MockLab::new(), MockLab::new());
    let (_, foreign) = signed_in(&other).await;
    lab.idp.fault(Fault::WrongIssuer).once();
    let (_, signed_here) = signed_in(&lab).await;
    for hint in [foreign, signed_here] {
        let answer = lab.get(&end_session(&[("id_token_hint", &hint)]), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_fault_of_the_way_back_changes_the_state_once() {
    let lab = MockLab::new();
    let back = async |state: Option<&str>| {
        let (_, id_token) = signed_in(&lab).await;
        let mut parameters = vec![("id_token_hint", &*id_token), ("post_logout_redirect_uri", SIGNED_OUT)];
        parameters.extend(state.map(|state| ("state", state)));
        parameter(&lab.get(&end_session(&parameters), &[]).await.location(), "state")
    };
    lab.idp.fault(Fault::PostLogoutMissingState).once();
    assert_eq!(back(Some("mine")).await, None);
    for state in [Some("mine"), None] {
        lab.idp.fault(Fault::PostLogoutOtherState).once();
        assert!(back(state).await.is_some_and(|other| other != "mine"));
    }
    assert_eq!(back(Some("mine")).await.as_deref(), Some("mine"));
    assert_eq!(back(None).await, None);
}

#[tokio::test]
async fn a_logout_by_post_is_read_from_the_form() {
    let lab = MockLab::new();
    let (cookie, id_token) = signed_in(&lab).await;
    let form = [("id_token_hint", id_token), ("post_logout_redirect_uri", SIGNED_OUT.to_owned())];
    assert_eq!(lab.post("/end_session", &form, &[]).await.location().as_str(), SIGNED_OUT);
    assert!(!has_session(&lab, &cookie).await);
}
