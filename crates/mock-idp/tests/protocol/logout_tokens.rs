//! Back-channel logout: who is told of the end of a session, and each way in which that can go wrong.

use http::{Method, StatusCode};
use labgate_mock_idp::{Algorithm, Client, Fault, LogoutNotice};
use serde_json::{Value, json};

use crate::lab::{CALLBACK, MockLab, parameter, part, target};

const NOW: i64 = 1_800_000_000;
const TOLD: &str = "https://told.test/logout?by=mock";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A mock at which the client `told` is told of logouts, and the client `lab` is not.
fn lab() -> MockLab {
    MockLab::with(|builder| builder.client(told()))
}

fn told() -> Client {
    Client::new("told", "s").redirect_uri(CALLBACK).backchannel_logout_uri(TOLD)
}

fn sign_in(lab: &MockLab, client: &str, user: &str) {
    lab.idp.sign_in(&lab.altered("client_id", Some(client)), user).unwrap();
}

/// The header and the claims of the logout token when ada signs in and her sessions end.
async fn logout_token(lab: &MockLab) -> (Value, Value) {
    sign_in(lab, "told", "ada");
    let notices = lab.idp.end_sessions_of("ada").await.unwrap();
    assert_eq!(notices.len(), 1);
    read(&notices[0])
}

fn read(notice: &LogoutNotice) -> (Value, Value) {
    (part(notice.token(), 0), part(notice.token(), 1))
}

#[tokio::test]
async fn the_metadata_promises_it() {
    let metadata = lab().get("/.well-known/openid-configuration", &[]).await.json;
    assert_eq!(metadata["backchannel_logout_supported"], true);
    assert_eq!(metadata["backchannel_logout_session_supported"], true);
}

#[tokio::test]
async fn a_logout_token_is_as_it_should_be() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let lab = MockLab::with(|builder| builder.client(told()).algorithm(algorithm));
        let kid = lab.get("/jwks", &[]).await.json["keys"][0]["kid"].clone();
        let (header, mut claims) = logout_token(&lab).await;
        assert_eq!(header, json!({ "alg": algorithm.as_str(), "typ": "logout+jwt", "kid": kid }));
        assert!(["sid", "jti"].map(|name| claims[name].as_str().unwrap().len()) == [43, 43]);
        for random in ["sid", "jti"] {
            claims.as_object_mut().unwrap().remove(random);
        }
        let expected = json!({
            "iss": "http://idp.test", "aud": "told", "iat": NOW, "exp": NOW + 120,
            "events": { EVENT: {} }, "sub": "ada",
        });
        assert_eq!(claims, expected);
    }
}

#[tokio::test]
async fn its_request_is_a_form_for_the_registered_uri() {
    let lab = lab();
    sign_in(&lab, "told", "ada");
    let notice = lab.idp.end_sessions_of("ada").await.unwrap().remove(0);
    assert_eq!((notice.client_id().as_str(), notice.answer()), ("told", None));
    let request = notice.request();
    assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, TOLD));
    assert_eq!(request.headers()["host"], "told.test");
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.body(), &format!("logout_token={}", notice.token()));
    assert!(!format!("{notice:?}").contains(notice.token()), "a token is not for logs");
}

