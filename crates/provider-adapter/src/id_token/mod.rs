//! Whether an identity token may be believed (OpenID Connect Core section 3.1.3.7, RFC 8725).
//!
//! `openidconnect` checks the signature, with a key that we chose; every rule about header and claims is here. Its
//! `IdTokenVerifier` is not used, because it reads all standard claims before it verifies anything, so that one odd
//! claim that nobody needs (an `address` that is text, an `updated_at` in words) ends the sign-in, while it does not look
//! at `azp`, `nbf`, the age of `iat` or `at_hash`, and lets base64url with stray bits and times in text pass.

mod jws;

use std::time::Duration;

use labgate_domain::ports::IdTokenFault;
use labgate_domain::protocol::{ClientId, Issuer, Nonce, Subject};
use labgate_domain::time::Timestamp;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Number, Value};

use self::jws::Jws;
use crate::keys::{KeySet, NoKey};

/// How far the provider's clock and ours may be apart.
const LEEWAY: Duration = Duration::from_mins(1);

/// The longest accepted identity token, in bytes. One with the 200 groups that Entra puts in at most has about 12 KiB.
const MAX_SIZE: usize = 16 * 1024;

/// What an identity token must say.
pub(crate) struct Expectation<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) client_id: &'a ClientId,
    pub(crate) nonce: &'a Nonce,
    /// When the attempt started.
    pub(crate) started_at: Timestamp,
    /// How much earlier than the truth this provider writes `iat`.
    pub(crate) backdating: Duration,
    /// The access token that came with it.
    pub(crate) access_token: &'a str,
    pub(crate) now: Timestamp,
}

/// An identity token that holds.
pub(crate) struct VerifiedIdToken {
    pub(crate) subject: Subject,
    /// When the person last proved who they are, if that is told in a way that can be read.
    pub(crate) authenticated_at: Option<Timestamp>,
    /// All claims, for what is said of the person.
    pub(crate) claims: Map<String, Value>,
}

/// Why a token does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It breaks a rule.
    Fault(IdTokenFault),
    /// The same fault, but newer keys could mend it: no key fits, or the token names none and the only one does not.
    WithTheseKeys(IdTokenFault),
}

impl Refusal {
    pub(crate) fn fault(self) -> IdTokenFault {
        match self {
            Self::Fault(fault) | Self::WithTheseKeys(fault) => fault,
        }
    }
}

impl From<IdTokenFault> for Refusal {
    fn from(fault: IdTokenFault) -> Self {
        Self::Fault(fault)
    }
}

/// Verifies a token: size, header, signature, then what it claims.
pub(crate) fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expectation<'_>,
) -> Result<VerifiedIdToken, Refusal> {
    if token.len() > MAX_SIZE {
        return Err(IdTokenFault::TooLarge.into());
    }
    let jws = Jws::parse(token)?;
    let key = keys.select(jws.kid.as_deref(), jws.algorithm).map_err(|none| match none {
        NoKey::Absent => Refusal::WithTheseKeys(IdTokenFault::UnknownKey),
        NoKey::Ambiguous => Refusal::Fault(IdTokenFault::UnknownKey),
    })?;
    let claims = jws.verified_claims(key).map_err(|fault| match (fault, &jws.kid) {
        (IdTokenFault::Signature, None) => Refusal::WithTheseKeys(fault),
        _ => Refusal::Fault(fault),
    })?;

    let checked = Claims::deserialize(&claims).map_err(|_| IdTokenFault::Malformed)?;
    if let Some(stated) = &checked.at_hash
        && key.half_hash(jws.algorithm, expected.access_token).as_ref() != Some(stated)
    {
        return Err(IdTokenFault::AccessTokenHash.into());
    }
    Ok(VerifiedIdToken {
        subject: checked.subject(expected)?,
        authenticated_at: claims.get("auth_time").and_then(numeric_date),
        claims,
    })
}

/// The claims that decide whether the token holds. One of another type than specified makes it malformed; the others
/// are nobody's business here.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    #[serde(deserialize_with = "required_date")]
    exp: Timestamp,
    #[serde(deserialize_with = "required_date")]
    iat: Timestamp,
    #[serde(default, deserialize_with = "optional_date")]
    nbf: Option<Timestamp>,
    nonce: Option<String>,
    azp: Option<String>,
    at_hash: Option<String>,
}

