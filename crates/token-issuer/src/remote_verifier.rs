use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use labgate_domain::ports::TokenFault;
use labgate_domain::session::SessionClaims;
use labgate_domain::time::Timestamp;
use reqwest::{Client, StatusCode, Url, redirect};
use tokio::sync::Mutex;

use crate::{Verifier, VerifyError};

/// How long keys are used before they are fetched again, so that a withdrawn key is forgotten.
const MAX_AGE: Duration = Duration::from_mins(10);

/// How long the lab is left alone after it was asked.
const PAUSE: Duration = Duration::from_mins(1);

/// The same while there are no keys at all.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// How long the lab may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest JWK set, in bytes.
const MAX_LEN: usize = 256 * 1024;

/// A [`Verifier`] that fetches the lab's keys itself: at the first token, when a token names a key that it does not know,
/// and when the keys are ten minutes old. It asks the lab about keys, never about a token, and at most once a minute (every
/// five seconds while it has none); while the lab does not answer, it goes on with the keys that it has.
#[derive(Debug)]
pub struct RemoteVerifier {
    client: Client,
    url: Url,
    issuer: String,
    audience: String,
    fetched: RwLock<Option<Fetched>>,
    /// When the lab was last asked. Whoever holds the lock is the one who asks.
    asked_at: Mutex<Option<Timestamp>>,
}

#[derive(Clone, Debug)]
struct Fetched {
    verifier: Arc<Verifier>,
    at: Timestamp,
}

impl RemoteVerifier {
    /// Verifies with the keys at this address, usually the lab's followed by `/.well-known/jwks.json`; for `issuer` and
    /// `audience` see [`Verifier::from_jwks`]. Fetches nothing yet.
    ///
    /// # Errors
    /// When the address is neither https nor http to this machine.
    pub fn new(jwks_url: &str, issuer: &str, audience: &str) -> Result<Self, JwksUrlError> {
        let url = Url::parse(jwks_url).ok().filter(is_safe).ok_or(JwksUrlError)?;
        let mut client = Client::builder().redirect(redirect::Policy::none()).timeout(TIMEOUT);
        if url.scheme() == "http" {
            client = client.no_proxy(); // or it would not stay on this machine
        }
        let client = client.build().map_err(|_| JwksUrlError)?;
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        Ok(Self { client, url, issuer, audience, fetched: RwLock::default(), asked_at: Mutex::default() })
    }

