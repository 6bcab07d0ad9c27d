//! The rules for an identity token's claims (OpenID Connect Core section 3.1.3.7).

use std::time::Duration;

use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::{ClientId, Issuer, Nonce, Subject};
use labgate_domain::time::Timestamp;
use serde_json::{Map, Value};

/// How far two clocks may differ.
pub(super) const LEEWAY: Duration = Duration::from_mins(1);

/// What an identity token must fit.
pub(super) struct Occasion<'a> {
    pub(super) issuer: &'a Issuer,
    /// None after a refresh (section 12.2).
    pub(super) nonce: Option<&'a Nonce>,
    pub(super) started_at: Timestamp,
}

/// The subject of an identity token that breaks no rule.
pub(super) fn check(
    claims: &Map<String, Value>,
    occasion: &Occasion<'_>,
    client: &ClientId,
    now: Timestamp,
) -> Result<Subject, IdTokenFault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(occasion.issuer.as_str()) {
        return Err(IdTokenFault::Issuer);
    }
    let ours = Value::from(client.as_str());
    match claims.get("aud") {
        Some(audience) if *audience == ours => {}
        Some(Value::Array(audiences)) if *audiences == [ours.clone()] => {}
        _ => return Err(IdTokenFault::Audience),
    }
    if claims.get("azp").is_some_and(|party| *party != ours) {
        return Err(IdTokenFault::AuthorizedParty);
    }
    if text("nonce") != occasion.nonce.map(Nonce::as_str) {
        return Err(IdTokenFault::Nonce);
    }
    times(claims, occasion.started_at, now)?;
    Subject::parse(text("sub").ok_or(IdTokenFault::Malformed)?).map_err(|_| IdTokenFault::Subject)
}

fn times(claims: &Map<String, Value>, started_at: Timestamp, now: Timestamp) -> Result<(), IdTokenFault> {
    let time = |name: &str| {
        let time = claims.get(name).map(|time| seconds(time).ok_or(IdTokenFault::Malformed)).transpose()?;
        Ok(time.map(Timestamp::from_unix_seconds))
    };
    let expires_at = time("exp")?.ok_or(IdTokenFault::Malformed)?;
    let issued_at = time("iat")?.ok_or(IdTokenFault::Malformed)?;
    if now >= expires_at.plus(LEEWAY) {
        return Err(IdTokenFault::Expired);
    }
    let latest = now.plus(LEEWAY);
    if issued_at > latest || time("nbf")?.is_some_and(|not_before| not_before > latest) {
        return Err(IdTokenFault::FromTheFuture);
    }
    if issued_at < started_at.minus(LEEWAY) {
        return Err(IdTokenFault::OlderThanAttempt);
    }
    Ok(())
}

/// A `NumericDate` (RFC 7519 section 2), whose fraction of a second is dropped.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast saturates at both ends of time")]
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
}