/// `aud`: one string, or several (RFC 7519 section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// Whom the claims are about, if they are what is expected.
    fn subject(&self, expected: &Expectation<'_>) -> Result<Subject, IdTokenFault> {
        if self.iss != expected.issuer.as_str() {
            return Err(IdTokenFault::Issuer);
        }
        // A further audience could hand its copy of the token to us as if the person had come here (section 3.1.3.7,
        // step 3), so there is none, and `azp` can only repeat us.
        let audience = match &self.aud {
            Audience::One(only) => std::slice::from_ref(only),
            Audience::Several(all) => all,
        };
        if audience != [expected.client_id.as_str()] {
            return Err(IdTokenFault::Audience);
        }
        if self.azp.as_ref().is_some_and(|party| party != expected.client_id.as_str()) {
            return Err(IdTokenFault::AuthorizedParty);
        }
        let nonce = self.nonce.as_deref().and_then(|nonce| Nonce::parse(nonce).ok());
        if nonce.as_ref() != Some(expected.nonce) {
            return Err(IdTokenFault::Nonce);
        }
        if expected.now >= self.exp.plus(LEEWAY) {
            return Err(IdTokenFault::Expired);
        }
        let latest = expected.now.plus(LEEWAY);
        if self.iat > latest || self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(IdTokenFault::FromTheFuture);
        }
        if self.iat < expected.started_at.minus(LEEWAY + expected.backdating) {
            return Err(IdTokenFault::OlderThanAttempt);
        }
        Subject::parse(&self.sub).map_err(|_| IdTokenFault::Subject)
    }
}

/// A `NumericDate` (RFC 7519 section 2) between 1970 and 9999, cut to whole seconds: some providers write fractions.
fn numeric_date(value: &Value) -> Option<Timestamp> {
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

#[cfg(test)]
mod tests {
    //! The rules are tested from outside, in `tests/contract/id_token.rs`; here is what needs a provider that cannot be
    //! played there.

    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// What `Expectation` says of a token that was issued at `iat`.
    fn verified(iat: i64, backdating: Duration) -> Result<(), Refusal> {
        let base64url = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let key = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().as_ref())});
        let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();

        let issuer = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0";
        let claims = json!({
            "iss": issuer, "sub": "s", "aud": "lab", "nonce": "n", "iat": iat, "nbf": iat, "exp": iat + 3900,
        });
        let input =
            format!("{}.{}", base64url(br#"{"alg":"EdDSA"}"#), base64url(claims.to_string().as_bytes()));
        let token = format!("{input}.{}", base64url(key.sign(input.as_bytes()).as_ref()));
        let expected = Expectation {
            issuer: &Issuer::parse(issuer).unwrap(),
            client_id: &ClientId::parse("lab").unwrap(),
            nonce: &Nonce::parse("n").unwrap(),
            started_at: Timestamp::from_unix_seconds(NOW),
            backdating,
            access_token: "a",
            now: Timestamp::from_unix_seconds(NOW + 20),
        };
        verify(&token, &keys, &expected).map(drop)
    }

    proptest::proptest! {
        #[test]
        fn c196_no_text_makes_it_panic(
            token in "\\PC{0,200}|[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}",
            header in "\\{(\"(alg|kid|typ|crit|x)\":(\"\\PC{0,9}\"|[0-9]{1,3}|null|\\[\\]),?){0,4}\\}",
            keys in "\\{\"keys\":\\[(\\{(\"(kty|n|e|x|y|crv|alg|use|kid)\":(\"[A-Za-z0-9_-]{0,12}\"|7),?){0,6}\\},?){0,3}\\]\\}",
        ) {
            let _ = Jws::parse(&token).map(drop);
            let _ = Jws::parse(&format!("{}.e30.AA", BASE64_URL_SAFE_NO_PAD.encode(header))).map(drop);
            let _ = KeySet::parse(keys.as_bytes()).map(drop);
        }
    }

    #[test]
    fn c072_a_provider_that_backdates_its_tokens_by_five_minutes_may() {
        let older = Err(Refusal::Fault(IdTokenFault::OlderThanAttempt));
        let five_minutes = Duration::from_mins(5);
        assert_eq!(verified(NOW - 360, five_minutes), Ok(()));
        assert_eq!(verified(NOW - 361, five_minutes), older);
        assert_eq!(verified(NOW - 300, Duration::ZERO), older);
    }
}
