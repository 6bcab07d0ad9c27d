use std::time::Duration;

use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::{ClientId, Issuer};
use labgate_domain::time::Timestamp;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Number, Value};

/// The accepted clock skew between the provider and this machine.
pub(crate) const LEEWAY: Duration = Duration::from_mins(1);

/// The registered claims: issuer, audience and times (RFC 7519 section 4.1). One of another type than
/// specified makes the token malformed.
#[derive(Deserialize)]
pub(crate) struct RegisteredClaims {
    iss: String,
    aud: Audience,
    #[serde(deserialize_with = "required_date")]
    exp: Timestamp,
    #[serde(deserialize_with = "required_date")]
    iat: Timestamp,
    #[serde(default, deserialize_with = "optional_date")]
    nbf: Option<Timestamp>,
}

/// `aud`: one string, or several (RFC 7519 section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl RegisteredClaims {
    /// The claims of a token by this issuer for this client alone that is in force now.
    pub(crate) fn verify(
        claims: &Map<String, Value>,
        issuer: &Issuer,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Result<Self, IdTokenFault> {
        let this = Self::deserialize(claims).map_err(|_| IdTokenFault::Malformed)?;
        if this.iss != issuer.as_str() {
            return Err(IdTokenFault::Issuer);
        }
        // A further audience could hand its copy of the token to us as if it had been meant for us (OpenID
        // Connect Core section 3.1.3.7, step 3), so there is none.
        let audience = match &this.aud {
            Audience::One(only) => std::slice::from_ref(only),
            Audience::Several(all) => all,
        };
        if audience != [client_id.as_str()] {
            return Err(IdTokenFault::Audience);
        }
        if now >= this.expired_from() {
            return Err(IdTokenFault::Expired);
        }
        let latest = now.plus(LEEWAY);
        if this.iat > latest || this.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(IdTokenFault::FromTheFuture);
        }
        Ok(this)
    }

    /// The time of issue, by the provider's clock.
    pub(crate) fn issued_at(&self) -> Timestamp {
        self.iat
    }

    /// From when on the token counts as expired here.
    pub(crate) fn expired_from(&self) -> Timestamp {
        self.exp.plus(LEEWAY)
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

fn required_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let value = Value::deserialize(deserializer)?;
    numeric_date(&value).ok_or_else(|| de::Error::custom("not a date"))
}

fn optional_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => numeric_date(&value).map(Some).ok_or_else(|| de::Error::custom("not a date")),
    }
}
