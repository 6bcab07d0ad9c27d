//! The rules for a logout token's claims (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6).

use std::time::Duration;

use labgate_domain::ports::{IdTokenFault, LogoutToken, LogoutTokenFault};
use labgate_domain::protocol::{ClientId, Issuer, ProviderSessionId, Subject};
use labgate_domain::time::Timestamp;
use serde_json::{Map, Value};

use super::rules::{LEEWAY, seconds};
use crate::logout_token::EVENT;

/// How long ago a logout token may have been issued.
const MAX_AGE: Duration = Duration::from_mins(5);
/// The longest `jti` that is worth remembering, in bytes.
const MAX_ID: usize = 255;

/// What a logout token says that breaks no rule.
pub(super) fn check(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    client: &ClientId,
    now: Timestamp,
) -> Result<LogoutToken, LogoutTokenFault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(issuer.as_str()) {
        return Err(IdTokenFault::Issuer.into());
    }
    let ours = Value::from(client.as_str());
    match claims.get("aud") {
        Some(audience) if *audience == ours => {}
        Some(Value::Array(audiences)) if *audiences == [ours] => {}
        _ => return Err(IdTokenFault::Audience.into()),
    }
    let refused_from = refused_from(claims, now)?;
    if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
        return Err(LogoutTokenFault::Event);
    }
    if claims.contains_key("nonce") {
        return Err(LogoutTokenFault::Nonce);
    }
    let subject = claims.get("sub").map(|_| text("sub").and_then(|sub| Subject::parse(sub).ok()));
    let session = claims.get("sid").map(|_| text("sid").and_then(|sid| ProviderSessionId::parse(sid).ok()));
    let (subject, session) = match (subject, session) {
        (None, None) => return Err(LogoutTokenFault::Nobody),
        (Some(None), _) => return Err(IdTokenFault::Subject.into()),
        (_, Some(None)) => return Err(IdTokenFault::Malformed.into()),
        (subject, session) => (subject.flatten(), session.flatten()),
    };
    let id = text("jti").filter(|id| !id.is_empty() && id.len() <= MAX_ID).ok_or(LogoutTokenFault::Id)?;
    Ok(LogoutToken { issuer: issuer.clone(), subject, session, id: id.to_owned(), refused_from })
}

fn refused_from(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, LogoutTokenFault> {
    let time = |name: &str| claims.get(name).and_then(seconds).map(Timestamp::from_unix_seconds);
    let expires_at = time("exp").ok_or(IdTokenFault::Malformed)?;
    let issued_at = time("iat").ok_or(IdTokenFault::Malformed)?;
    let (expired_from, stale_from) = (expires_at.plus(LEEWAY), issued_at.plus(MAX_AGE + LEEWAY));
    if now >= expired_from {
        Err(IdTokenFault::Expired.into())
    } else if issued_at > now.plus(LEEWAY) {
        Err(IdTokenFault::FromTheFuture.into())
    } else if now >= stale_from {
        Err(LogoutTokenFault::Stale)
    } else {
        Ok(expired_from.min(stale_from))
    }
}
