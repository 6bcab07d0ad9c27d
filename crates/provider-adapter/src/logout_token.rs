//! The rules for a logout token (OpenID Connect Back-Channel Logout sections 2.4 and 2.6). Anyone can send
//! one.

use std::time::Duration;

use labgate_domain::ports::{IdTokenFault, InvalidToken, LogoutToken, LogoutTokenFault};
use labgate_domain::protocol::{Issuer, ProviderSessionId, Subject};
use labgate_domain::time::Timestamp;
use serde_json::Value;

use crate::ensure::ensure;
use crate::jwt::{Audiences, LEEWAY, RegisteredClaims, SignedToken, text};

/// The greatest age of a logout token: providers send it at once, and repeat it shortly if at all.
const MAX_AGE: Duration = Duration::from_mins(5);

/// The longest accepted `jti`, in bytes: it is remembered.
const MAX_ID_LEN: usize = 255;

/// The member of `events` that says what a logout token is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Verifies what a signed logout token claims. Claims that are not named here may say anything.
pub(crate) fn verify(
    token: &SignedToken,
    issuer: &Issuer,
    audiences: Audiences<'_>,
    now: Timestamp,
) -> Result<LogoutToken, LogoutTokenFault> {
    let claims = &token.claims;
    let registered = RegisteredClaims::verify(claims, issuer, audiences, now)?;
    let stale_from = registered.issued_at().plus(MAX_AGE + LEEWAY);
    ensure(now < stale_from, LogoutTokenFault::Stale)?;
    ensure(!claims.contains_key("nonce"), LogoutTokenFault::Nonce)?;
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    ensure(event.is_some_and(Value::is_object), LogoutTokenFault::Event)?;
    let subject = text(claims, "sub")?.map(Subject::parse).transpose().map_err(|_| IdTokenFault::Subject)?;
    let session = text(claims, "sid")?.map(ProviderSessionId::parse).transpose();
    let session = session.map_err(|_| {
        let text = "the claim `sid` is empty, too long or not visible ASCII";
        InvalidToken::new(IdTokenFault::Malformed, text)
    })?;
    ensure(subject.is_some() || session.is_some(), LogoutTokenFault::NoSubject)?;
    let id = claims.get("jti").and_then(Value::as_str).filter(|id| is_id(id)).ok_or(LogoutTokenFault::Id)?;
    Ok(LogoutToken {
        issuer: issuer.clone(),
        subject,
        session,
        id: id.to_owned(),
        refused_from: registered.expired_from().min(stale_from),
    })
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID_LEN).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
