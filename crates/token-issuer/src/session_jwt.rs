use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::ports::TokenFault;
use labgate_domain::session::{AssertionClaims, SessionClaims};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::verifying_key::VerifyingKey;

/// The rules that make a JWT a session token of one lab: all but its expiry.
#[derive(Clone, Debug)]
pub(crate) struct SessionJwt {
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

/// The header of a session token. Members that a later version may add are ignored (RFC 7515 section 4).
#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
    #[serde(flatten)]
    further: serde_json::Map<String, serde_json::Value>,
}

impl Header {
    /// Members that change how a token is to be read, or bring a key of their own. Labgate never issues them,
    /// so one of them shows a foreign token.
    const FOREIGN: [&str; 9] = ["crit", "b64", "enc", "zip", "cty", "jwk", "jku", "x5u", "x5c"];

    fn is_ours(&self, typ: &str) -> bool {
        self.typ == typ && !Self::FOREIGN.iter().any(|name| self.further.contains_key(*name))
    }
}

impl SessionJwt {
    /// Tells session tokens from ID, access and logout tokens (RFC 8725 section 3.11).
    pub(crate) const TYP: &str = "labgate-session+jwt";

    /// Tells passes from all others.
    pub(crate) const PASS_TYP: &str = "labgate-pass+jwt";

    /// Tells assertions from all others.
    pub(crate) const ASSERTION_TYP: &str = "labgate-assertion+jwt";

    /// The longest token, in bytes: no longer one fits in a cookie.
    pub(crate) const MAX_LEN: usize = 4096;

    /// Returns the claims of a session token that the key of its `kid` signed, and no other key.
    pub(crate) fn read<'k>(
        &self,
        token: &str,
        key_of: impl FnOnce(&str) -> Option<&'k VerifyingKey>,
    ) -> Result<SessionClaims, TokenFault> {
        self.read_as(Self::TYP, &self.audience, token, key_of)
    }

    /// The same for a pass for this origin.
    pub(crate) fn read_pass<'k>(
        &self,
        origin: &str,
        pass: &str,
        key_of: impl FnOnce(&str) -> Option<&'k VerifyingKey>,
    ) -> Result<SessionClaims, TokenFault> {
        self.read_as(Self::PASS_TYP, origin, pass, key_of)
    }

    /// The same for an assertion for this service.
    pub(crate) fn read_assertion<'k>(
        &self,
        service: &str,
        assertion: &str,
        key_of: impl FnOnce(&str) -> Option<&'k VerifyingKey>,
    ) -> Result<AssertionClaims, TokenFault> {
        self.read_as(Self::ASSERTION_TYP, service, assertion, key_of)
    }

    fn read_as<'k, C: Claims>(
        &self,
        typ: &str,
        audience: &str,
        token: &str,
        key_of: impl FnOnce(&str) -> Option<&'k VerifyingKey>,
    ) -> Result<C, TokenFault> {
        if token.len() > C::MAX_LEN {
            return Err(TokenFault::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenFault::Malformed)?;

        let header: Header = decode(header)?;
        if !header.is_ours(typ) {
            return Err(TokenFault::Malformed);
        }
        let key = key_of(&header.kid).ok_or(TokenFault::UnknownKey)?;
        if header.alg != key.algorithm.as_str() {
            return Err(TokenFault::Malformed);
        }
        if !key.recognises(message, signature).ok_or(TokenFault::Malformed)? {
            return Err(TokenFault::Signature);
        }

        let claims: C = decode(claims)?;
        if claims.issuer() != self.issuer || claims.audience() != audience {
            return Err(TokenFault::Foreign);
        }
        Ok(claims)
    }
}

/// The claims of a token of Labgate's.
trait Claims: DeserializeOwned {
    /// The longest token with such claims, in bytes.
    const MAX_LEN: usize;

    fn issuer(&self) -> &str;
    fn audience(&self) -> &str;
}

impl Claims for SessionClaims {
    const MAX_LEN: usize = SessionJwt::MAX_LEN;

    fn issuer(&self) -> &str {
        &self.iss
    }

    fn audience(&self) -> &str {
        &self.aud
    }
}

impl Claims for AssertionClaims {
    /// Assertions stand in headers.
    const MAX_LEN: usize = 2 * SessionJwt::MAX_LEN;

    fn issuer(&self) -> &str {
        &self.iss
    }

    fn audience(&self) -> &str {
        &self.aud
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenFault> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenFault::Malformed)
}

#[cfg(test)]
mod tests;
