use std::time::Duration;

use labgate_domain::ForeignText;
use labgate_domain::ports::{IdTokenFault, InvalidToken};
use labgate_domain::protocol::{ClientId, Issuer};
use labgate_domain::time::Timestamp;
use serde_json::{Map, Number, Value};

use crate::ensure::ensure;
use crate::json;

/// The accepted clock skew between the provider and this machine.
pub(crate) const LEEWAY: Duration = Duration::from_mins(1);

/// The audiences that a token may have: the client, and the further ones that are trusted.
#[derive(Clone, Copy)]
pub(crate) struct Audiences<'a> {
    /// The client, which is one of them in any case.
    pub(crate) client_id: &'a ClientId,
    /// The further ones that the operator trusts.
    pub(crate) trusted: &'a [String],
    /// Any further ones are accepted if `azp` is the client.
    pub(crate) by_authorized_party: bool,
}

impl Audiences<'_> {
    /// Checks `aud`, one text or several (RFC 7519 section 4.1.3).
    ///
    /// A further audience could hand its copy of the token to us as if it had been meant for us (OpenID
    /// Connect Core section 3.1.3.7, step 3), so it must be trusted.
    pub(crate) fn verify(self, claims: &Map<String, Value>) -> Result<(), InvalidToken> {
        let unfit = || malformed(claims, "aud", "a text or a list of texts");
        let stated = match claims.get("aud") {
            Some(only @ Value::String(_)) => std::slice::from_ref(only),
            Some(Value::Array(several)) => several,
            _ => return Err(unfit()),
        };
        let stated = stated.iter().map(Value::as_str).collect::<Option<Vec<&str>>>().ok_or_else(unfit)?;
        let own = self.client_id.as_str();
        if !stated.contains(&own) {
            let stated: Vec<String> = stated.iter().map(|it| quoted(it)).collect();
            let text = format!("it is {}, and the client id is {own:?}", list(&stated));
            return Err(InvalidToken::new(IdTokenFault::Audience, text));
        }
        let is_ours = claims.get("azp").and_then(Value::as_str) == Some(own);
        let is_trusted = |audience: &&str| *audience == own || self.trusted.iter().any(|it| it == audience);
        match stated.iter().find(|audience| !is_trusted(audience)) {
            Some(foreign) if !(self.by_authorized_party && is_ours) => Err(InvalidToken::new(
                IdTokenFault::Audience,
                format!(
                    "it has {} beside the client; if that is right, add it to trusted_audiences",
                    quoted(foreign)
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// The registered claims with times (RFC 7519 section 4.1).
pub(crate) struct RegisteredClaims {
    expires_at: Timestamp,
    issued_at: Timestamp,
}

impl RegisteredClaims {
    /// The claims of a token by this issuer for these audiences that is in force now. A claim of another type
    /// than specified makes the token malformed.
    pub(crate) fn verify(
        claims: &Map<String, Value>,
        issuer: &Issuer,
        audiences: Audiences<'_>,
        now: Timestamp,
    ) -> Result<Self, InvalidToken> {
        let expires_at = required_date(claims, "exp")?;
        let issued_at = required_date(claims, "iat")?;
        let not_before = date(claims, "nbf")?;
        verify_issuer(required_text(claims, "iss")?, issuer)?;
        audiences.verify(claims)?;
        ensure(now < expires_at.plus(LEEWAY), IdTokenFault::Expired)?;
        let latest = now.plus(LEEWAY);
        let is_in_force = issued_at <= latest && not_before.is_none_or(|nbf| nbf <= latest);
        ensure(is_in_force, IdTokenFault::FromTheFuture)?;
        Ok(Self { expires_at, issued_at })
    }

    /// The time of issue, by the provider's clock.
    pub(crate) fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// From when on the token counts as expired here.
    pub(crate) fn expired_from(&self) -> Timestamp {
        self.expires_at.plus(LEEWAY)
    }
}

/// Checks `iss`.
pub(crate) fn verify_issuer(stated: &str, issuer: &Issuer) -> Result<(), InvalidToken> {
    let wrong = || format!("it is {}, and the issuer is {:?}", quoted(stated), issuer.as_str());
    ensure(stated == issuer.as_str(), ()).map_err(|()| InvalidToken::new(IdTokenFault::Issuer, wrong()))
}

/// A claim that is text, if it is there.
pub(crate) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, InvalidToken> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(malformed(claims, name, "a text")),
    }
}

/// A claim that must be there and be text.
pub(crate) fn required_text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, InvalidToken> {
    text(claims, name)?.ok_or_else(|| malformed(claims, name, "a text"))
}

fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, InvalidToken> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => numeric_date(value)
            .map(Some)
            .ok_or_else(|| malformed(claims, name, "a number of seconds since 1970")),
    }
}

fn required_date(claims: &Map<String, Value>, name: &str) -> Result<Timestamp, InvalidToken> {
    date(claims, name)?.ok_or_else(|| malformed(claims, name, "a number of seconds since 1970"))
}

/// The error for a claim of the wrong shape.
fn malformed(claims: &Map<String, Value>, name: &str, expected: &str) -> InvalidToken {
    let found = json::shape(claims.get(name));
    let text = format!("the claim `{name}` is {found}, and must be {expected}");
    InvalidToken::new(IdTokenFault::Malformed, text)
}

/// A value from a token, for a message.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", ForeignText::new(text))
}

/// The first few of some texts, for a message.
fn list(texts: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = texts.get(..SHOWN.min(texts.len())).unwrap_or_default().join(", ");
    match texts.len() {
        0 => "empty".to_owned(),
        count if count > SHOWN => format!("{shown} and {} more", count - SHOWN),
        _ => shown,
    }
}

/// A `NumericDate` (RFC 7519 section 2) between 1970 and 9999, cut to whole seconds: some providers write
/// fractions.
pub(crate) fn numeric_date(value: &Value) -> Option<Timestamp> {
    const YEAR_10000: i64 = 253_402_300_800;
    let Value::Number(number) = value else { return None };
    let seconds = number.as_i64().or_else(|| whole_seconds(number))?;
    (0..YEAR_10000).contains(&seconds).then(|| Timestamp::from_unix_seconds(seconds))
}

fn whole_seconds(number: &Number) -> Option<i64> {
    // A number that fits i64 is printed without an exponent; what does not is no date.
    format!("{:.0}", number.as_f64()?.floor()).parse().ok()
}
