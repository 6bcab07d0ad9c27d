//! The code for tokens (RFC 6749 section 4.1.3), and a refresh token for newer ones (section 6).

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::StatusCode;
use labgate_domain::ForeignText;
use labgate_domain::ports::{CodeRedemption, ProviderCall, ProviderError, RefreshRequest};
use labgate_domain::protocol::{ClientId, Issuer, RefreshToken, TokenErrorCode};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreIdToken, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AsyncHttpClient, AuthType, AuthorizationCode, Client, ClientSecret, EmptyAdditionalClaims,
    HttpRequest, HttpResponse, IssuerUrl, JsonWebKeySet, OAuth2TokenResponse, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Endpoint;
use crate::json;
use crate::transport::{Answer, JSON, Transport};

/// The longest accepted access token, in bytes: it goes into a header.
const MAX_ACCESS_TOKEN: usize = 16 * 1024;

/// Who asks, and how that is proven.
pub(crate) struct ClientCredentials<'a> {
    pub(crate) client_id: &'a ClientId,
    pub(crate) client_secret: &'a SecretString,
    /// In an `Authorization: Basic` header or in the body (RFC 6749 section 2.3.1).
    pub(crate) method: AuthType,
}

/// Redeems the code: sends it once, whatever happens. `fails_for_codes` says that a `server_error` of this provider speaks of
/// the code.
pub(crate) async fn redeem(
    transport: &Transport,
    endpoint: &Endpoint,
    credentials: ClientCredentials<'_>,
    redemption: &CodeRedemption,
    fails_for_codes: bool,
) -> Result<Tokens, ProviderError> {
    let redirect_uri =
        RedirectUrl::new(redemption.redirect_uri.as_str().to_owned()).map_err(unusable("redirect URI"))?;
    let http = HttpClient {
        transport,
        secrets: vec![
            redemption.code.as_str(),
            redemption.verifier.as_str(),
            credentials.client_secret.expose_secret(),
        ],
        fails_for_codes,
    };
    client(&redemption.issuer, endpoint, &credentials)?
        .set_redirect_uri(redirect_uri)
        .exchange_code(AuthorizationCode::new(redemption.code.as_str().to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new(redemption.verifier.as_str().to_owned()))
        .request_async(&http)
        .await
        .map_err(requested)
}

/// Sends a refresh token once, whatever happens. `fails_for_codes` says that a `server_error` of this provider speaks of it.
pub(crate) async fn refresh(
    transport: &Transport,
    endpoint: &Endpoint,
    credentials: ClientCredentials<'_>,
    request: &RefreshRequest,
    fails_for_codes: bool,
) -> Result<Tokens, ProviderError> {
    let refresh_token = request.refresh_token.as_str();
    let http = HttpClient {
        transport,
        secrets: vec![refresh_token, credentials.client_secret.expose_secret()],
        fails_for_codes,
    };
    client(&request.issuer, endpoint, &credentials)?
        .exchange_refresh_token(&openidconnect::RefreshToken::new(refresh_token.to_owned()))
        .request_async(&http)
        .await
        .map_err(|error| match requested(error) {
            ProviderError::CodeRejected(description) => ProviderError::RefreshRejected(description),
            other => other,
        })
}

fn client(
    issuer: &Issuer,
    endpoint: &Endpoint,
    credentials: &ClientCredentials<'_>,
) -> Result<ClientAtEndpoint, ProviderError> {
    let issuer = IssuerUrl::new(issuer.as_str().to_owned()).map_err(unusable("issuer"))?;
    let client_id = openidconnect::ClientId::new(credentials.client_id.as_str().to_owned());
    Ok(TokenClient::new(client_id, issuer, JsonWebKeySet::default())
        .set_client_secret(ClientSecret::new(credentials.client_secret.expose_secret().to_owned()))
        .set_auth_type(credentials.method.clone())
        .set_token_uri(TokenUrl::from_url(endpoint.url().clone())))
}

fn unusable(what: &'static str) -> impl Fn(url::ParseError) -> ProviderError {
    move |_| ProviderError::Misconfigured(format!("the {what} is not a URL"))
}

fn requested<T: openidconnect::ErrorResponse>(error: RequestTokenError<ProviderError, T>) -> ProviderError {
    match error {
        RequestTokenError::Request(error) => error,
        // The other variants hold the response; after `normalised` they cannot occur.
        _ => ProviderError::TokenResponse("it cannot be read"),
    }
}

/// What `openidconnect` sends the request with.
struct HttpClient<'a> {
    transport: &'a Transport,
    /// What must not come back in a message.
    secrets: Vec<&'a str>,
    fails_for_codes: bool,
}

impl<'c> AsyncHttpClient<'c> for HttpClient<'_> {
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, ProviderError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.transport.send(ProviderCall::Token, request).await;
            let answer = answer.map_err(|error| error.of(ProviderCall::Token))?;
            normalised(&answer, &self.secrets, self.fails_for_codes)
        })
    }
}

/// `openidconnect`'s client with a token response that leaves the identity token as it is.
type TokenClient<TokenEndpoint = openidconnect::EndpointNotSet> = Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    TokenEndpoint,
    openidconnect::EndpointNotSet,
>;

type ClientAtEndpoint = TokenClient<openidconnect::EndpointSet>;

