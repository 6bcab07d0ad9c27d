use serde_json::json;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::session_jwt::SessionJwt;
use crate::testing::{AUDIENCE, ISSUER, TestKey, at, claims, next_versions_token};
use crate::{Algorithm, KeyRing};

/// A lab that publishes its keys.
struct MockLab(MockServer);

impl MockLab {
    async fn publishing(keys: &[Algorithm]) -> Self {
        let lab = Self(MockServer::start().await);
        lab.publishes(keys).await;
        lab
    }

    async fn publishes(&self, keys: &[Algorithm]) {
        let keys: Vec<_> = keys.iter().map(|key| TestKey::of(*key).signing.public_jwk()).collect();
        self.answers(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))).await;
    }

    async fn answers(&self, response: ResponseTemplate) {
        self.0.reset().await;
        let keys = Mock::given(method("GET")).and(path("/.well-known/jwks.json"));
        keys.respond_with(response).mount(&self.0).await;
    }

    fn verifier(&self) -> RemoteVerifier {
        RemoteVerifier::new(&format!("{}/.well-known/jwks.json", self.0.uri()), ISSUER, AUDIENCE).unwrap()
    }

    /// Counts the requests since the lab last changed its answer.
    async fn asked(&self) -> usize {
        self.0.received_requests().await.unwrap().len()
    }
}

/// A lab that answers when the test lets it.
struct SlowLab(TcpListener);

impl SlowLab {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn verifier(&self) -> Arc<RemoteVerifier> {
        let url = format!("http://{}/jwks.json", self.0.local_addr().unwrap());
        Arc::new(RemoteVerifier::new(&url, ISSUER, AUDIENCE).unwrap())
    }

    /// The next request, which waits for its answer.
    async fn asked(&self) -> TcpStream {
        let (stream, _) = self.0.accept().await.unwrap();
        let read = stream.async_io(Interest::READABLE, || stream.try_read(&mut [0; 4096])).await;
        assert!(read.unwrap() > 0);
        stream
    }

    /// Closes the connection after it, so that a further request would need another.
    async fn answer(stream: TcpStream, jwks: &str) {
        let length = jwks.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{jwks}");
        let written = stream.async_io(Interest::WRITABLE, || stream.try_write(answer.as_bytes())).await;
        assert_eq!(written.unwrap(), answer.len());
    }
}

fn verifying(
    verifier: &Arc<RemoteVerifier>,
    now: i64,
) -> JoinHandle<Result<SessionClaims, RemoteVerifyError>> {
    let verifier = Arc::clone(verifier);
    tokio::spawn(async move { verifier.verify(&token(Algorithm::Es256), at(now)).await })
}

/// A token that never expires, so that the tests may let time pass.
fn token(algorithm: Algorithm) -> String {
    let claims = SessionClaims { exp: at(i64::MAX), ..claims() };
    TestKey::of(algorithm).signing.sign(Some(SessionJwt::TYP), &claims).unwrap()
}

fn unknown_key<T>() -> Result<T, RemoteVerifyError> {
    Err(RemoteVerifyError::Token(VerifyError::NotAToken(TokenFault::UnknownKey)))
}

#[tokio::test]
async fn the_lab_is_asked_once_for_many_tokens() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let verifier = lab.verifier();
    assert_eq!(lab.asked().await, 0);
    for now in 1000..1010 {
        assert!(verifier.verify(&token(Algorithm::Es256), at(now)).await.is_ok());
    }
    assert_eq!(lab.asked().await, 1);
}

#[tokio::test]
async fn f46_tokens_of_the_next_version_are_verified_with_fetched_keys() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let token = next_versions_token(TestKey::of(Algorithm::Es256));
    assert_eq!(lab.verifier().verify(&token, at(1000)).await, Ok(claims()));
}