    /// Who presents this token at `now`, as [`Verifier::verify`]. Waits for the lab only when the token's key is not
    /// known or the keys are old.
    ///
    /// # Errors
    /// [`RemoteVerifyError::Token`] when nobody is signed in, [`RemoteVerifyError::Keys`] when there are no keys to tell.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<SessionClaims, RemoteVerifyError> {
        let fetched = self.fetched();
        if let Some(fetched) = fetched.as_ref().filter(|fetched| now.since(fetched.at) < MAX_AGE) {
            match fetched.verifier.verify(token, now) {
                Err(VerifyError::NotAToken(TokenFault::UnknownKey)) => {}
                answer => return Ok(answer?),
            }
        }
        let verifier = self.refreshed(now).await?;
        Ok(verifier.verify(token, now)?)
    }

    /// The lab's keys of this moment, or those that we have when it was asked a moment ago or does not answer. Of many
    /// calls at once the first asks, and the others find that it did.
    async fn refreshed(&self, now: Timestamp) -> Result<Arc<Verifier>, RemoteVerifyError> {
        let mut asked_at = self.asked_at.lock().await;
        let known = self.fetched().map(|fetched| fetched.verifier);
        let pause = if known.is_some() { PAUSE } else { FIRST_PAUSE };
        // A clock that was set back far must not keep us from asking.
        let may_ask = asked_at.is_none_or(|asked| now.since(asked).max(asked.since(now)) >= pause);
        let fetched = if may_ask {
            *asked_at = Some(now);
            self.fetch().await.map(Arc::new)
        } else {
            Err(RemoteVerifyError::Keys("the lab was asked a moment ago".to_owned()))
        };
        match fetched {
            Ok(verifier) => {
                let fetched = Fetched { verifier: Arc::clone(&verifier), at: now };
                *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
                Ok(verifier)
            }
            Err(error) => known.ok_or(error),
        }
    }

    async fn fetch(&self) -> Result<Verifier, RemoteVerifyError> {
        let unreachable = |error: reqwest::Error| RemoteVerifyError::Keys(error.without_url().to_string());
        let mut response = self.client.get(self.url.clone()).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(RemoteVerifyError::Keys(format!("the answer is {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_LEN {
                return Err(RemoteVerifyError::Keys("the answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        let json = String::from_utf8_lossy(&body);
        Verifier::from_jwks(&json, &self.issuer, &self.audience)
            .map_err(|error| RemoteVerifyError::Keys(error.to_string()))
    }

    fn fetched(&self) -> Option<Fetched> {
        self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why nobody is signed in by a token, or it cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteVerifyError {
    /// The token does not hold.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// The lab's keys are not there, for the reason given.
    #[error("the lab's keys cannot be fetched: {0}")]
    Keys(String),
}

/// The address is not one to fetch keys from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keys are fetched by https, or by http from this machine")]
pub struct JwksUrlError;

/// Whether nobody on the way can put other keys in place of the lab's.
fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let is_this_machine = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => true,
        "http" => is_this_machine,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::session_jwt::SessionJwt;
    use crate::testing::{AUDIENCE, ISSUER, TestKey, at, claims};
    use crate::{Algorithm, KeyRing};

    /// A lab that publishes its keys.
    struct Lab(MockServer);

    impl Lab {
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

        /// How often the lab was asked since it last changed its answer.
        async fn asked(&self) -> usize {
            self.0.received_requests().await.unwrap().len()
        }
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
        let lab = Lab::publishing(&[Algorithm::Es256]).await;
        let verifier = lab.verifier();
        assert_eq!(lab.asked().await, 0);
        for now in 1000..1010 {
            assert!(verifier.verify(&token(Algorithm::Es256), at(now)).await.is_ok());
        }
        assert_eq!(lab.asked().await, 1);
    }

    #[tokio::test]
    async fn c084_many_calls_at_once_ask_the_lab_once() {
        let lab = Lab::publishing(&[Algorithm::Es256]).await;
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
    async fn c084_an_unknown_key_is_looked_for_once_a_minute() {
        let lab = Lab::publishing(&[Algorithm::Es256]).await;
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
        let lab = Lab::publishing(&[Algorithm::Es256]).await;
        let verifier = lab.verifier();
        let unknown = token(Algorithm::EdDsa);
        for _ in 0..1000 {
            assert_eq!(verifier.verify(&unknown, at(1000)).await, unknown_key());
        }
        assert_eq!(lab.asked().await, 1);
    }

    #[tokio::test]
    async fn c086_known_keys_are_used_on_while_the_lab_does_not_answer() {
        let lab = Lab::publishing(&[Algorithm::Es256]).await;
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
        let lab = Lab::publishing(&[]).await;
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
        let lab = Lab::publishing(&[Algorithm::EdDsa, Algorithm::Es256]).await;
        let verifier = lab.verifier();
        verifier.verify(&token(Algorithm::Es256), at(1000)).await.unwrap();
        lab.publishes(&[Algorithm::EdDsa]).await;
        assert!(verifier.verify(&token(Algorithm::Es256), at(1599)).await.is_ok());
        assert_eq!(verifier.verify(&token(Algorithm::Es256), at(1600)).await, unknown_key());
        assert!(verifier.verify(&token(Algorithm::EdDsa), at(1600)).await.is_ok());
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_does_not_stop_the_asking() {
        let lab = Lab::publishing(&[Algorithm::Es256]).await;
        let verifier = lab.verifier();
        verifier.verify(&token(Algorithm::Es256), at(1_000_000)).await.unwrap();
        lab.publishes(&[Algorithm::EdDsa]).await;
        assert!(verifier.verify(&token(Algorithm::EdDsa), at(1000)).await.is_ok());
    }

    #[tokio::test]
    async fn a_token_that_does_not_hold_is_refused_as_by_a_verifier() {
        let lab = Lab::publishing(&[Algorithm::Es256]).await;
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
        let lab = Lab::publishing(&[]).await;
        for (what, answer) in [
            ("a redirect", ResponseTemplate::new(302).insert_header("location", elsewhere.uri())),
            ("another status", ResponseTemplate::new(203).set_body_string(&jwks)),
            ("an error", ResponseTemplate::new(500).set_body_string(&jwks)),
            ("a page", ResponseTemplate::new(200).set_body_string("<html>")),
            ("nothing", ResponseTemplate::new(200)),
            ("no keys", ResponseTemplate::new(200).set_body_string("{\"keys\":[]}")),
            (
                "too much",
                ResponseTemplate::new(200).set_body_string(format!("{jwks}{}", " ".repeat(256 * 1024))),
            ),
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
        for url in
            ["https://lab.example/jwks", "http://localhost:8080/", "http://127.0.0.1/", "http://[::1]:1/"]
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
}
