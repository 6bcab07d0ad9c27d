use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::ports::IdTokenFault;
use serde_json::{Map, Value};

use crate::ensure::ensure;
use crate::json;
use crate::keys::{Algorithm, Key};

/// The kinds of tokens, which must not be taken for each other (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TokenKind {
    /// OpenID Connect Core section 2.
    Id,
    /// OpenID Connect Back-Channel Logout section 2.4.
    Logout,
}

impl TokenKind {
    /// Returns whether a `typ` is one of this kind: a media type, perhaps without its `application/` (RFC
    /// 7515 section 4.1.9). A logout token may still be a mere `JWT`, as it was before it had a type of its
    /// own.
    fn admits(self, typ: &Value) -> bool {
        let admitted: &[&str] = match self {
            Self::Id => &["jwt", "application/jwt"],
            Self::Logout => &["jwt", "application/jwt", "logout+jwt", "application/logout+jwt"],
        };
        typ.as_str().is_some_and(|typ| admitted.iter().any(|it| typ.eq_ignore_ascii_case(it)))
    }
}

/// A signed token in compact form (RFC 7515 section 7.1), taken apart and not believed yet.
pub(super) struct Jws<'a> {
    pub(super) algorithm: &'static Algorithm,
    pub(super) kid: Option<String>,
    signing_input: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes a token apart. Each part must be canonical base64url; the header must name an allowed algorithm,
    /// must not need an extension (`crit`) and must not be that of another kind of token (`typ`).
    ///
    /// `jwk`, `jku`, `x5u` and `x5c`, by which a token would bring its own key, are not looked at (RFC 8725
    /// section 3.10).
    pub(super) fn parse(token: &'a str, kind: TokenKind) -> Result<Self, IdTokenFault> {
        let malformed = IdTokenFault::Malformed;
        let (signing_input, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(malformed)?;

        let header = json::object(&decode(header)?).ok_or(malformed)?;
        ensure(!header.contains_key("crit"), IdTokenFault::Critical)?;
        ensure(header.get("typ").is_none_or(|typ| kind.admits(typ)), IdTokenFault::Type)?;
        ensure(!header.contains_key("cty"), malformed)?;
        let algorithm = text(&header, "alg")?.and_then(Algorithm::parse).ok_or(IdTokenFault::Algorithm)?;
        Ok(Self {
            algorithm,
            kid: text(&header, "kid")?.map(str::to_owned),
            signing_input,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The claims, if `key` signed them.
    pub(super) fn verified_claims(&self, key: &Key) -> Result<Map<String, Value>, IdTokenFault> {
        let is_its_own = key.verifies(self.algorithm, self.signing_input.as_bytes(), &self.signature);
        ensure(is_its_own, IdTokenFault::Signature)?;
        json::object(&self.payload).ok_or(IdTokenFault::Malformed)
    }
}

/// The claims of a token of any origin.
pub(super) fn unverified_claims(token: &str) -> Result<Map<String, Value>, IdTokenFault> {
    // Not more parts than tell that there are too many.
    let parts: Vec<_> = token.splitn(4, '.').collect();
    let [_, payload, _] = *parts else { return Err(IdTokenFault::Malformed) };
    json::object(&decode(payload)?).ok_or(IdTokenFault::Malformed)
}

fn decode(part: &str) -> Result<Vec<u8>, IdTokenFault> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| IdTokenFault::Malformed)
}

fn text<'v>(header: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, IdTokenFault> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(IdTokenFault::Malformed),
    }
}
