use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::ForeignText;
use openidconnect::core::{CoreJsonCurveType, CoreJsonWebKey};
use openidconnect::{JsonWebKey as _, SignatureVerificationError};
use serde::Deserialize;
use serde_json::Value;

use super::Algorithm;
use crate::ensure::ensure;

/// A public key that may have signed a token.
pub(crate) struct Key {
    /// Its name in the set.
    pub(super) kid: Option<String>,
    /// The issuer for which it signs, where the set names one (Entra).
    pub(crate) issuer: Option<String>,
    algorithms: Vec<&'static Algorithm>,
    public: CoreJsonWebKey,
}

/// The members of a JSON Web Key that matter (RFC 7517 section 4, RFC 7518 section 6, RFC 8037). Private
/// members, should a provider publish them, are not even read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    issuer: Option<Value>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// Takes a key from a JWK set, or says why it is none that a signature could be checked with. Such a key
    /// is skipped as if it were absent (RFC 7517 section 5).
    pub(super) fn parse(value: Value) -> Result<Self, String> {
        let jwk: Jwk = serde_json::from_value(value).map_err(|_| "it is not a JSON Web Key")?;
        // A value that is no text is no issuer, and must not count as absent.
        let issuer = jwk.issuer.as_ref().map(|issuer| issuer.as_str().unwrap_or_default().to_owned());
        ensure(jwk.usage.as_ref().is_none_or(|usage| usage == "sig"), "its use is not to sign")?;
        let verifies =
            jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|it| it == "verify"));
        ensure(verifies, "its operations do not include to verify")?;
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => jwk.rsa()?,
            ("EC", Some("P-256")) => jwk.elliptic_curve(CoreJsonCurveType::P256, 32)?,
            ("EC", Some("P-384")) => jwk.elliptic_curve(CoreJsonCurveType::P384, 48)?,
            ("OKP", Some("Ed25519")) => {
                CoreJsonWebKey::new_okp(sized(jwk.x.as_deref(), 32)?, CoreJsonCurveType::Ed25519, None)
            }
            (kty, crv) => return Err(jwk.purpose(kty, crv)),
        };
        let fits = |algorithm: &&Algorithm| {
            let (kty, crv) = algorithm.keys;
            jwk.kty == kty
                && (crv.is_none() || jwk.crv.as_deref() == crv)
                && jwk.alg.as_deref().is_none_or(|name| algorithm.has_name(name))
        };
        let algorithms: Vec<_> = Algorithm::ALL.iter().filter(fits).collect();
        let first = algorithms.first().ok_or_else(|| jwk.purpose(&jwk.kty, jwk.crv.as_deref()))?;
        // No signature is this one; whether the numbers make a key, such as a point on the curve, shows all
        // the same.
        match key.verify_signature(&first.core, b"", &[1; 64]) {
            Err(SignatureVerificationError::CryptoError(_)) => {
                Ok(Self { kid: jwk.kid, issuer, algorithms, public: key })
            }
            _ => Err("its numbers are not a key".to_owned()),
        }
    }

    /// Returns whether it is the same key for the same issuer, perhaps under another name (RFC 7638).
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.public == other.public && self.issuer == other.issuer
    }

    /// Returns whether it signs with this algorithm (RFC 8725 section 3.1).
    pub(super) fn signs_with(&self, algorithm: &Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Returns whether it made this signature.
    pub(crate) fn verifies(&self, algorithm: &Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.signs_with(algorithm)
            && self.public.verify_signature(&algorithm.core, message, signature).is_ok()
    }

    /// The `at_hash` of an access token beside a token that this key signed (OpenID Connect Core section
    /// 3.1.3.6): the left half of the hash, with the hash function of the signature.
    pub(crate) fn half_hash(&self, algorithm: &Algorithm, text: &str) -> Option<String> {
        let hash = self.public.hash_bytes(text.as_bytes(), &algorithm.core).ok()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode(hash.get(..hash.len() / 2)?))
    }
}

impl Jwk {
    /// The purpose of a key that is for none of our algorithms.
    fn purpose(&self, kty: &str, crv: Option<&str>) -> String {
        let known = match (&self.alg, kty, crv) {
            (None, "EC", Some("P-521")) => Some("ES512"),
            (alg, ..) => alg.as_deref(),
        };
        match (known, crv) {
            (Some(alg), _) => format!("it is for {}", ForeignText::new(alg)),
            (None, Some(crv)) => {
                format!("it is of the type {} {}", ForeignText::new(kty), ForeignText::new(crv))
            }
            (None, None) => format!("it is of the type {}", ForeignText::new(kty)),
        }
    }

    /// An RSA key of 2048 to 4096 bits (RFC 7518 section 3.3; the upper limit is the library's) with an
    /// exponent as FIPS 186-5 section 5.1 demands: odd, above 2^16. All that a provider has published for
    /// long is 65537.
    fn rsa(&self) -> Result<CoreJsonWebKey, &'static str> {
        let modulus = number(self.n.as_deref())?;
        let exponent = number(self.e.as_deref())?;
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        ensure((2048..=4096).contains(&bits), "its modulus does not have 2048 to 4096 bits")?;
        let value = exponent
            .iter()
            .try_fold(0_u64, |value, byte| value.checked_mul(256).map(|shifted| shifted + u64::from(*byte)));
        let is_common = value.is_some_and(|value| value > 1 << 16 && value < 1 << 33 && value % 2 == 1);
        ensure(is_common, "its exponent is not a common one")?;
        Ok(CoreJsonWebKey::new_rsa(modulus, exponent, None))
    }

    /// A point with coordinates of full length (RFC 7518 section 6.2.1.2).
    fn elliptic_curve(&self, curve: CoreJsonCurveType, size: usize) -> Result<CoreJsonWebKey, &'static str> {
        let (x, y) = (sized(self.x.as_deref(), size)?, sized(self.y.as_deref(), size)?);
        Ok(CoreJsonWebKey::new_ec(x, y, curve, None))
    }
}

fn bytes(text: Option<&str>) -> Result<Vec<u8>, &'static str> {
    let text = text.ok_or("a member of its key is missing")?;
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| "a member of its key is not base64url")
}

fn sized(text: Option<&str>, size: usize) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(text)?;
    if bytes.len() == size { Ok(bytes) } else { Err("a coordinate does not have the length of its curve") }
}

/// An unsigned number without the leading zeros that some providers write.
fn number(text: Option<&str>) -> Result<Vec<u8>, &'static str> {
    Ok(bytes(text)?.into_iter().skip_while(|byte| *byte == 0).collect())
}
