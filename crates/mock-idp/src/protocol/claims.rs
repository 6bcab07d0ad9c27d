use aws_lc_rs::digest::{self, SHA256, SHA512};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_token::Algorithm;
use serde_json::{Map, Value};

/// The claims of a token, or the members of a document.
pub(crate) type Claims = Map<String, Value>;

pub(crate) fn set(claims: &mut Claims, name: &str, value: impl Into<Value>) {
    claims.insert(name.to_owned(), value.into());
}

pub(crate) fn unset(claims: &mut Claims, name: &str) {
    claims.remove(name);
}

pub(crate) fn unset_all(claims: &mut Claims, names: &[impl AsRef<str>]) {
    for name in names {
        unset(claims, name.as_ref());
    }
}

/// Returns the left half of the hash of an access token or a code: `at_hash`, `c_hash` (OpenID Connect Core
/// sections 3.1.3.6 and 3.3.2.11).
pub(crate) fn half_hash(text: &str, algorithm: Algorithm) -> String {
    let hash = match algorithm {
        Algorithm::EdDsa => &SHA512,
        Algorithm::Es256 | Algorithm::Rs256 | Algorithm::Hs256 => &SHA256,
    };
    let digest = digest::digest(hash, text.as_bytes());
    let half = digest.as_ref().len() / 2;
    BASE64_URL_SAFE_NO_PAD.encode(digest.as_ref().get(..half).unwrap_or_default())
}
