use std::time::Duration;

use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::{ClientId, Issuer};
use labgate_domain::time::Timestamp;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Number, Value};

use crate::ensure::ensure;

/// The accepted clock skew between the provider and this machine.
pub(crate) const LEEWAY: Duration = Duration::from_mins(1);

/// The registered claims: issuer, audience and times (RFC 7519 section 4.1). One of another type than
/// specified makes the token malformed.
#[derive(Deserialize)]
pub(crate) struct RegisteredClaims {
    iss: String,
    aud: Audience,
    exp: NumericDate,
    iat: NumericDate,
    nbf: Option<NumericDate>,
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
        ensure(this.iss == issuer.as_str(), IdTokenFault::Issuer)?;
        // A further audience could hand its copy of the token to us as if it had been meant for us (OpenID
        // Connect Core section 3.1.3.7, step 3), so there is none.
        let audience = match &this.aud {
            Audience::One(only) => std::slice::from_ref(only),
            Audience::Several(all) => all,
        };
        ensure(audience == [client_id.as_str()], IdTokenFault::Audience)?;
        ensure(now < this.expired_from(), IdTokenFault::Expired)?;
        let latest = now.plus(LEEWAY);
        let is_in_force = this.iat.0 <= latest && this.nbf.as_ref().is_none_or(|nbf| nbf.0 <= latest);
        ensure(is_in_force, IdTokenFault::FromTheFuture)?;
        Ok(this)
    }

    /// The time of issue, by the provider's clock.
    pub(crate) fn issued_at(&self) -> Timestamp {
        self.iat.0
    }

    /// From when on the token counts as expired here.
    pub(crate) fn expired_from(&self) -> Timestamp {
        self.exp.0.plus(LEEWAY)
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

/// A [`numeric_date`].
struct NumericDate(Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        numeric_date(&value).map(Self).ok_or_else(|| de::Error::custom("not a date"))
    }
}
