//! The rules for every signed token: form, header, key, signature, issuer, audience and time (RFC 7515,
//! RFC 7519, RFC 8725).
//!
//! `openidconnect` checks the signature, with a key that we chose; every rule about header and claims is
//! ours. Its `IdTokenVerifier` is not used, because it reads all standard claims before it verifies anything,
//! so that one odd claim without use (an `address` that is text, an `updated_at` in words) ends the sign-in,
//! while it does not look at `azp`, `nbf`, the age of `iat` or `at_hash`, and lets base64url with stray bits
//! and times in text pass.

mod claims;
mod jws;

use std::sync::Arc;

use labgate_domain::ports::IdTokenFault;
use serde_json::{Map, Value};

pub(crate) use self::claims::{LEEWAY, RegisteredClaims, numeric_date};
use self::jws::Jws;
pub(crate) use self::jws::TokenKind;
use crate::ensure::ensure;
use crate::keys::{Algorithm, Key, KeySet, NoKey};

/// The longest accepted ID token, in bytes: room for some hundred groups, which a directory names at length.
const MAX_ID_TOKEN: usize = 64 * 1024;

/// The longest accepted logout token, in bytes. Anyone can send one.
const MAX_LOGOUT_TOKEN: usize = 16 * 1024;

/// A token that a key of the provider signed. Its claims are not judged yet.
pub(crate) struct SignedToken {
    pub(crate) claims: Map<String, Value>,
    algorithm: &'static Algorithm,
    /// The key that signed it.
    pub(crate) key: Arc<Key>,
}

impl SignedToken {
    /// The hash of a text that came beside the token, such as `at_hash` (OpenID Connect Core section
    /// 3.1.3.6).
    pub(crate) fn half_hash(&self, text: &str) -> Option<String> {
        self.key.half_hash(self.algorithm, text)
    }
}

/// The rule that the signature of a token breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It breaks a rule.
    Fault(IdTokenFault),
    /// The same fault, but newer keys could mend it: no key fits, or the token names none and the only one
    /// does not.
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

/// Verifies size, form, header and signature of a token.
pub(crate) fn verify(token: &str, kind: TokenKind, keys: &KeySet) -> Result<SignedToken, Refusal> {
    let limit = if kind == TokenKind::Id { MAX_ID_TOKEN } else { MAX_LOGOUT_TOKEN };
    ensure(token.len() <= limit, IdTokenFault::TooLarge)?;
    let jws = Jws::parse(token, kind)?;
    let key = keys.select(jws.kid.as_deref(), jws.algorithm).map_err(|none| match none {
        NoKey::Absent => Refusal::WithTheseKeys(IdTokenFault::UnknownKey),
        NoKey::Ambiguous => Refusal::Fault(IdTokenFault::UnknownKey),
    })?;
    let claims = jws.verified_claims(key).map_err(|fault| match (fault, &jws.kid) {
        (IdTokenFault::Signature, None) => Refusal::WithTheseKeys(fault),
        _ => Refusal::Fault(fault),
    })?;
    Ok(SignedToken { claims, algorithm: jws.algorithm, key: Arc::clone(key) })
}

/// The unverified `iss` of a logout token: it can tell which keys to try, nothing else.
pub(crate) fn unverified_issuer(token: &str) -> Result<Option<String>, IdTokenFault> {
    ensure(token.len() <= MAX_LOGOUT_TOKEN, IdTokenFault::TooLarge)?;
    let mut claims = jws::unverified_claims(token)?;
    match claims.remove("iss") {
        Some(Value::String(issuer)) => Ok(Some(issuer)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    //! The rules are tested from outside, in `tests/contract/id_token_signature.rs` and `logout_token.rs`.

    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    proptest::proptest! {
        #[test]
        fn c196_no_text_makes_it_panic(
            token in "\\PC{0,200}|[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}",
            header in "\\{(\"(alg|kid|typ|crit|x)\":(\"\\PC{0,9}\"|[0-9]{1,3}|null|\\[\\]),?){0,4}\\}",
            keys in "\\{\"keys\":\\[(\\{(\"(kty|n|e|x|y|crv|alg|use|kid)\":(\"[A-Za-z0-9_-]{0,12}\"|7),?){0,6}\\},?){0,3}\\]\\}",
        ) {
            for kind in [TokenKind::Id, TokenKind::Logout] {
                let _ = Jws::parse(&token, kind).map(drop);
                let header = BASE64_URL_SAFE_NO_PAD.encode(&header);
                let _ = Jws::parse(&format!("{header}.e30.AA"), kind).map(drop);
            }
            let _ = unverified_issuer(&token).map(drop);
            let _ = KeySet::parse(keys.as_bytes()).map(drop);
        }
    }
}
