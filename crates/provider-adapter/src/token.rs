//! The exchange of the code for tokens (RFC 6749 section 4.1.3), and of a refresh token for newer ones
//! (section 6).

use http::StatusCode;
use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, CodeRedemption, ProviderCall, ProviderError, RefreshRequest};
use labgate_domain::protocol::{AuthorizationRequest, Issuer, RefreshToken, RequestUri, TokenErrorCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::json;
use crate::transport::{Answer, JSON, Transport};

/// The longest accepted access token, in bytes. As a JWT it can name as many groups as the ID token.
const MAX_ACCESS_TOKEN: usize = 64 * 1024;

/// A token endpoint, with the client that asks there.
pub(crate) struct TokenEndpoint<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) url: &'a Endpoint,
    pub(crate) client: Client<'a>,
    /// The status and error code by which this provider speaks of the code or the refresh token, beside
    /// `invalid_grant`.
    pub(crate) code_error: Option<(u16, &'static str)>,
}

impl Answer {
    /// Returns whether it is JSON with this error code.
    fn states_error(&self, code: &str) -> bool {
        let stated = json::object(&self.body).and_then(|mut members| members.remove("error"));
        self.media_type.as_deref() == Some(JSON) && stated.as_ref().and_then(Value::as_str) == Some(code)
    }
}

impl TokenEndpoint<'_> {
    /// Redeems the code: sends it once, in any case.
    pub(crate) async fn redeem(&self, redemption: &CodeRedemption) -> Result<Tokens, ProviderError> {
        let answer = self.send_code(redemption).await?;
        Tokens::parse(&answer, &self.secrets_of(redemption), self.code_error)
    }

    /// Sends a refresh token once, in any case.
    pub(crate) async fn refresh(&self, request: &RefreshRequest) -> Result<Tokens, ProviderError> {
        let refresh_token = request.refresh_token.as_str();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let call = ProviderCall::Token;
        // Nobody from outside causes it, so it does not wait for those who do.
        let answer = self.transport.send(call, self.client.request(self.url, &form)?).await;
        let answer = answer.map_err(|error| error.of(call))?;
        let secrets = [refresh_token, self.client.secret.expose_secret()];
        Tokens::parse(&answer, &secrets, self.code_error).map_err(|error| match error {
            ProviderError::CodeRejected(description) => ProviderError::RefreshRejected(description),
            // An error code that speaks of the request, in the guise of an outage.
            ProviderError::Unavailable { cause: CallFailure::Status(500..), reason, .. }
                if answer.states_error(TokenErrorCode::InvalidRequest.as_str()) =>
            {
                ProviderError::RefreshFailed(reason)
            }
            other => other,
        })
    }

    /// Sends the code once, in any case.
    pub(crate) async fn send_code(&self, redemption: &CodeRedemption) -> Result<Answer, ProviderError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", redemption.code.as_str()),
            ("redirect_uri", redemption.redirect_uri.as_str()),
            ("code_verifier", redemption.verifier.as_str()),
        ];
        let call = ProviderCall::Token;
        let request = self.client.request(self.url, &form)?;
        self.transport.send_in_turn(call, request).await.map_err(|error| error.of(call))
    }

    /// The secrets of a redemption, which must not come back in a message.
    pub(crate) fn secrets_of<'a>(&'a self, redemption: &'a CodeRedemption) -> [&'a str; 3] {
        [redemption.code.as_str(), redemption.verifier.as_str(), self.client.secret.expose_secret()]
    }
}

/// Pushes an authorization request (RFC 9126 section 2), and returns the text that stands for it.
pub(crate) async fn push(
    transport: &Transport,
    url: &Endpoint,
    client: &Client<'_>,
    request: &AuthorizationRequest,
) -> Result<RequestUri, ProviderError> {
    let call = ProviderCall::Push;
    let parameters = request.parameters();
    let form: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = transport.send_in_turn(call, client.request(url, &form)?).await;
    let answer = answer.map_err(|error| error.of(call))?;
    let members = match answer.media_type.as_deref() {
        Some(JSON) => json::object(&answer.body).ok_or(json::NOT_AN_OBJECT),
        _ => Err("it is not application/json"),
    };
    // Section 2.2 has 201; some answer 200.
    let status = if answer.status == StatusCode::CREATED { StatusCode::OK } else { answer.status };
    let secrets = [client.secret.expose_secret(), request.state.as_str(), request.nonce.as_str()];
    let members = granted(status, members, &secrets, Clone::clone).map_err(|error| match error {
        ProviderError::Unavailable { cause, reason, .. } => {
            ProviderError::Unavailable { call, cause, reason }
        }
        ProviderError::TokenResponse(reason) => unfit_push(reason),
        other => other,
    })?;
    let request_uri = members.get("request_uri").and_then(Value::as_str);
    request_uri
        .and_then(|uri| RequestUri::parse(uri).ok())
        .ok_or_else(|| unfit_push("it has no proper request_uri"))
}

fn unfit_push(reason: &str) -> ProviderError {
    ProviderError::unavailable(ProviderCall::Push, CallFailure::Content, reason)
}

/// A token response (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3), less what is not used:
/// Labgate uses the access token at once and keeps at most the refresh token, so `expires_in` and `scope` are
/// not read at all.
#[expect(clippy::struct_field_names, reason = "the parameters' names in RFC 6749")]
pub(crate) struct Tokens {
    access_token: SecretString,
    id_token: Option<SecretString>,
    /// The refresh token, if there is a usable one.
    pub(crate) refresh_token: Option<RefreshToken>,
}

impl Tokens {
    /// The access token: visible ASCII, at most [`MAX_ACCESS_TOKEN`] bytes. Secret.
    pub(crate) fn access_token(&self) -> &str {
        self.access_token.expose_secret()
    }

