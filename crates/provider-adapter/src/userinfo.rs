//! Further claims about a person (OpenID Connect Core section 5.3).

use http::StatusCode;
use http::header::AUTHORIZATION;
use labgate_domain::ports::{CallFailure, IdTokenFault, InvalidToken, ProviderCall, ProviderError};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;
use serde_json::{Map, Value};

use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::json;
use crate::jwt::{Audiences, LEEWAY, SignedToken, numeric_date, text, verify_issuer};
use crate::transport::{JSON, Transport, bearer, get};

/// A userinfo response.
pub(crate) enum Answer {
    /// The claims.
    Plain(Claims),
    /// The claims as a token, not verified yet.
    Signed(String),
}

/// The claims.
pub(crate) type Claims = Map<String, Value>;

/// Asks the userinfo endpoint, once. Whatever is not an answer about this person ends the sign-in: there is
/// no falling back to less.
///
/// The access token goes into the `Authorization` header and nowhere else (RFC 6750 section 2.1).
pub(crate) async fn fetch(
    transport: &Transport,
    endpoint: &Endpoint,
    access_token: &str,
) -> Result<Answer, ProviderError> {
    let call = ProviderCall::UserInfo;
    let mut request = get(endpoint.url());
    request.headers_mut().insert(AUTHORIZATION, bearer(access_token)?);
    let answer = transport.send(call, request).await.map_err(|error| error.of(call))?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(ProviderError::UserInfo("the access token was not accepted there"));
        }
        status => {
            let cause = CallFailure::Status(status.as_u16());
            return Err(ProviderError::unavailable(call, cause, format!("it answers with {status}")));
        }
    }
    match answer.media_type.as_deref() {
        Some(JSON) => {
            let claims = json::object(&answer.body).ok_or(ProviderError::UserInfo(json::NOT_AN_OBJECT))?;
            Ok(Answer::Plain(claims))
        }
        Some("application/jwt") => {
            let token = String::from_utf8(answer.body.clone());
            token.map(Answer::Signed).map_err(|_| ProviderError::UserInfo("it is not a token"))
        }
        _ => Err(ProviderError::UserInfo("it is neither application/json nor application/jwt")),
    }
}

/// Verifies what a signed response claims (OpenID Connect Core section 5.3.2): `iss` and `aud` need not be
/// there, nor a time.
pub(crate) fn verify(
    token: SignedToken,
    issuer: &Issuer,
    audiences: Audiences<'_>,
    now: Timestamp,
) -> Result<Claims, InvalidToken> {
    let claims = token.claims;
    ensure(!claims.contains_key("events"), IdTokenFault::Type)?;
    if let Some(stated) = text(&claims, "iss")? {
        verify_issuer(stated, issuer)?;
    }
    if claims.contains_key("aud") {
        audiences.verify(&claims)?;
    }
    let has_expired = |date: Timestamp| now >= date.plus(LEEWAY);
    ensure(!claims.get("exp").and_then(numeric_date).is_some_and(has_expired), IdTokenFault::Expired)?;
    Ok(claims)
}

/// The claims, if they are about this person.
pub(crate) fn about(subject: &Subject, claims: Claims) -> Result<Claims, ProviderError> {
    let is_theirs = claims.get("sub").and_then(Value::as_str) == Some(subject.as_str());
    ensure(is_theirs, ProviderError::UserInfo("it is about somebody else"))?;
    Ok(claims)
}
