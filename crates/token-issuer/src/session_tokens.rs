use std::sync::{Arc, PoisonError, RwLock};

use labgate_domain::ports::{SigningError, TokenFault, TokenIssuer};
use labgate_domain::session::{Assertion, AssertionClaims, SessionClaims, SessionToken};
use serde::Serialize;

use crate::KeyRing;
use crate::session_jwt::SessionJwt;

/// Issues the session tokens of one lab and recognises them: the core's [`TokenIssuer`].
#[derive(Debug)]
pub struct SessionTokens {
    ring: RwLock<Arc<KeyRing>>,
    jwt: SessionJwt,
}

impl SessionTokens {
    /// Builds an issuer of tokens with these values of `iss` and `aud`, which are compared byte for byte.
    #[must_use]
    pub fn new(ring: KeyRing, issuer: &str, audience: &str) -> Self {
        let jwt = SessionJwt { issuer: issuer.to_owned(), audience: audience.to_owned() };
        Self { ring: RwLock::new(Arc::new(ring)), jwt }
    }

    /// Replaces the keys, as after a rotation by the command line, and returns whether others than before are
    /// trusted. Calls under way finish with the old ones.
    pub fn replace(&self, ring: KeyRing) -> bool {
        let mut present = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let differs = !present.kids().eq(ring.kids());
        *present = Arc::new(ring);
        differs
    }

    fn sign_for_cookie(&self, typ: &str, claims: &SessionClaims) -> Result<SessionToken, SigningError> {
        if claims.iss != self.jwt.issuer {
            return Err(SigningError(FOREIGN.to_owned()));
        }
        let token = self.sign(typ, claims)?;
        if token.len() > SessionJwt::MAX_LEN {
            return Err(SigningError("the claims do not fit into a cookie".to_owned()));
        }
        Ok(SessionToken::new(token))
    }

    fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningError> {
        self.ring().signing_key().sign(Some(typ), claims).map_err(|error| SigningError(error.to_string()))
    }

    fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The error of claims with another issuer or audience.
const FOREIGN: &str = "the claims are for another lab";

impl TokenIssuer for SessionTokens {
    fn issue(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError> {
        if claims.aud != self.jwt.audience {
            return Err(SigningError(FOREIGN.to_owned()));
        }
        self.sign_for_cookie(SessionJwt::TYP, claims)
    }

    fn issue_pass(&self, claims: &SessionClaims) -> Result<SessionToken, SigningError> {
        if claims.aud == self.jwt.audience {
            return Err(SigningError("a pass is not for the lab itself".to_owned()));
        }
        self.sign_for_cookie(SessionJwt::PASS_TYP, claims)
    }

    fn authenticate_pass(&self, origin: &str, pass: &str) -> Result<SessionClaims, TokenFault> {
        let ring = self.ring();
        self.jwt.read_pass(origin, pass, |kid| ring.find(kid))
    }

    fn assert(&self, claims: &AssertionClaims) -> Result<Assertion, SigningError> {
        if claims.iss != self.jwt.issuer || claims.aud == self.jwt.audience {
            return Err(SigningError(FOREIGN.to_owned()));
        }
        self.sign(SessionJwt::ASSERTION_TYP, claims).map(Assertion::new)
    }

    fn authenticate(&self, token: &str) -> Result<SessionClaims, TokenFault> {
        let ring = self.ring();
        self.jwt.read(token, |kid| ring.find(kid))
    }

    fn jwks(&self) -> String {
        self.ring().jwks().to_string()
    }
}

#[cfg(test)]
mod tests {
    use labgate_domain::people::{DisplayName, EmailAddress, Username};

    use super::*;
    use crate::testing::{ALGORITHMS, AUDIENCE, ISSUER, TestKey, at, claims, next_versions_token};
    use crate::{Algorithm, SigningKey};

    fn tokens(key: SigningKey) -> SessionTokens {
        SessionTokens::new(KeyRing::new(key), ISSUER, AUDIENCE)
    }

    fn issued(tokens: &SessionTokens) -> String {
        tokens.issue(&claims()).unwrap().expose().to_owned()
    }

    #[test]
    fn an_issued_token_is_recognised() {
        for algorithm in ALGORITHMS {
            let tokens = tokens(TestKey::of(algorithm).signing.clone());
            assert_eq!(tokens.authenticate(&issued(&tokens)), Ok(claims()), "{algorithm:?}");
        }
    }

    #[test]
    fn f46_a_token_of_a_newer_replica_is_recognised() {
        for algorithm in ALGORITHMS {
            let tokens = tokens(TestKey::of(algorithm).signing.clone());
            let newer = next_versions_token(TestKey::of(algorithm));
            assert_eq!(tokens.authenticate(&newer), Ok(claims()), "{algorithm:?}");
        }
    }

    #[test]
    fn an_expired_token_is_still_recognised_for_the_core_judges_that() {
        let tokens = tokens(TestKey::of(Algorithm::Es256).signing.clone());
        let expired = SessionClaims { exp: at(-5), ..claims() };
        let token = tokens.issue(&expired).unwrap();
        assert_eq!(tokens.authenticate(token.expose()), Ok(expired));
    }

