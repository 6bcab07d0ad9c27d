//! The Rust of docs/tokens.md, word for word.

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

/// Returns the claims of an assertion for this service. Read the keys anew every five minutes, from
/// `/.well-known/jwks.json` of the lab.
pub fn person(assertion: &str, keys: &JwkSet, lab: &str, service: &str) -> Result<serde_json::Value, Error> {
    let header = decode_header(assertion)?;
    if header.typ.as_deref() != Some("labgate-assertion+jwt") {
        return Err(ErrorKind::InvalidToken.into());
    }
    let key = header.kid.and_then(|kid| keys.find(&kid)).ok_or(ErrorKind::InvalidToken)?;
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[lab]);
    rules.set_audience(&[service]);
    rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    rules.leeway = 10;
    Ok(decode(assertion, &DecodingKey::from_jwk(key)?, &rules)?.claims)
}