#[tokio::test]
async fn c084_many_calls_at_once_ask_the_lab_once() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let verifier = Arc::new(lab.verifier());
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let verifier = Arc::clone(&verifier);
            tokio::spawn(async move { verifier.verify(&token(Algorithm::Es256), at(1000)).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(lab.asked().await, 1);
}

#[tokio::test]
async fn c084_a_caller_that_gives_up_leaves_the_answer_to_the_others() {
    let lab = SlowLab::start().await;
    let verifier = lab.verifier();
    let first = verifying(&verifier, 1000);
    let request = lab.asked().await;
    let waiting = verifying(&verifier, 1000);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let later = verifying(&verifier, 1000);

    let jwks = KeyRing::new(TestKey::of(Algorithm::Es256).signing.clone()).jwks().to_string();
    SlowLab::answer(request, &jwks).await;
    // Nobody accepts a second connection: whoever asked again would get no answer.
    assert!(waiting.await.unwrap().is_ok());
    assert!(later.await.unwrap().is_ok());
}

#[tokio::test]
async fn c085_callers_that_give_up_do_not_become_requests() {
    let lab = SlowLab::start().await;
    let verifier = lab.verifier();
    let first = verifying(&verifier, 1000);
    let request = lab.asked().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    drop(request);

    let refused = verifying(&verifier, 1000).await.unwrap();
    assert!(matches!(refused, Err(RemoteVerifyError::Keys(_))), "{refused:?}");
    let next = verifying(&verifier, 1005);
    drop(lab.asked().await);
    assert!(next.await.unwrap().is_err());
}

#[tokio::test]
async fn c084_an_unknown_key_is_looked_for_once_a_minute() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let verifier = lab.verifier();
    verifier.verify(&token(Algorithm::Es256), at(1000)).await.unwrap();

    lab.publishes(&[Algorithm::EdDsa, Algorithm::Es256]).await;
    assert_eq!(verifier.verify(&token(Algorithm::EdDsa), at(1059)).await, unknown_key());
    assert_eq!(lab.asked().await, 0);
    assert!(verifier.verify(&token(Algorithm::EdDsa), at(1060)).await.is_ok());
    assert!(verifier.verify(&token(Algorithm::Es256), at(1060)).await.is_ok());
    assert_eq!(lab.asked().await, 1);
}

#[tokio::test]
async fn c085_a_thousand_tokens_of_unknown_keys_do_not_become_requests() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let verifier = lab.verifier();
    let unknown = token(Algorithm::EdDsa);
    for _ in 0..1000 {
        assert_eq!(verifier.verify(&unknown, at(1000)).await, unknown_key());
    }
    assert_eq!(lab.asked().await, 1);
}

#[tokio::test]
async fn c086_known_keys_are_used_on_while_the_lab_does_not_answer() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let verifier = lab.verifier();
    verifier.verify(&token(Algorithm::Es256), at(1000)).await.unwrap();
    lab.answers(ResponseTemplate::new(503)).await;
    for now in [1600, 1601, 1_000_000] {
        assert!(verifier.verify(&token(Algorithm::Es256), at(now)).await.is_ok());
    }
    assert_eq!(lab.asked().await, 2);
}

#[tokio::test]
async fn c086_without_any_keys_the_lab_is_asked_again_after_a_short_pause() {
    let lab = MockLab::publishing(&[]).await;
    lab.answers(ResponseTemplate::new(503)).await;
    let verifier = lab.verifier();
    for now in [1000, 1004] {
        let refused = verifier.verify(&token(Algorithm::Es256), at(now)).await;
        assert!(matches!(refused, Err(RemoteVerifyError::Keys(_))), "{refused:?}");
    }
    assert_eq!(lab.asked().await, 1);
    lab.publishes(&[Algorithm::Es256]).await;
    assert!(verifier.verify(&token(Algorithm::Es256), at(1005)).await.is_ok());
}

