//! Further claims about a person (OpenID Connect Core section 5.3).

use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use labgate_domain::ports::{CallFailure, ProviderCall, ProviderError};
use labgate_domain::protocol::Subject;
use serde_json::{Map, Value};

use crate::discovery::get;
use crate::endpoint::Endpoint;
use crate::json;
use crate::transport::{JSON, Transport};

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
    let mut request = get(endpoint);
    let mut bearer = HeaderValue::from_str(&format!("Bearer {access_token}"))
        .map_err(|_| ProviderError::TokenResponse("its access_token does not fit into a header"))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);

    let answer = transport.send(ProviderCall::UserInfo, request).await;
    let answer = answer.map_err(|error| error.of(ProviderCall::UserInfo))?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(ProviderError::UserInfo("the access token was not accepted there"));
        }
        status => {
            let reason = format!("it answers with {status}");
            let cause = CallFailure::Status(status.as_u16());
            return Err(ProviderError::unavailable(ProviderCall::UserInfo, cause, reason));
        }
    }
    match answer.media_type.as_deref() {
        Some(JSON) => {}
        Some("application/jwt") => {
            return Err(ProviderError::UserInfo("it is signed or encrypted, which is not supported"));
        }
        _ => return Err(ProviderError::UserInfo("it is not application/json")),
    }
    let claims = json::object(&answer.body)
        .map_err(|_| ProviderError::UserInfo("it is not one JSON object in which each member stands once"))?;
    if claims.get("sub").and_then(Value::as_str) == Some(subject.as_str()) {
        Ok(claims)
    } else {
        Err(ProviderError::UserInfo("it is about somebody else"))
    }
}
