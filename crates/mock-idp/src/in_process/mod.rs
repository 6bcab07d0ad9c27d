//! The mock as the core's port, without sockets: a small relying party of its own that asks the mock's routes.

mod logout_rules;
mod rules;

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use labgate_domain::ForeignText;
use labgate_domain::identity::{EmailClaim, ExternalIdentity, Memberships};
use labgate_domain::people::{DisplayName, EmailAddress};
use labgate_domain::ports::{
    CodeRedemption, IdTokenFault, IdentityProvider, LogoutToken, LogoutTokenError, LogoutTokenFault,
    ProviderCall, ProviderError, RefreshRequest, Refreshed,
};
use labgate_domain::protocol::{
    ClientId, EndSessionEndpoint, EndSessionForm, HintParameters, IdTokenHint, Issuer, ProviderSessionId,
    RefreshToken, Scopes, Subject, TokenErrorCode,
};
use labgate_domain::provider::{AuthorizationServer, ProviderDescription, ProviderHealth};
use labgate_domain::time::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use self::rules::Occasion;
use crate::id_token::access_token_hash;
use crate::issuer::{Endpoint, IssuerCore, locked};
use crate::mock_idp::Core;
use crate::reply::Response;
use crate::{jws, logout_token};

/// One issuer of the mock, for one client, as an [`IdentityProvider`].
pub(crate) struct InProcessProvider {
    core: Arc<Core>,
    issuer: Arc<IssuerCore>,
    description: ProviderDescription,
    client_id: ClientId,
}

impl InProcessProvider {
    pub(crate) fn new(
        core: Arc<Core>,
        issuer: Arc<IssuerCore>,
        description: ProviderDescription,
        client_id: ClientId,
    ) -> Self {
        Self { core, issuer, description, client_id }
    }

    async fn call(&self, endpoint: Endpoint, request: http::request::Builder, body: String) -> Response {
        let request = request.uri(self.issuer.path_of(endpoint)).body(Bytes::from(body));
        match request {
            Ok(request) => self.core.handle(request).await,
            Err(_) => Response::default(),
        }
    }

    /// A document that must be there.
    async fn document(&self, call: ProviderCall, endpoint: Endpoint) -> Result<Value, ProviderError> {
        let response = self.call(endpoint, Request::get("/"), String::new()).await;
        let unavailable = |reason: String| ProviderError::Unavailable { call, reason };
        if response.status() != StatusCode::OK {
            return Err(unavailable(format!("it answers {}", response.status())));
        }
        serde_json::from_slice(response.body())
            .map_err(|_| unavailable("it does not answer in JSON".to_owned()))
    }

    /// Sends a grant to the token endpoint, once.
    async fn token_response(&self, grant: &[(&str, &str)]) -> Result<Map<String, Value>, ProviderError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(grant).finish();
        let request = Request::builder()
            .method(Method::POST)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(AUTHORIZATION, self.basic_credentials());
        let response = self.call(Endpoint::Token, request, form).await;

        let status = response.status();
        let document: Option<Map<String, Value>> = serde_json::from_slice(response.body()).ok();
        let error = document.as_ref().and_then(|document| document.get("error")?.as_str());
        match (error, document.as_ref()) {
            (Some(error), Some(document)) => Err(token_error(error, document)),
            _ if status.is_server_error() || status.is_redirection() => Err(ProviderError::Unavailable {
                call: ProviderCall::Token,
                reason: format!("it answers {status}"),
            }),
            _ if status != StatusCode::OK => Err(ProviderError::TokenResponse("the status is not 200")),
            _ => document.ok_or(ProviderError::TokenResponse("it is not a JSON object")),
        }
    }

    /// A client that is not registered has no secret, and is refused as any other.
    fn basic_credentials(&self) -> String {
        let client = self.issuer.client(self.client_id.as_str());
        let secret = client.map(|client| client.secret.expose_secret()).unwrap_or_default();
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let credentials = format!("{}:{}", encode(self.client_id.as_str()), encode(secret));
        format!("Basic {}", BASE64_STANDARD.encode(credentials))
    }

    async fn userinfo(
        &self,
        access_token: &str,
        subject: &Subject,
    ) -> Result<Map<String, Value>, ProviderError> {
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {access_token}"));
        let response = self.call(Endpoint::UserInfo, request, String::new()).await;
        if response.status() != StatusCode::OK {
            return Err(ProviderError::UserInfo("the status is not 200"));
        }
        let claims: Map<String, Value> = serde_json::from_slice(response.body())
            .map_err(|_| ProviderError::UserInfo("it is not a JSON object"))?;
        if claims.get("sub").and_then(Value::as_str) == Some(subject.as_str()) {
            Ok(claims)
        } else {
            Err(ProviderError::UserInfo("it is about somebody else"))
        }
    }
}