#[tokio::test]
async fn c091_a_withdrawn_key_is_forgotten_after_ten_minutes() {
    let lab = MockLab::publishing(&[Algorithm::EdDsa, Algorithm::Es256]).await;
    let verifier = lab.verifier();
    verifier.verify(&token(Algorithm::Es256), at(1000)).await.unwrap();
    lab.publishes(&[Algorithm::EdDsa]).await;
    assert!(verifier.verify(&token(Algorithm::Es256), at(1599)).await.is_ok());
    assert_eq!(verifier.verify(&token(Algorithm::Es256), at(1600)).await, unknown_key());
    assert!(verifier.verify(&token(Algorithm::EdDsa), at(1600)).await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_stop_the_asking() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let verifier = lab.verifier();
    verifier.verify(&token(Algorithm::Es256), at(1_000_000)).await.unwrap();
    lab.publishes(&[Algorithm::EdDsa]).await;
    assert!(verifier.verify(&token(Algorithm::EdDsa), at(1000)).await.is_ok());
}

#[tokio::test]
async fn c091_keys_fetched_in_the_future_are_not_fresh() {
    let lab = MockLab::publishing(&[Algorithm::EdDsa, Algorithm::Es256]).await;
    let verifier = lab.verifier();
    verifier.verify(&token(Algorithm::Es256), at(1_000_000)).await.unwrap();
    lab.publishes(&[Algorithm::EdDsa]).await;
    // The clock was set back. Counted from the fetch, the withdrawn key would stay for eleven days.
    assert_eq!(verifier.verify(&token(Algorithm::Es256), at(1000)).await, unknown_key());
    assert!(verifier.verify(&token(Algorithm::EdDsa), at(1001)).await.is_ok());
    assert_eq!(lab.asked().await, 1);
}

#[tokio::test]
async fn a_caller_whose_now_is_a_little_older_than_the_keys_does_not_ask_again() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let verifier = lab.verifier();
    for now in [1000, 999, 990, 1001] {
        assert!(verifier.verify(&token(Algorithm::Es256), at(now)).await.is_ok());
    }
    assert_eq!(lab.asked().await, 1);
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused_as_by_a_verifier() {
    let lab = MockLab::publishing(&[Algorithm::Es256]).await;
    let expired = TestKey::of(Algorithm::Es256).signing.sign(Some(SessionJwt::TYP), &claims()).unwrap();
    let refused = lab.verifier().verify(&expired, at(1900)).await;
    assert_eq!(refused, Err(RemoteVerifyError::Token(VerifyError::Expired)));
}

#[tokio::test]
async fn c005_c006_other_answers_are_refused() {
    let jwks = KeyRing::new(TestKey::of(Algorithm::Es256).signing.clone()).jwks().to_string();
    let elsewhere = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string(&jwks))
        .mount(&elsewhere)
        .await;
    let lab = MockLab::publishing(&[]).await;
    for (what, answer) in [
        ("a redirect", ResponseTemplate::new(302).insert_header("location", elsewhere.uri())),
        ("another status", ResponseTemplate::new(203).set_body_string(&jwks)),
        ("an error", ResponseTemplate::new(500).set_body_string(&jwks)),
        ("a page", ResponseTemplate::new(200).set_body_string("<html>")),
        ("nothing", ResponseTemplate::new(200)),
        ("no keys", ResponseTemplate::new(200).set_body_string("{\"keys\":[]}")),
        ("too much", ResponseTemplate::new(200).set_body_string(format!("{jwks}{}", " ".repeat(256 * 1024)))),
    ] {
        lab.answers(answer).await;
        let refused = lab.verifier().verify(&token(Algorithm::Es256), at(1000)).await;
        assert!(matches!(refused, Err(RemoteVerifyError::Keys(_))), "{what}: {refused:?}");
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    let fits = format!("{jwks}{}", " ".repeat(256 * 1024 - jwks.len()));
    lab.answers(ResponseTemplate::new(200).set_body_string(fits)).await;
    assert!(lab.verifier().verify(&token(Algorithm::Es256), at(1000)).await.is_ok());
}

#[test]
fn c004_keys_are_fetched_by_https_or_from_this_machine() {
    let taken = |url| RemoteVerifier::new(url, ISSUER, AUDIENCE).is_ok();
    for url in ["https://lab.example/jwks", "http://localhost:8080/", "http://127.0.0.1/", "http://[::1]:1/"]
    {
        assert!(taken(url), "{url}");
    }
    for url in [
        "",
        "lab.example",
        "/jwks.json",
        "http://lab.example/",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "http://0.0.0.0/",
        "http://192.168.0.1/",
        "file:///etc/keys",
        "ftp://localhost/",
    ] {
        assert!(!taken(url), "{url}");
    }
}
