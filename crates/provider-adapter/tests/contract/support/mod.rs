//! A provider of our own making that answers whatever a test wants, and the adapter in front of it.

mod keys;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::admission::Criterion;
use labgate_domain::identity::ExternalIdentity;
use labgate_domain::ports::{CodeRedemption, IdTokenFault, IdentityProvider, ProviderError};
use labgate_domain::protocol::{AuthorizationCode, Issuer, Nonce, PkceVerifier, RedirectUri};
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_provider::{Field, OpenIdProvider, ProviderSettings, SettingsError, UncheckedSettings};
use serde_json::{Map, Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) use keys::TestKey;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const CLIENT_ID: &str = "lab";
pub(crate) const CLIENT_SECRET: &str = "client-secret-value";
pub(crate) const CODE: &str = "code-1";
pub(crate) const VERIFIER: &str = "verifier-verifier-verifier-verifier-verifier";
pub(crate) const NONCE: &str = "nonce-1";
pub(crate) const REDIRECT_URI: &str = "https://lab.example/api/auth/oidc/callback";
pub(crate) const ACCESS_TOKEN: &str = "access-token-1";

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const JWKS: &str = "/keys";
pub(crate) const TOKEN: &str = "/token";
pub(crate) const USERINFO: &str = "/userinfo";

/// All that Labgate accepts, and some that it never does.
const STATED_ALGORITHMS: [&str; 12] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "none", "XX99",
];

pub(crate) fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A clock that stands still until it is told to move.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn at(seconds: i64) -> Self {
        Self(AtomicI64::new(seconds))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// The provider: one answer per path, exchangeable at any time.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<HashMap<String, ResponseTemplate>>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let answers = self.0.lock().unwrap();
        answers.get(request.url.path()).cloned().unwrap_or_else(|| ResponseTemplate::new(404))
    }
}

/// A provider and the adapter under test in front of it.
pub(crate) struct Op {
    server: MockServer,
    answers: Answers,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) key: TestKey,
    pub(crate) provider: OpenIdProvider,
}

impl Op {
    /// A healthy provider with one Ed25519 key, known by its issuer alone.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut UncheckedSettings)) -> Self {
        Self::start_at(|uri| {
            let mut settings = at_issuer(uri);
            change(&mut settings);
            settings
        })
        .await
    }

    /// The same, with the settings for a provider that listens at this address.
    pub(crate) async fn start_at(settings: impl FnOnce(&str) -> UncheckedSettings) -> Self {
        let server = MockServer::start().await;
        let answers = Answers::default();
        Mock::given(any()).respond_with(answers.clone()).mount(&server).await;
        let clock = Arc::new(TestClock::at(NOW));
        let settings = settings(&server.uri());
        let provider = OpenIdProvider::new(parsed(settings), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let key = TestKey::ed25519("key-1");
        let op = Self { server, answers, clock, key, provider };
        op.publish(json!({}));
        op.publish_keys(&[op.key.jwk()]);
        op
    }

    pub(crate) fn issuer(&self) -> String {
        self.server.uri()
    }

    /// What is answered at this path from now on.
    pub(crate) fn answer(&self, path: &str, answer: ResponseTemplate) {
        self.answers.0.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Serves metadata with these members changed; null takes one away.
    pub(crate) fn publish(&self, changes: Value) {
        let at = |path: &str| format!("{}{path}", self.server.uri());
        let metadata = with(
            json!({
                "issuer": self.server.uri(),
                "authorization_endpoint": at("/authorize"),
                "token_endpoint": at(TOKEN),
                "jwks_uri": at(JWKS),
                "userinfo_endpoint": at(USERINFO),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": STATED_ALGORITHMS,
            }),
            changes,
        );
        self.answer(DISCOVERY, json_answer(200, &metadata));
    }

    pub(crate) fn publish_keys(&self, keys: &[Value]) {
        self.answer(JWKS, json_answer(200, &json!({"keys": keys})));
    }

    /// Claims that hold, with these changed; null takes one away.
    pub(crate) fn claims(&self, changes: Value) -> Value {
        with(
            json!({
                "iss": self.issuer(),
                "sub": "subject-1",
                "aud": CLIENT_ID,
                "exp": NOW + 300,
                "iat": NOW,
                "nonce": NONCE,
                "email": "ada@example.test",
                "email_verified": true,
                "name": "Ada",
            }),
            changes,
        )
    }

    /// An ID token that holds but for these claims.
    pub(crate) fn id_token(&self, changes: Value) -> String {
        id_token(&self.key, &json!({}), &self.claims(changes))
    }

    /// Redeems a code for a token response with this ID token.
    pub(crate) async fn redeem_token(&self, id_token: &str) -> Result<ExternalIdentity, ProviderError> {
        self.redeem_response(json_answer(200, &token_response(id_token))).await
    }

    /// Redeems a code for this token response.
    pub(crate) async fn redeem_response(
        &self,
        response: ResponseTemplate,
    ) -> Result<ExternalIdentity, ProviderError> {
        self.answer(TOKEN, response);
        self.provider.redeem(self.redemption()).await
    }

    /// Redeems a code for an ID token with these claims changed.
    pub(crate) async fn redeem_claims(&self, changes: Value) -> Result<ExternalIdentity, ProviderError> {
        self.redeem_token(&self.id_token(changes)).await
    }

    pub(crate) fn redemption(&self) -> CodeRedemption {
        CodeRedemption {
            code: AuthorizationCode::parse(CODE).unwrap(),
            verifier: PkceVerifier::parse(VERIFIER).unwrap(),
            nonce: Nonce::parse(NONCE).unwrap(),
            redirect_uri: RedirectUri::parse(REDIRECT_URI).unwrap(),
            issuer: Issuer::parse(&self.issuer()).unwrap(),
            started_at: Timestamp::from_unix_seconds(NOW),
        }
    }

    /// The requests that came to this path so far.
    pub(crate) async fn requests(&self, path: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|request| request.url.path() == path).collect()
    }

    pub(crate) async fn count(&self, path: &str) -> usize {
        self.requests(path).await.len()
    }
}