    #[test]
    fn claims_for_another_lab_are_not_signed() {
        let tokens = tokens(TestKey::of(Algorithm::Es256).signing.clone());
        assert!(
            tokens.issue(&SessionClaims { iss: "https://other.example".to_owned(), ..claims() }).is_err()
        );
        assert!(tokens.issue(&SessionClaims { aud: ISSUER.to_owned(), ..claims() }).is_err());
    }

    #[test]
    fn c138_a_typical_persons_token_stays_under_a_kilobyte() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
            let token = issued(&tokens(TestKey::of(algorithm).signing.clone()));
            assert!(token.len() < 1024, "{algorithm:?}: {}", token.len());
        }
    }

    #[test]
    fn c138_the_largest_claims_still_fit_into_a_cookie() {
        let longest =
            format!("{}@{}.example", "a".repeat(64), ["b"; 3].map(|label| label.repeat(60)).join("."));
        let longest = EmailAddress::parse(&longest[longest.len() - EmailAddress::MAX_LEN..]).unwrap();
        assert_eq!(longest.as_str().len(), EmailAddress::MAX_LEN);
        let origin = format!("https://{}.example:65535", "lab".repeat(20));
        let largest = SessionClaims {
            iss: origin.clone(),
            aud: origin.clone(),
            exp: at(i64::from(u32::MAX)),
            username: Username::from(&longest),
            email: Some(longest),
            name: DisplayName::new(&"𒐫".repeat(DisplayName::MAX_CHARS)),
            groups: vec!["g".to_owned(); SessionClaims::MAX_GROUPS_LEN],
            amr: vec!["a".to_owned(); SessionClaims::MAX_METHODS_LEN],
            ..claims()
        };
        for algorithm in ALGORITHMS {
            let ring = KeyRing::new(TestKey::of(algorithm).signing.clone());
            let token = SessionTokens::new(ring, &origin, &origin).issue(&largest).unwrap();
            let cookie = "__Host-labgate=".len() + token.expose().len();
            assert!(cookie <= 4096, "{algorithm:?}: {cookie}");
        }
    }

    #[test]
    fn c138_a_token_that_no_cookie_holds_is_not_issued() {
        let tokens = tokens(TestKey::of(Algorithm::Es256).signing.clone());
        let oversized = SessionClaims { groups: vec!["\u{1}".to_owned(); 400], ..claims() };
        assert!(tokens.issue(&oversized).is_err());
    }

    #[test]
    fn c148_after_a_rotation_both_keys_verify_until_the_overlap_is_over() {
        let (old, new) = (TestKey::fresh(Algorithm::Es256).signing, TestKey::fresh(Algorithm::EdDsa).signing);
        let mut ring = KeyRing::new(old);
        let tokens = SessionTokens::new(ring.clone(), ISSUER, AUDIENCE);
        let before = issued(&tokens);

        ring.rotate(new.clone(), at(1000));
        assert!(tokens.replace(ring.clone()));
        assert!(!tokens.replace(ring.clone()), "the same keys once more");
        let after = issued(&tokens);
        assert_eq!(jsonwebtoken::decode_header(&after).unwrap().kid.as_deref(), Some(new.kid()));
        assert_eq!(tokens.authenticate(&before), Ok(claims()));
        assert_eq!(tokens.authenticate(&after), Ok(claims()));

        ring.drop_retired(at(1000).plus(KeyRing::OVERLAP));
        assert!(tokens.replace(ring));
        assert_eq!(tokens.authenticate(&before), Err(TokenFault::UnknownKey));
        assert_eq!(tokens.authenticate(&after), Ok(claims()));
    }

    #[test]
    fn c148_a_replica_that_has_not_rotated_yet_is_understood_by_one_that_has() {
        let (old, new) = (TestKey::fresh(Algorithm::Es256).signing, TestKey::fresh(Algorithm::Es256).signing);
        let mut ring = KeyRing::new(old);
        let behind = SessionTokens::new(ring.clone(), ISSUER, AUDIENCE);
        ring.rotate(new, at(1000));
        let ahead = SessionTokens::new(ring, ISSUER, AUDIENCE);
        assert_eq!(ahead.authenticate(&issued(&behind)), Ok(claims()));
        assert_eq!(behind.authenticate(&issued(&ahead)), Err(TokenFault::UnknownKey));
    }

    #[test]
    fn c147_after_a_change_of_algorithm_a_key_keeps_its_own() {
        let (old, new) = (TestKey::of(Algorithm::Es256), TestKey::of(Algorithm::Hs256));
        let mut ring = KeyRing::new(old.signing.clone());
        ring.rotate(new.signing.clone(), at(1000));
        let tokens = SessionTokens::new(ring, ISSUER, AUDIENCE);
        // Signed by the new key, yet named after the old one; and the other way round.
        for (signs, named) in [(new, old), (old, new)] {
            let mut header = signs.header();
            header["kid"] = named.signing.kid().into();
            let token = signs.forge(header, crate::testing::claims_json());
            assert_eq!(tokens.authenticate(&token), Err(TokenFault::Malformed));
            let token = signs.forge(named.header(), crate::testing::claims_json());
            assert_eq!(tokens.authenticate(&token), Err(TokenFault::Signature));
        }
    }
}
