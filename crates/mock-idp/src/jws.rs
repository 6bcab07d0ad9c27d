//! Reading a signed JWT (RFC 7515, RFC 7519) with the keys of a JWK set, as a careful relying party does.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use labgate_domain::ports::IdTokenFault;
use labgate_token::Algorithm;
use serde_json::{Map, Value};

/// The longest token that is looked at, in bytes.
const MAX_LEN: usize = 16 * 1024;

/// The claims of a token that one of the keys signed, and the algorithm that it was signed with. Its `typ` is one of
/// these, in any case, or absent.
pub(crate) fn verify(
    token: &str,
    types: &[&str],
    jwks: &Value,
) -> Result<(Map<String, Value>, Algorithm), IdTokenFault> {
    if token.len() > MAX_LEN {
        return Err(IdTokenFault::TooLarge);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(IdTokenFault::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(IdTokenFault::Malformed)?;
    let header = object(header)?;
    let text = |name| header.get(name).and_then(Value::as_str);
    let is_expected = |typ: &str| types.iter().any(|expected| typ.eq_ignore_ascii_case(expected));
    if header.contains_key("typ") && !text("typ").is_some_and(is_expected) {
        return Err(IdTokenFault::Type);
    }
    if header.contains_key("crit") {
        return Err(IdTokenFault::Critical);
    }
    let algorithm = text("alg").and_then(|alg| Algorithm::parse(alg).ok());
    let algorithm = algorithm.filter(|alg| *alg != Algorithm::Hs256).ok_or(IdTokenFault::Algorithm)?;

    let key = key(jwks, text("kid"), algorithm)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm.into()) {
        Ok(true) => Ok((object(payload)?, algorithm)),
        Ok(false) => Err(IdTokenFault::Signature),
        Err(_) => Err(IdTokenFault::Malformed),
    }
}

/// A claim of a token whose signature nobody has looked at yet.
pub(crate) fn unverified_claim(token: &str, name: &str) -> Option<Value> {
    let payload = token.split('.').nth(1).filter(|_| token.len() <= MAX_LEN)?;
    object(payload).ok()?.remove(name)
}

/// The key of this name; without a name, the only key for the algorithm.
fn key(jwks: &Value, kid: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, IdTokenFault> {
    let keys = jwks.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut fitting = keys.iter().filter(|key| {
        key.get("alg").and_then(Value::as_str) == Some(algorithm.as_str())
            && (kid.is_none() || key.get("kid").and_then(Value::as_str) == kid)
    });
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => serde_json::from_value::<Jwk>(key.clone())
            .ok()
            .and_then(|jwk| DecodingKey::from_jwk(&jwk).ok())
            .ok_or(IdTokenFault::UnknownKey),
        _ => Err(IdTokenFault::UnknownKey),
    }
}

fn object(part: &str) -> Result<Map<String, Value>, IdTokenFault> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| IdTokenFault::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| IdTokenFault::Malformed)
}
