//! Tokens and seals without cryptography, which tests elsewhere: millions are made here.

use std::fmt::Write as _;

use labgate_domain::ports::{SigningError, TokenFault, TokenIssuer};
use labgate_domain::sealed::{SealError, SealId, Sealed, Sealer};
use labgate_domain::session::{Assertion, AssertionClaims, SessionClaims, SessionToken};

/// Issues the claims themselves.
pub(super) struct PlainTokens;

impl TokenIssuer for PlainTokens {
    fn issue(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError> {
        let json = serde_json::to_string(claims).map_err(|error| SigningError(error.to_string()))?;
        Ok(SessionToken::new(json))
    }

    fn authenticate(&self, token: &str) -> Result<SessionClaims, TokenFault> {
        serde_json::from_str(token).map_err(|_| TokenFault::Malformed)
    }

    fn issue_pass(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError> {
        Ok(SessionToken::new(format!("pass {}", self.issue(claims)?.expose())))
    }

    fn authenticate_pass(&self, origin: &str, pass: &str) -> Result<SessionClaims, TokenFault> {
        let claims = self.authenticate(pass.strip_prefix("pass ").ok_or(TokenFault::Malformed)?)?;
        if claims.aud == origin { Ok(claims) } else { Err(TokenFault::Foreign) }
    }

    fn assert(&self, claims: &AssertionClaims) -> Result<Assertion, SigningError> {
        let json = serde_json::to_string(claims).map_err(|error| SigningError(error.to_string()))?;
        Ok(Assertion::new(json))
    }

    fn jwks(&self) -> String {
        "{\"keys\":[]}".to_owned()
    }
}

/// Seals with the id, in plain hexadecimal.
pub(super) struct PlainSealer;

impl Sealer for PlainSealer {
    fn seal(&self, id: SealId, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let mut sealed = String::with_capacity(2 * (16 + plaintext.len()));
        for byte in id.as_bytes().iter().chain(plaintext) {
            write!(sealed, "{byte:02x}").map_err(|_| SealError)?;
        }
        Sealed::parse(&sealed).map_err(|_| SealError)
    }

    fn open(&self, id: SealId, sealed: &Sealed) -> Option<Vec<u8>> {
        let text = sealed.as_str();
        let byte = |start: usize| u8::from_str_radix(text.get(start..start + 2)?, 16).ok();
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect::<Option<_>>()?;
        bytes.strip_prefix(id.as_bytes()).map(<[u8]>::to_vec)
    }
}
