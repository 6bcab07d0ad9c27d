//! Further claims about a person (OpenID Connect Core section 5.3).

use http::StatusCode;
use http::header::AUTHORIZATION;
use labgate_domain::ports::{CallFailure, ProviderCall, ProviderError};
use labgate_domain::protocol::Subject;
use serde_json::{Map, Value};

use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::json;
use crate::transport::{JSON, Transport, bearer, get};

/// The claims, about the right person.
pub(crate) type Claims = Map<String, Value>;

/// Asks the userinfo endpoint, once. Whatever is not an answer about this person ends the sign-in: there is
/// no falling back to less.
///
/// The access token goes into the `Authorization` header and nowhere else (RFC 6750 section 2.1). A signed or
/// encrypted response, which a client would have to register for, is not supported.
pub(crate) async fn fetch(
    transport: &Transport,
    endpoint: &Endpoint,
    access_token: &str,
    subject: &Subject,
) -> Result<Claims, ProviderError> {
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
        Some(JSON) => {}
        Some("application/jwt") => {
            return Err(ProviderError::UserInfo("it is signed or encrypted, which is not supported"));
        }
        _ => return Err(ProviderError::UserInfo("it is not application/json")),
    }
    let claims = json::object(&answer.body).ok_or(ProviderError::UserInfo(json::NOT_AN_OBJECT))?;
    let is_theirs = claims.get("sub").and_then(Value::as_str) == Some(subject.as_str());
    ensure(is_theirs, ProviderError::UserInfo("it is about somebody else"))?;
    Ok(claims)
}
