//! The exchange of the code for tokens (RFC 6749 section 4.1.3), and of a refresh token for newer ones
//! (section 6).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use labgate_domain::ForeignText;
use labgate_domain::ports::{CallFailure, CodeRedemption, ProviderCall, ProviderError, RefreshRequest};
use labgate_domain::protocol::{ClientId, Issuer, RefreshToken, TokenErrorCode};
use openidconnect::HttpRequest;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::json;
use crate::transport::{Answer, JSON, Transport, request, sensitive};

/// The longest accepted access token, in bytes: it goes into a header.
const MAX_ACCESS_TOKEN: usize = 16 * 1024;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A token endpoint, with the client and its proof.
pub(crate) struct TokenEndpoint<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) url: &'a Endpoint,
    pub(crate) client_id: &'a ClientId,
    pub(crate) client_secret: &'a SecretString,
    pub(crate) method: ClientAuthentication,
    /// Says that a `server_error` of this provider speaks of the code or the refresh token.
    pub(crate) fails_for_codes: bool,
}

/// The place of the client secret in a token request (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAuthentication {
    /// The header `Authorization: Basic`.
    Basic,
    /// The body.
    Post,
}

impl ClientAuthentication {
    /// Chooses from what the provider accepts (Discovery section 3): an empty list means Basic.
    pub(crate) fn choose(accepted: &[String], prefers_post: bool) -> Option<Self> {
        let accepts = |method: &str| accepted.iter().any(|it| it == method);
        let basic = accepted.is_empty() || accepts("client_secret_basic");
        let post = accepts("client_secret_post");
        match (basic, post) {
            (true, true) if prefers_post => Some(Self::Post),
            (true, _) => Some(Self::Basic),
            (false, true) => Some(Self::Post),
            (false, false) => None,
        }
    }
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
        Tokens::parse(&answer, &self.secrets_of(redemption), self.fails_for_codes)
    }

    /// Sends a refresh token once, in any case.
    pub(crate) async fn refresh(&self, request: &RefreshRequest) -> Result<Tokens, ProviderError> {
        let refresh_token = request.refresh_token.as_str();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let answer = self.post(&form).await?;
        let secrets = [refresh_token, self.client_secret.expose_secret()];
        Tokens::parse(&answer, &secrets, self.fails_for_codes).map_err(|error| match error {
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
        self.post(&form).await
    }

    /// The secrets of a redemption, which must not come back in a message.
    pub(crate) fn secrets_of<'a>(&'a self, redemption: &'a CodeRedemption) -> [&'a str; 3] {
        [redemption.code.as_str(), redemption.verifier.as_str(), self.client_secret.expose_secret()]
    }

    async fn post(&self, form: &[(&str, &str)]) -> Result<Answer, ProviderError> {
        let call = ProviderCall::Token;
        self.transport.send(call, self.request(form)?).await.map_err(|error| error.of(call))
    }

    fn request(&self, form: &[(&str, &str)]) -> Result<HttpRequest, ProviderError> {
        let (id, secret) = (self.client_id.as_str(), self.client_secret.expose_secret());
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        if self.method == ClientAuthentication::Post {
            body.append_pair("client_id", id).append_pair("client_secret", secret);
        }
        let mut request = request(Method::POST, self.url.url(), body.finish().into_bytes());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        if self.method == ClientAuthentication::Basic {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = BASE64_STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
            let basic = sensitive(&format!("Basic {pair}")).ok_or_else(|| {
                ProviderError::Misconfigured("the client secret does not fit into a header".to_owned())
            })?;
            request.headers_mut().insert(AUTHORIZATION, basic);
        }
        Ok(request)
    }
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
    fn parse(answer: &Answer, secrets: &[&str], fails_for_codes: bool) -> Result<Self, ProviderError> {
        let members = match answer.media_type.as_deref() {
            Some(JSON) => json::object(&answer.body).ok_or(json::NOT_AN_OBJECT),
            _ => Err("it is not application/json"),
        };
        let speaks_of_codes = fails_for_codes && answer.status.is_server_error();
        let members = granted(answer.status, members, secrets, |error| match error.as_str() {
            Some("server_error") if speaks_of_codes => "invalid_grant".into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c010_the_secret_goes_where_the_provider_takes_it() {
        use ClientAuthentication::{Basic, Post};
        let method = |prefers_post, accepted: &[&str]| {
            let accepted: Vec<_> = accepted.iter().map(|&method| method.to_owned()).collect();
            ClientAuthentication::choose(&accepted, prefers_post)
        };
        let (basic, post) = ("client_secret_basic", "client_secret_post");
        assert_eq!(method(false, &[]), Some(Basic));
        assert_eq!(method(false, &[post, basic]), Some(Basic));
        assert_eq!(method(false, &["private_key_jwt", post]), Some(Post));
        assert_eq!(method(false, &["private_key_jwt"]), None);
        assert_eq!(method(true, &[post, basic]), Some(Post));
        assert_eq!(method(true, &[]), Some(Basic));
    }
}
