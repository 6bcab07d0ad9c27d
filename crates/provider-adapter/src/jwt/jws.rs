use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::ports::{IdTokenFault, InvalidToken};
use serde_json::{Map, Value};

use super::claims::quoted;
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
    /// A signed userinfo response (OpenID Connect Core section 5.3.2).
    UserInfo,
}

impl TokenKind {
    /// Returns whether a `typ` is one of this kind: a media type, perhaps without its `application/` (RFC
    /// 7515 section 4.1.9). A logout token may still be a mere `JWT`, as it was before it had a type of its
    /// own.
    fn admits(self, typ: &Value) -> bool {
        let admitted: &[&str] = match self {
            Self::Id | Self::UserInfo => &["jwt", "application/jwt"],
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
    /// Takes a token apart. Each part must be canonical base64url; the header must name one of these
    /// algorithms, must not need an extension (`crit`) and must not be that of another kind of token (`typ`).
    ///
    /// `jwk`, `jku`, `x5u` and `x5c`, by which a token would bring its own key, are not looked at (RFC 8725
    /// section 3.10).
    pub(super) fn parse(
        token: &'a str,
        kind: TokenKind,
        accepted: &[&'static Algorithm],
    ) -> Result<Self, InvalidToken> {
        // The compact form of an encrypted token has five parts (RFC 7516 section 7.1).
        ensure(token.split('.').count() != 5, IdTokenFault::Encrypted)?;
        let [header, payload, signature] = parts(token)?;
        let signing_input = token.get(..header.len() + 1 + payload.len()).unwrap_or_default();

        let header = object(&decode(header, "header")?, "header")?;
        ensure(!header.contains_key("crit"), IdTokenFault::Critical)?;
        let typ = header.get("typ");
        if let Some(typ) = typ.filter(|typ| !kind.admits(typ)) {
            let found = typ.as_str().map_or_else(|| json::shape(Some(typ)).to_owned(), quoted);
            return Err(InvalidToken::new(IdTokenFault::Type, format!("`typ` in the header is {found}")));
        }
        ensure(!header.contains_key("cty"), ())
            .map_err(|()| malformed("the header has `cty`: there is a token within the token"))?;
        let named = text(&header, "alg")?;
        let algorithm = named.and_then(Algorithm::parse).filter(|it| accepted.contains(it));
        Ok(Self {
            algorithm: algorithm.ok_or_else(|| not_accepted(named, accepted))?,
            kid: text(&header, "kid")?.map(str::to_owned),
            signing_input,
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }

    /// Returns whether this key made the signature.
    pub(super) fn is_by(&self, key: &Key) -> bool {
        key.verifies(self.algorithm, self.signing_input.as_bytes(), &self.signature)
    }

    /// The claims. They are worth nothing before a key [made the signature](Self::is_by).
    pub(super) fn claims(&self) -> Result<Map<String, Value>, InvalidToken> {
        object(&self.payload, "payload")
    }
}

/// The claims of a token of any origin.
pub(super) fn unverified_claims(token: &str) -> Result<Map<String, Value>, InvalidToken> {
    let [_, payload, _] = parts(token)?;
    object(&decode(payload, "payload")?, "payload")
}

/// The algorithm that a token of any origin names, if it is one that Labgate knows.
pub(super) fn unverified_algorithm(token: &str) -> Option<&'static Algorithm> {
    let [header, ..] = parts(token).ok()?;
    let header = object(&decode(header, "header").ok()?, "header").ok()?;
    Algorithm::parse(header.get("alg")?.as_str()?)
}

fn parts(token: &str) -> Result<[&str; 3], InvalidToken> {
    // Not more parts than tell that there are too many.
    let parts: Vec<_> = token.splitn(4, '.').collect();
    parts.try_into().map_err(|_| malformed("it does not have the three parts of a signed token"))
}

fn decode(part: &str, name: &str) -> Result<Vec<u8>, InvalidToken> {
    let unfit = |_| malformed(format!("its {name} is not canonical base64url"));
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(unfit)
}

fn object(bytes: &[u8], name: &str) -> Result<Map<String, Value>, InvalidToken> {
    json::object(bytes).ok_or_else(|| {
        malformed(format!("its {name} is not one JSON object in which each member stands once"))
    })
}

fn text<'v>(header: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, InvalidToken> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(value) => {
            let found = json::shape(Some(value));
            Err(malformed(format!("`{name}` in the header is {found}, and must be a text")))
        }
    }
}

fn not_accepted(named: Option<&str>, accepted: &[&'static Algorithm]) -> InvalidToken {
    let named = named.map_or_else(|| "missing".to_owned(), quoted);
    let text = format!("`alg` in the header is {named}; accepted is {}", Algorithm::list(accepted));
    InvalidToken::new(IdTokenFault::Algorithm, text)
}

fn malformed(detail: impl Into<String>) -> InvalidToken {
    InvalidToken::new(IdTokenFault::Malformed, detail)
}