    /// The ID token, not verified yet. An answer to a code must have one, an answer to a refresh token need
    /// not (OpenID Connect Core section 12.2). Secret.
    pub(crate) fn id_token(&self) -> Option<&str> {
        self.id_token.as_ref().map(SecretString::expose_secret)
    }

    /// Takes a token response. `secrets` is what must not come back in a message.
    fn parse(
        answer: &Answer,
        secrets: &[&str],
        code_error: Option<(u16, &str)>,
    ) -> Result<Self, ProviderError> {
        let members = match answer.media_type.as_deref() {
            Some(JSON) => json::object(&answer.body).ok_or(json::NOT_AN_OBJECT),
            _ => Err("it is not application/json"),
        };
        let status = answer.status.as_u16();
        let members = granted(answer.status, members, secrets, |error| match (code_error, error.as_str()) {
            (Some(of_code), Some(code)) if (status, code) == of_code => "invalid_grant".into(),
            _ => error.clone(),
        })?;
        let access_token = access_token(&members)?.into();
        check_token_type(&members)?;
        let id_token = id_token(&members)?.map(SecretString::from);
        // An odd one is as good as none.
        let refresh_token = members.get("refresh_token").and_then(Value::as_str);
        let refresh_token = refresh_token.and_then(|token| RefreshToken::parse(token).ok());
        Ok(Self { access_token, id_token, refresh_token })
    }
}

/// Checks that a code is redeemed at the issuer where its sign-in started.
pub(crate) fn check_issuer(redemption: &CodeRedemption, issuer: &Issuer) -> Result<(), ProviderError> {
    let started = &redemption.issuer;
    if started == issuer {
        return Ok(());
    }
    Err(ProviderError::Misconfigured(format!(
        "the sign-in started at the issuer {started}, and the provider is {issuer} now"
    )))
}

/// The members of a token response that is not an error; of what it is instead, an error in the members
/// tells most, then the status. `standard` is the error code as RFC 6749 has it.
pub(crate) fn granted(
    status: StatusCode,
    members: Result<Map<String, Value>, &'static str>,
    secrets: &[&str],
    standard: impl FnOnce(&Value) -> Value,
) -> Result<Map<String, Value>, ProviderError> {
    if let Ok(members) = &members
        && let Some(error) = members.get("error").filter(|error| !error.is_null())
    {
        return Err(refusal(status, &standard(error), members.get("error_description"), secrets));
    }
    match status {
        StatusCode::OK => members.map_err(ProviderError::TokenResponse),
        StatusCode::UNAUTHORIZED => Err(ProviderError::ClientRejected(None)),
        status if status.is_success() => Err(ProviderError::TokenResponse("its status is not 200")),
        status => Err(unavailable(status, format!("it answers with {status}"))),
    }
}

pub(crate) fn access_token(members: &Map<String, Value>) -> Result<&str, ProviderError> {
    let Some(Value::String(token)) = members.get("access_token") else {
        return Err(ProviderError::TokenResponse("it has no access_token"));
    };
    let well_formed = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let unfit = ProviderError::TokenResponse("its access_token is empty, too long or not visible ASCII");
    ensure(well_formed && token.len() <= MAX_ACCESS_TOKEN, unfit)?;
    Ok(token)
}

pub(crate) fn check_token_type(members: &Map<String, Value>) -> Result<(), ProviderError> {
    match members.get("token_type") {
        Some(Value::String(stated)) if stated.eq_ignore_ascii_case("bearer") => Ok(()),
        _ => Err(ProviderError::TokenResponse("its token_type is not Bearer")),
    }
}

fn id_token(members: &Map<String, Value>) -> Result<Option<&str>, ProviderError> {
    match members.get("id_token") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) => Ok(Some(token.as_str()).filter(|token| !token.is_empty())),
        Some(_) => Err(ProviderError::TokenResponse("its id_token is not text")),
    }
}

/// An error response (RFC 6749 section 5.2), which some providers send with status 200.
fn refusal(
    status: StatusCode,
    error: &Value,
    description: Option<&Value>,
    secrets: &[&str],
) -> ProviderError {
    // A provider may repeat what it was sent.
    let harmless = |text: &&str| !secrets.iter().any(|secret| text.contains(secret));
    let unreadable = || TokenErrorCode::parse("(unreadable)");
    let code = match error.as_str().map(|text| (text, TokenErrorCode::parse(text))) {
        Some((text, TokenErrorCode::Other(_))) if !harmless(&text) => unreadable(),
        Some((_, code)) => code,
        None => unreadable(),
    };
    let words = description.and_then(Value::as_str);
    let description = words.filter(harmless).map(ForeignText::new);
    // Too many, or too slow: that says nothing of what was asked (RFC 9110 section 15.5.9, RFC 6585
    // section 4).
    let is_outage = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        || matches!(code, TokenErrorCode::ServerError | TokenErrorCode::TemporarilyUnavailable);
    match code {
        TokenErrorCode::InvalidGrant => ProviderError::CodeRejected(description),
        TokenErrorCode::InvalidClient | TokenErrorCode::UnauthorizedClient => {
            ProviderError::ClientRejected(description)
        }
        _ if is_outage => {
            let description = description.map(|text| format!(" ({text})")).unwrap_or_default();
            unavailable(status, format!("it answers with {status}: {}{description}", code.as_str()))
        }
        _ => ProviderError::TokenError { code, description },
    }
}

fn unavailable(status: StatusCode, reason: String) -> ProviderError {
    ProviderError::unavailable(ProviderCall::Token, CallFailure::Status(status.as_u16()), reason)
}
