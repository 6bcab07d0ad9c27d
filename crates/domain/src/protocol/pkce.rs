//! Proof Key for Code Exchange (RFC 7636), method S256 only: `plain` is not representable.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Malformed;
use crate::text::{readable_text, secret_text};
use crate::world::{Entropy, random_base64url};

/// The `code_verifier` (RFC 7636 section 4.1): stays on the server side until the code is redeemed.
#[derive(Clone)]
pub struct PkceVerifier(String);

impl PkceVerifier {
    /// Returns a fresh verifier of 256 random bits, 43 characters long.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_base64url::<32>(entropy))
    }

    /// Parses the verifier from a token request or from a sealed attempt.
    ///
    /// # Errors
    /// When it is not 43 to 128 unreserved characters (RFC 7636 section 4.1).
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let well_formed = (43..=128).contains(&value.len()) && value.bytes().all(unreserved);
        well_formed.then(|| Self(value.to_owned())).ok_or(Malformed("code_verifier"))
    }

    /// Returns the challenge for the authorization request: BASE64URL(SHA256(verifier)) (RFC 7636 section
    /// 4.2).
    #[must_use]
    pub fn challenge(&self) -> PkceChallenge {
        PkceChallenge(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes())))
    }
}

secret_text!(PkceVerifier);

/// The `code_challenge` of method `S256` (RFC 7636 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PkceChallenge(String);

impl PkceChallenge {
    /// The only accepted `code_challenge_method`.
    pub const METHOD: &str = "S256";

    /// Parses the challenge from an authorization request.
    ///
    /// # Errors
    /// When it is not the base64url form of a SHA-256 digest.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        match BASE64_URL_SAFE_NO_PAD.decode(value) {
            Ok(digest) if digest.len() == 32 => Ok(Self(value.to_owned())),
            _ => Err(Malformed("code_challenge")),
        }
    }

    /// Returns whether this verifier answers the challenge (RFC 7636 section 4.6), in constant time.
    #[must_use]
    pub fn is_answered_by(&self, verifier: &PkceVerifier) -> bool {
        self.0.as_bytes().ct_eq(verifier.challenge().0.as_bytes()).into()
    }
}

readable_text!(PkceChallenge);

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn the_example_of_the_specification_holds() {
        let verifier = PkceVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert_eq!(verifier.challenge().as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(verifier.challenge().is_answered_by(&verifier));
    }

    #[test]
    fn c015_verifier_length_and_alphabet() {
        assert!(PkceVerifier::parse(&"a".repeat(42)).is_err());
        assert!(PkceVerifier::parse(&"a".repeat(43)).is_ok());
        assert!(PkceVerifier::parse(&"a".repeat(128)).is_ok());
        assert!(PkceVerifier::parse(&"a".repeat(129)).is_err());
        assert!(PkceVerifier::parse(&"+".repeat(43)).is_err());
    }
}