#[async_trait]
impl IdentityProvider for InProcessProvider {
    fn description(&self) -> ProviderDescription {
        self.description.clone()
    }

    fn explain(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn health(&self) -> ProviderHealth {
        ProviderHealth::Ready
    }

    async fn authorization_server(&self) -> Result<AuthorizationServer, ProviderError> {
        let metadata = self.document(ProviderCall::Discovery, Endpoint::Discovery).await?;
        let misconfigured = |what: &str| ProviderError::Misconfigured(format!("the metadata's {what}"));
        if metadata.get("issuer").and_then(Value::as_str) != Some(self.issuer.issuer.as_str()) {
            return Err(misconfigured("issuer is another one"));
        }
        let offline = self.description.recheck.map(|_| "offline_access");
        let endpoint = |name: &str| Url::parse(metadata.get(name)?.as_str()?).ok();
        Ok(AuthorizationServer {
            issuer: self.issuer.issuer.clone(),
            authorization_endpoint: endpoint("authorization_endpoint")
                .ok_or_else(|| misconfigured("authorization_endpoint is not a URL"))?,
            end_session_endpoint: endpoint("end_session_endpoint")
                .map(|url| EndSessionEndpoint { url, form: EndSessionForm::Standard }),
            states_issuer_in_response: metadata.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            client_id: self.client_id.clone(),
            scopes: Scopes::with_openid(["profile", "email", "groups"].into_iter().chain(offline))
                .map_err(|_| misconfigured("scopes cannot be written"))?,
            extra_parameters: Vec::new(),
            hint_parameters: HintParameters::OPENID,
        })
    }

    async fn redeem(&self, redemption: CodeRedemption) -> Result<ExternalIdentity, ProviderError> {
        if redemption.issuer != self.issuer.issuer {
            return Err(ProviderError::Misconfigured(
                "the attempt was started with another issuer".to_owned(),
            ));
        }
        let response = self
            .token_response(&[
                ("grant_type", "authorization_code"),
                ("code", redemption.code.as_str()),
                ("redirect_uri", redemption.redirect_uri.as_str()),
                ("code_verifier", redemption.verifier.as_str()),
            ])
            .await?;
        let (issuer, nonce) = (&redemption.issuer, Some(&redemption.nonce));
        self.told(&response, &Occasion { issuer, nonce, started_at: redemption.started_at }).await
    }

    async fn ask_again(&self, request: RefreshRequest) -> Refreshed {
        if request.issuer != self.issuer.issuer {
            return ProviderError::from(IdTokenFault::Issuer).into();
        }
        let started_at = self.issuer.now();
        let grant = [("grant_type", "refresh_token"), ("refresh_token", request.refresh_token.as_str())];
        let response = match self.token_response(&grant).await {
            Ok(response) => response,
            Err(ProviderError::CodeRejected(why)) => return ProviderError::RefreshRejected(why).into(),
            Err(other) => return other.into(),
        };
        let occasion = Occasion { issuer: &request.issuer, nonce: None, started_at };
        let identity = self.told(&response, &occasion).await.and_then(|identity| {
            if identity.subject == request.subject { Ok(identity) } else { Err(IdTokenFault::Subject.into()) }
        });
        Refreshed { refresh_token: refresh_token(&response), identity }
    }

    async fn verify_logout_token(&self, token: &str) -> Result<LogoutToken, LogoutTokenError> {
        let issuer = jws::unverified_claim(token, "iss");
        if issuer.is_some_and(|issuer| issuer.as_str() != Some(self.issuer.issuer.as_str())) {
            return Err(LogoutTokenError::OfAnotherIssuer);
        }
        let jwks = self.document(ProviderCall::Jwks, Endpoint::Jwks).await?;
        let verified = jws::verify(token, &["JWT", logout_token::TYPE], &jwks);
        let (claims, algorithm) = verified.map_err(LogoutTokenFault::Token)?;
        if algorithm != locked(&self.issuer.keys).algorithm() {
            return Err(LogoutTokenFault::Token(IdTokenFault::Algorithm).into());
        }
        Ok(logout_rules::check(&claims, &self.issuer.issuer, &self.client_id, self.issuer.now())?)
    }
}

impl InProcessProvider {
    /// What a token response, and userinfo by it, say of somebody.
    async fn told(
        &self,
        response: &Map<String, Value>,
        occasion: &Occasion<'_>,
    ) -> Result<ExternalIdentity, ProviderError> {
        let text = |name: &str| response.get(name).and_then(Value::as_str);
        if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer")) {
            return Err(ProviderError::TokenResponse("the token type is not Bearer"));
        }
        let access_token =
            text("access_token").ok_or(ProviderError::TokenResponse("there is no access token"))?;
        let id_token = text("id_token").ok_or(ProviderError::IdTokenMissing)?;

