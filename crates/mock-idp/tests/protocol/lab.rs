//! A mock with one client, and that client's half of the protocol in small steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use labgate_domain::protocol::{
    AuthorizationRequest, ClientId, Nonce, PkceVerifier, RedirectUri, Scopes, State,
};
use labgate_domain::time::Timestamp;
use labgate_domain::world::{Clock, Entropy};
use labgate_mock_idp::{Algorithm, Client, MockIdp, MockIdpBuilder};
use serde_json::Value;
use url::Url;

pub(crate) const CALLBACK: &str = "http://127.0.0.1:8091/api/auth/oidc/callback";
pub(crate) const SIGNED_OUT: &str = "http://127.0.0.1:8091/";

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::Relaxed))
    }
}

/// Different bytes at every call, the same ones in every run.
#[derive(Debug, Default)]
pub(crate) struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (byte, from) in bytes.iter_mut().zip(count.into_iter().cycle()) {
            *byte = from;
        }
    }
}

/// A mock and what its client remembers of one sign-in.
pub(crate) struct MockLab {
    pub(crate) idp: MockIdp,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) verifier: PkceVerifier,
    pub(crate) request: AuthorizationRequest,
}

impl MockLab {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(describe: impl FnOnce(MockIdpBuilder) -> MockIdpBuilder) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000)));
        let builder = MockIdp::builder()
            .algorithm(Algorithm::Es256)
            .clock(Arc::<HandClock>::clone(&clock))
            .entropy(Arc::new(CountingEntropy::default()))
            .client(lab_client());
        let entropy = CountingEntropy(AtomicU64::new(1 << 32));
        let verifier = PkceVerifier::fresh(&entropy);
        let request = AuthorizationRequest {
            client_id: ClientId::parse("lab").unwrap(),
            redirect_uri: RedirectUri::parse(CALLBACK).unwrap(),
            scopes: Scopes::with_openid(["profile", "email", "groups", "offline_access"]).unwrap(),
            state: State::fresh(&entropy),
            nonce: Nonce::fresh(&entropy),
            code_challenge: verifier.challenge(),
            extra: Vec::new(),
        };
        Self { idp: describe(builder).build().unwrap(), clock, verifier, request }
    }

    pub(crate) fn authorization_url(&self) -> Url {
        self.request.to_url(&self.idp.authorization_endpoint().parse().unwrap())
    }

    /// The authorization URL with one parameter replaced, or left out.
    pub(crate) fn altered(&self, name: &str, value: Option<&str>) -> Url {
        let mut url = self.authorization_url();
        let kept: Vec<_> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }

    /// Signs in as ada: the callback's URL.
    pub(crate) fn callback(&self) -> Url {
        self.idp.sign_in(&self.authorization_url(), "ada").unwrap().parse().unwrap()
    }

    /// Signs in as ada: the code.
    pub(crate) fn code(&self) -> String {
        parameter(&self.callback(), "code").unwrap()
    }

    /// The form that redeems a code properly.
    pub(crate) fn redemption(&self, code: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("code_verifier", self.verifier.as_str().to_owned()),
        ]
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.token(&self.redemption(code)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token".to_owned()), ("refresh_token", token.to_owned())]).await
    }

    /// Signs in and redeems the code.
    pub(crate) async fn tokens(&self) -> Answer {
        self.redeem(&self.code()).await
    }

    pub(crate) async fn token(&self, form: &[(&str, String)]) -> Answer {
        self.token_as("lab", "lab-secret", form).await
    }

    pub(crate) async fn token_as(&self, id: &str, secret: &str, form: &[(&str, String)]) -> Answer {
        let credentials = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
        let url: Url = self.idp.token_endpoint().parse().unwrap();
        self.post(target(&url), form, &[("authorization", &credentials)]).await
    }

    pub(crate) async fn userinfo(&self, access_token: &str) -> Answer {
        self.get("/userinfo", &[("authorization", &format!("Bearer {access_token}"))]).await
    }

    pub(crate) async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers.iter().fold(Request::get(target), |request, (k, v)| request.header(*k, *v));
        Answer::of(self.idp.handle(request.body(Bytes::new()).unwrap()).await)
    }

    pub(crate) async fn post(
        &self,
        target: &str,
        form: &[(&str, String)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = headers
            .iter()
            .fold(Request::post(target), |request, (name, value)| request.header(*name, *value))
            .header("content-type", "application/x-www-form-urlencoded");
        Answer::of(self.idp.handle(request.body(body.into()).unwrap()).await)
    }
}

pub(crate) fn lab_client() -> Client {
    Client::new("lab", "lab-secret").redirect_uri(CALLBACK).post_logout_redirect_uri(SIGNED_OUT)
}

/// An answer in forms that assertions like.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) json: Value,
    response: Response<Bytes>,
}

impl Answer {
    fn of(response: Response<Bytes>) -> Self {
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self { status: response.status(), text, json, response }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn location(&self) -> Url {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.header("location").parse().unwrap()
    }

    pub(crate) fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json[name].as_str().unwrap_or_default()
    }

    /// The header and the claims of the ID token.
    pub(crate) fn id_token(&self) -> (Value, Value) {
        let token = self.field("id_token");
        (part(token, 0), part(token, 1))
    }
}

/// The header (0) or the claims (1) of a token.
pub(crate) fn part(token: &str, position: usize) -> Value {
    let part = token.split('.').nth(position).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Path and query of a URL, as a request names its target.
pub(crate) fn target(url: &Url) -> &str {
    &url[url::Position::BeforePath..]
}
