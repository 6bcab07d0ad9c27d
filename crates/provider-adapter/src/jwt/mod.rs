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

use labgate_domain::ports::{IdTokenFault, InvalidToken};
use serde_json::{Map, Value};

pub(crate) use self::claims::{
    Audiences, LEEWAY, RegisteredClaims, numeric_date, quoted, required_text, text, verify_issuer,
};
use self::jws::Jws;
pub(crate) use self::jws::TokenKind;
use crate::ensure::ensure;
use crate::keys::{Algorithm, Key, KeySet};

/// The longest accepted ID token, in bytes: room for some hundred groups, which a directory names at length.
const MAX_ID_TOKEN: usize = 64 * 1024;

/// The longest accepted logout token, in bytes. Anyone can send one.
const MAX_LOGOUT_TOKEN: usize = 16 * 1024;

/// The most keys that are tried for one token: those of one name, or all that fit where it names none.
const MAX_CANDIDATES: usize = 8;

/// A token that a key of the provider signed. Its claims are not judged yet.
pub(crate) struct SignedToken {
    pub(crate) claims: Map<String, Value>,
    pub(crate) algorithm: &'static Algorithm,
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

/// The refusal of a token by its form, header or signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It breaks a rule.
    Token(InvalidToken),
    /// The same, but newer keys could mend it: no key fits, or the token does not tell which and none of
    /// those that fit made the signature.
    WithTheseKeys(InvalidToken),
}

impl Refusal {
    pub(crate) fn reason(self) -> InvalidToken {
        match self {
            Self::Token(reason) | Self::WithTheseKeys(reason) => reason,
        }
    }
}

impl From<InvalidToken> for Refusal {
    fn from(reason: InvalidToken) -> Self {
        Self::Token(reason)
    }
}

/// Verifies size, form, header and signature of a token, which must have one of these algorithms.
///
/// Of several keys that fit, each is tried: providers publish a key twice, give two the same name, or name
/// none. A signature fits one key alone, so their order does not matter.
pub(crate) fn verify(
    token: &str,
    kind: TokenKind,
    keys: &KeySet,
    accepted: &[&'static Algorithm],
) -> Result<SignedToken, Refusal> {
    let limit = if kind == TokenKind::Logout { MAX_LOGOUT_TOKEN } else { MAX_ID_TOKEN };
    ensure(token.len() <= limit, InvalidToken::from(IdTokenFault::TooLarge))?;
    let jws = Jws::parse(token, kind, accepted)?;
    let algorithm = jws.algorithm.name;
    let candidates = keys.candidates(jws.kid.as_deref(), jws.algorithm);
    let unknown = |text| InvalidToken::new(IdTokenFault::UnknownKey, text);
    if candidates.is_empty() {
        return Err(Refusal::WithTheseKeys(unknown(match &jws.kid {
            Some(name) => format!("there is none with the `kid` {} for {algorithm}", quoted(name)),
            None => format!("there is none for {algorithm}, and the token has no `kid`"),
        })));
    }
    let count = candidates.len();
    if count > MAX_CANDIDATES {
        let text = format!("the token has no `kid` that tells which of {count} keys for {algorithm} it is");
        return Err(Refusal::Token(unknown(text)));
    }
    match candidates.into_iter().find(|key| jws.is_by(key)) {
        Some(key) => {
            Ok(SignedToken { claims: jws.claims()?, algorithm: jws.algorithm, key: Arc::clone(key) })
        }
        None if jws.kid.is_none() => {
            let text = format!("the token has no `kid`, and none of {count} keys for {algorithm} made it");
            Err(Refusal::WithTheseKeys(InvalidToken::new(IdTokenFault::Signature, text)))
        }
        None => Err(Refusal::Token(IdTokenFault::Signature.into())),
    }
}

/// Returns whether the token names an algorithm that Labgate knows.
pub(crate) fn has_known_algorithm(token: &str) -> bool {
    jws::unverified_algorithm(token).is_some()
}

/// The unverified `iss` of a token: it can tell which keys to try, nothing else.
pub(crate) fn unverified_issuer(token: &str) -> Result<Option<String>, InvalidToken> {
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
            let all: Vec<_> = Algorithm::ALL.iter().collect();
            for kind in [TokenKind::Id, TokenKind::Logout, TokenKind::UserInfo] {
                let _ = Jws::parse(&token, kind, &all).map(drop);
                let header = BASE64_URL_SAFE_NO_PAD.encode(&header);
                let _ = Jws::parse(&format!("{header}.e30.AA"), kind, &all).map(drop);
            }
            let _ = has_known_algorithm(&token);
            let _ = unverified_issuer(&token).map(drop);
            let _ = KeySet::parse(keys.as_bytes()).map(drop);
        }
    }
}