/// A token response (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3), less what is not used: Labgate uses the
/// access token at once and keeps at most the refresh token, so `expires_in` and `scope` are not read at all.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Tokens {
    access_token: AccessToken,
    token_type: CoreTokenType,
    id_token: Secret,
    refresh_token: Option<Secret>,
}

#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl Tokens {
    /// Visible ASCII, at most [`MAX_ACCESS_TOKEN`] bytes. Secret.
    pub(crate) fn access_token(&self) -> &str {
        self.access_token.secret()
    }

    /// Not verified, not even taken apart. Secret.
    pub(crate) fn id_token(&self) -> &str {
        &self.id_token.0
    }

    /// What newer ones can be had for, if there is a usable one.
    pub(crate) fn refresh_token(&self) -> Option<RefreshToken> {
        self.refresh_token.as_ref().and_then(|token| RefreshToken::parse(&token.0).ok())
    }
}

impl OAuth2TokenResponse for Tokens {
    type TokenType = CoreTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &CoreTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&openidconnect::RefreshToken> {
        None
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl
    TokenResponse<
        EmptyAdditionalClaims,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    > for Tokens
{
    /// None: the library would read the claims before the signature is checked.
    fn id_token(&self) -> Option<&CoreIdToken> {
        None
    }
}

/// Makes of the answer what the library takes for a token response: exactly the members of [`Tokens`], each checked. All
/// else is an error.
fn normalised(
    answer: &Answer,
    secrets: &[&str],
    fails_for_codes: bool,
) -> Result<HttpResponse, ProviderError> {
    let states_json = answer.media_type.as_deref() == Some(JSON);
    let members = if states_json { json::object(&answer.body).ok() } else { None };
    if let Some(error) = members.as_ref().and_then(|members| members.get("error")).filter(|it| !it.is_null())
    {
        let description = members.as_ref().and_then(|members| members.get("error_description"));
        let of_the_code = fails_for_codes && answer.status.is_server_error() && error == "server_error";
        let error = if of_the_code { &Value::from("invalid_grant") } else { error };
        return Err(refusal(answer.status, error, description, secrets));
    }
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(ProviderError::ClientRejected(None)),
        status if status.is_success() => return Err(ProviderError::TokenResponse("its status is not 200")),
        status => return Err(unavailable(format!("it answers with {status}"))),
    }
    if !states_json {
        return Err(ProviderError::TokenResponse("it is not application/json"));
    }
    let members = members
        .ok_or(ProviderError::TokenResponse("it is not one JSON object in which each member stands once"))?;
    let body = json!({
        "access_token": access_token(&members)?,
        "token_type": token_type(&members)?,
        "id_token": id_token(&members)?,
        // An odd one is as good as none.
        "refresh_token": members.get("refresh_token").and_then(Value::as_str),
    });
    Ok(HttpResponse::new(body.to_string().into_bytes()))
}

pub(crate) fn access_token(members: &Map<String, Value>) -> Result<&str, ProviderError> {
    let Some(Value::String(token)) = members.get("access_token") else {
        return Err(ProviderError::TokenResponse("it has no access_token"));
    };
    let well_formed = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if well_formed && token.len() <= MAX_ACCESS_TOKEN {
        Ok(token)
    } else {
        Err(ProviderError::TokenResponse("its access_token is empty, too long or not visible ASCII"))
    }
}

pub(crate) fn token_type(members: &Map<String, Value>) -> Result<&'static str, ProviderError> {
    match members.get("token_type") {
        Some(Value::String(stated)) if stated.eq_ignore_ascii_case("bearer") => Ok("bearer"),
        _ => Err(ProviderError::TokenResponse("its token_type is not Bearer")),
    }
}

fn id_token(members: &Map<String, Value>) -> Result<&str, ProviderError> {
    match members.get("id_token") {
        None | Some(Value::Null) => Err(ProviderError::IdTokenMissing),
        Some(Value::String(token)) if token.is_empty() => Err(ProviderError::IdTokenMissing),
        Some(Value::String(token)) => Ok(token),
        Some(_) => Err(ProviderError::TokenResponse("its id_token is not text")),
    }
}

/// An error response (RFC 6749 section 5.2), which some providers send with status 200.
pub(crate) fn refusal(
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
    match code {
        TokenErrorCode::InvalidGrant => ProviderError::CodeRejected(description),
        TokenErrorCode::InvalidClient | TokenErrorCode::UnauthorizedClient => {
            ProviderError::ClientRejected(description)
        }
        TokenErrorCode::ServerError | TokenErrorCode::TemporarilyUnavailable => {
            unavailable(own_failure(status, &code, description.as_ref()))
        }
        // Too many, or too slow: that says nothing of what was asked (RFC 9110 section 15.5.9, RFC 6585 section 4).
        _ if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) => {
            unavailable(own_failure(status, &code, description.as_ref()))
        }
        _ if status.is_server_error() => unavailable(own_failure(status, &code, description.as_ref())),
        _ => ProviderError::TokenError { code, description },
    }
}

fn own_failure(status: StatusCode, code: &TokenErrorCode, description: Option<&ForeignText>) -> String {
    let description = description.map(|text| format!(" ({text})")).unwrap_or_default();
    format!("it answers with {status}: {}{description}", code.as_str())
}

fn unavailable(reason: String) -> ProviderError {
    ProviderError::Unavailable { call: ProviderCall::Token, reason }
}