        let jwks = self.document(ProviderCall::Jwks, Endpoint::Jwks).await?;
        let (claims, algorithm) = jws::verify(id_token, &["JWT"], &jwks)?;
        let subject = rules::check(&claims, occasion, &self.client_id, self.issuer.now())?;
        if claims.get("at_hash").is_some_and(|hash| *hash != access_token_hash(access_token, algorithm)) {
            return Err(IdTokenFault::AccessTokenHash.into());
        }
        let further = self.userinfo(access_token, &subject).await?;
        let identity = identity(occasion.issuer, subject, &claims, &further);
        let asks_again = self.description.recheck.is_some();
        Ok(ExternalIdentity {
            id_token_hint: IdTokenHint::parse(id_token).ok(),
            refresh_token: refresh_token(response).filter(|_| asks_again),
            ..identity
        })
    }
}

fn refresh_token(response: &Map<String, Value>) -> Option<RefreshToken> {
    RefreshToken::parse(response.get("refresh_token")?.as_str()?).ok()
}

fn token_error(error: &str, document: &Map<String, Value>) -> ProviderError {
    let description = document.get("error_description").and_then(Value::as_str).map(ForeignText::new);
    match TokenErrorCode::parse(error) {
        TokenErrorCode::InvalidGrant => ProviderError::CodeRejected(description),
        TokenErrorCode::InvalidClient | TokenErrorCode::UnauthorizedClient => {
            ProviderError::ClientRejected(description)
        }
        code => ProviderError::TokenError { code, description },
    }
}

/// What the identity token says, completed by what userinfo says.
fn identity(
    issuer: &Issuer,
    subject: Subject,
    claims: &Map<String, Value>,
    further: &Map<String, Value>,
) -> ExternalIdentity {
    let find = |name: &str| claims.get(name).or_else(|| further.get(name));
    let texts = |name: &str| {
        let values = find(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let email_source = if claims.contains_key("email") { claims } else { further };
    ExternalIdentity {
        issuer: issuer.clone(),
        subject,
        email: email(email_source),
        name: find("name").and_then(Value::as_str).and_then(DisplayName::new),
        groups: texts("groups"),
        memberships: Memberships::default(),
        authentication_methods: texts("amr"),
        session: claims.get("sid").and_then(Value::as_str).and_then(|sid| ProviderSessionId::parse(sid).ok()),
        id_token_hint: None,
        refresh_token: None,
        authenticated_at: find("auth_time").and_then(rules::seconds).map(Timestamp::from_unix_seconds),
    }
}

/// The address and what the same document says of it.
fn email(claims: &Map<String, Value>) -> EmailClaim {
    match claims.get("email") {
        None | Some(Value::Null) => EmailClaim::Missing,
        Some(Value::String(address)) if address.is_empty() => EmailClaim::Missing,
        Some(Value::String(address)) => match EmailAddress::parse(address) {
            Ok(address) => {
                let verified = claims.get("email_verified") == Some(&Value::Bool(true));
                EmailClaim::Stated { address, verified }
            }
            Err(_) => EmailClaim::Malformed,
        },
        Some(_) => EmailClaim::Malformed,
    }
}