#[tokio::test]
async fn a_logout_at_the_mock_tells_every_other_client_of_that_session() {
    let lab = MockLab::with(|builder| {
        let third = Client::new("third", "s").redirect_uri(CALLBACK);
        builder.client(told()).client(third.backchannel_logout_uri("http://third.test/"))
    });
    sign_in(&lab, "told", "ada");
    let login = target(&lab.authorization_url()).replace("/authorize", "/login");
    let login = login.replace("client_id=lab", "client_id=told");
    let answer = lab.post(&login, &[("user", "ada".to_owned())], &[]).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    for client in ["third", "lab", "told"] {
        let silent = format!("{}&prompt=none", target(&lab.altered("client_id", Some(client))));
        assert_eq!(lab.get(&silent, &[("cookie", &cookie)]).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(lab.post("/logout", &[], &[("cookie", &cookie)]).await.status, StatusCode::OK);

    let notices = lab.idp.take_logout_notices();
    let clients: Vec<_> = notices.iter().map(|notice| notice.client_id().as_str()).collect();
    assert_eq!(clients, ["third", "told"], "once each, the latest last");
    let sids: Vec<_> = notices.iter().map(|notice| read(notice).1["sid"].clone()).collect();
    assert_eq!(sids[0], sids[1]);
    assert!(lab.idp.take_logout_notices().is_empty(), "each is given out once");

    lab.post("/logout", &[], &[("cookie", &cookie)]).await;
    assert!(lab.idp.take_logout_notices().is_empty(), "the session had ended before");
    let others = lab.idp.end_sessions_of("ada").await.unwrap();
    assert_eq!(others.len(), 1, "the other session had not");
    assert_ne!(read(&others[0]).1["sid"], sids[0]);
}

#[tokio::test]
async fn the_sid_is_that_of_the_id_token() {
    let lab = lab();
    let code = lab.idp.sign_in(&lab.altered("client_id", Some("told")), "ada").unwrap();
    let code = parameter(&code.parse().unwrap(), "code").unwrap();
    let (_, claims) = lab.token_as("told", "s", &lab.redemption(&code)).await.id_token();
    let notices = lab.idp.end_sessions_of("ada").await.unwrap();
    assert_eq!(read(&notices[0]).1["sid"], claims["sid"]);
}

#[tokio::test]
async fn only_that_persons_sessions_end_and_one_notice_is_for_one_session() {
    let lab = lab();
    for (client, user) in [("told", "ada"), ("told", "bob"), ("told", "ada"), ("lab", "ada")] {
        sign_in(&lab, client, user);
    }
    let notices = lab.idp.end_sessions_of("ada").await.unwrap();
    assert_eq!(notices.len(), 2);
    assert_ne!(read(&notices[0]).1["sid"], read(&notices[1]).1["sid"]);
    assert!(lab.idp.end_sessions_of("ada").await.unwrap().is_empty());
    assert_eq!(lab.idp.end_sessions_of("bob").await.unwrap().len(), 1);
    assert!(lab.idp.end_sessions_of("unknown").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_needs_no_sid_is_told_of_the_person_once() {
    let lab = MockLab::with(|builder| builder.client(told().backchannel_logout_session_required(false)));
    for user in ["ada", "ada", "bob"] {
        sign_in(&lab, "told", user);
    }
    let notices = lab.idp.end_sessions_of("ada").await.unwrap();
    assert_eq!(notices.len(), 1);
    let (_, claims) = read(&notices[0]);
    assert_eq!((&claims["sub"], claims.get("sid")), (&json!("ada"), None));
    lab.idp.fault(Fault::LogoutSidOnly).once();
    let (_, claims) = logout_token(&lab).await;
    assert!(claims.get("sub").is_none() && claims["sid"].is_string());
}

#[tokio::test]
async fn a_fault_of_a_logout_token_changes_what_it_says_and_nothing_else() {
    for (fault, changes) in [
        (Fault::LogoutWrongIssuer, json!({ "iss": "https://another-issuer.example" })),
        (Fault::LogoutWrongAudience, json!({ "aud": "another-client" })),
        (Fault::LogoutMissingIat, json!({ "iat": null })),
        (Fault::LogoutStaleIat, json!({ "iat": NOW - 3600 })),
        (Fault::LogoutMissingExp, json!({ "exp": null })),
        (Fault::LogoutExpired, json!({ "exp": NOW - 3600 })),
        (Fault::LogoutMissingEvents, json!({ "events": null })),
        (
            Fault::LogoutOtherEvent,
            json!({ "events": { "http://schemas.openid.net/event/frontchannel-logout": {} } }),
        ),
        (Fault::LogoutEventsNotAnObject, json!({ "events": [EVENT] })),
        (Fault::LogoutNonce, json!({ "nonce": MockLab::new().request.nonce.as_str() })),
        (Fault::LogoutNobody, json!({ "sub": null, "sid": null })),
        (
            Fault::LogoutExtraClaims,
            json!({ "amr": ["pwd"], "https://another-issuer.example/claim": { "reasons": [null, 1] } }),
        ),
        (Fault::LogoutSubOnly, json!({ "sid": null })),
        (Fault::LogoutSidOnly, json!({ "sub": null })),
    ] {
        let lab = lab();
        let (proper_header, mut proper) = logout_token(&lab).await;
        lab.idp.fault(fault.clone()).once();
        let (header, mut faulty) = logout_token(&lab).await;
        assert_eq!(header, proper_header, "{}", fault.name());
        for (name, value) in changes.as_object().unwrap() {
            assert_eq!(faulty.get(name).unwrap_or(&Value::Null), value, "{}", fault.name());
        }
        for claims in [&mut faulty, &mut proper] {
            let claims = claims.as_object_mut().unwrap();
            claims.retain(|name, _| changes.get(name).is_none() && name != "jti" && name != "sid");
        }
        assert_eq!(faulty, proper, "{}", fault.name());
        assert_eq!(logout_token(&lab).await.0, proper_header, "and then it behaves again");
    }
}

#[tokio::test]
async fn a_fault_of_the_header_or_the_signature_does_what_it_says() {
    let lab = lab();
    let (proper, _) = logout_token(&lab).await;
    let header = async |fault: Fault| {
        lab.idp.fault(fault).once();
        logout_token(&lab).await.0
    };
    assert_eq!(header(Fault::LogoutAlgNone).await, json!({ "alg": "none", "typ": "logout+jwt" }));
    assert_eq!(header(Fault::LogoutWrongKey).await, proper, "the signature is wrong, and nothing else");
    assert_eq!(header(Fault::LogoutAccessTokenType).await["typ"], "at+jwt");
    assert_eq!(header(Fault::LogoutTypeJwt).await["typ"], "JWT");
    assert_eq!(header(Fault::LogoutNoType).await, json!({ "alg": "ES256", "kid": proper["kid"] }));
    let kids = lab.get("/jwks", &[]).await.json["keys"].clone();
    let unknown = header(Fault::LogoutUnknownKid).await;
    assert!(
        unknown["kid"].is_string() && kids.as_array().unwrap().iter().all(|key| key["kid"] != unknown["kid"])
    );
}

#[tokio::test]
async fn another_algorithm_comes_with_a_published_key() {
    for (usual, other) in [(Algorithm::Es256, "RS256"), (Algorithm::Rs256, "ES256")] {
        let lab = MockLab::with(|builder| builder.client(told()).algorithm(usual));
        lab.idp.fault(Fault::LogoutWrongAlg).once();
        let (header, _) = logout_token(&lab).await;
        let keys = lab.get("/jwks", &[]).await.json["keys"].clone();
        assert_eq!((&header["alg"], &keys[1]["alg"]), (&json!(other), &json!(other)));
        assert_eq!(header["kid"], keys[1]["kid"]);
        lab.idp.fault(Fault::LogoutWrongAlg).once();
        assert_eq!(logout_token(&lab).await.0, header, "the key stays");
    }
}

#[tokio::test]
async fn a_replayed_jti_is_the_one_before() {
    let lab = lab();
    let jti = async || logout_token(&lab).await.1["jti"].clone();
    let first = jti().await;
    let second = jti().await;
    assert_ne!(first, second);
    lab.idp.fault(Fault::LogoutReplayedJti).times(2);
    assert_eq!((jti().await, jti().await), (second.clone(), second.clone()));
    assert_ne!(jti().await, second);
}

#[tokio::test]
async fn an_unknown_sid_names_no_session_and_an_id_token_is_a_proper_one() {
    let lab = lab();
    lab.idp.fault(Fault::LogoutUnknownSid).once();
    lab.idp.fault(Fault::LogoutIdToken).always();
    sign_in(&lab, "told", "ada");
    let notices = lab.idp.end_sessions_of("ada").await.unwrap();
    let (header, claims) = read(&notices[0]);
    assert_eq!((&header["typ"], &claims["aud"]), (&json!("JWT"), &json!("told")));
    assert!(claims["nonce"].is_string() && claims.get("events").is_none());
    lab.idp.clear_faults();

    let code = lab.idp.sign_in(&lab.altered("client_id", Some("told")), "ada").unwrap();
    let code = parameter(&code.parse().unwrap(), "code").unwrap();
    let (_, identity) = lab.token_as("told", "s", &lab.redemption(&code)).await.id_token();
    lab.idp.fault(Fault::LogoutUnknownSid).once();
    let (_, claims) = read(&lab.idp.end_sessions_of("ada").await.unwrap()[0]);
    assert!(claims["sid"].is_string() && claims["sid"] != identity["sid"]);
    assert_eq!(claims["sub"], "ada");
}

#[tokio::test]
async fn a_fault_chosen_on_the_page_shows_when_that_session_ends() {
    let lab = lab();
    let login = target(&lab.altered("client_id", Some("told"))).replace("/authorize", "/login");
    let form = [("user", "ada".to_owned()), ("fault", "logout-no-type".to_owned())];
    assert_eq!(lab.post(&login, &form, &[]).await.status, StatusCode::SEE_OTHER);
    sign_in(&lab, "told", "bob");
    let types = async |user| read(&lab.idp.end_sessions_of(user).await.unwrap()[0]).0["typ"].clone();
    assert_eq!((types("ada").await, types("bob").await), (Value::Null, json!("logout+jwt")));
}