/// Settings without a place.
fn settings() -> UncheckedSettings {
    UncheckedSettings::default()
        .with(Field::Id, ["op"])
        .with(Field::Name, ["The provider"])
        .with(Field::ClientId, [CLIENT_ID])
        .with(Field::ClientSecret, [CLIENT_SECRET])
}

/// Settings of a provider that is known by its issuer alone.
pub(crate) fn at_issuer(issuer: &str) -> UncheckedSettings {
    settings().with(Field::Issuer, [issuer])
}

/// Settings of a provider that is known by its two endpoints.
pub(crate) fn at_endpoints(authorization: &str, token: &str, issuer: Option<&str>) -> UncheckedSettings {
    let settings = settings().with(Field::AuthUrl, [authorization]).with(Field::TokenUrl, [token]);
    issuer.into_iter().fold(settings, |settings, issuer| settings.with(Field::Issuer, [issuer]))
}

/// Settings that make sense.
#[track_caller]
pub(crate) fn parsed(settings: UncheckedSettings) -> ProviderSettings {
    settings.parse().unwrap().with_claim_namespace("https://lab.example")
}

/// Makes a provider, or says what is wrong with its settings.
pub(crate) fn made(settings: UncheckedSettings) -> Result<Arc<dyn IdentityProvider>, SettingsError> {
    let settings = settings.parse().map_err(|mut errors| {
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    })?;
    labgate_provider::provider(settings, Arc::new(TestClock::at(NOW)))
}

/// The admission rules, and the groups that make administrators.
pub(crate) fn admission(
    settings: &mut UncheckedSettings,
    rules: &[(Criterion, &str)],
    administrators: Option<&str>,
) {
    for (criterion, value) in rules {
        settings.set(Field::Allow(*criterion), [*value]);
    }
    if let Some(group) = administrators {
        settings.set(Field::AdminGroups, [group]);
    }
}

/// `base` with these members changed; null takes one away.
pub(crate) fn with(mut base: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut base, changes) else { panic!("objects") };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    base
}

pub(crate) fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/json")
}

pub(crate) fn token_response(id_token: &str) -> Value {
    json!({"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300, "id_token": id_token})
}

/// A token by this key, with these members in its header changed.
pub(crate) fn id_token(key: &TestKey, header: &Value, claims: &Value) -> String {
    raw_token(key, &header_of(key, header).to_string(), &claims.to_string())
}

pub(crate) fn header_of(key: &TestKey, changes: &Value) -> Value {
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!(key.algorithm));
    header.insert("typ".to_owned(), json!("JWT"));
    if let Some(kid) = &key.kid {
        header.insert("kid".to_owned(), json!(kid));
    }
    with(Value::Object(header), changes.clone())
}

/// A token of this text, whatever it is.
pub(crate) fn raw_token(key: &TestKey, header: &str, payload: &str) -> String {
    let signing_input = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    let signature = base64url(&key.sign(signing_input.as_bytes()));
    format!("{signing_input}.{signature}")
}

/// The rule that an ID token broke.
#[track_caller]
pub(crate) fn fault(result: Result<ExternalIdentity, ProviderError>) -> IdTokenFault {
    match result {
        Err(ProviderError::IdToken(reason)) => reason.fault,
        other => panic!("expected a fault of the ID token, not {other:?}"),
    }
}

/// All of them, at once.
pub(crate) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(Box::pin).map(|future| (future, None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    running.into_iter().map(|(_, output)| output.unwrap()).collect()
}
