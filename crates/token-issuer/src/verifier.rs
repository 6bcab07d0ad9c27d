use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters as Key, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use labgate_domain::ports::TokenFault;
use labgate_domain::session::{AssertionClaims, SessionClaims};
use labgate_domain::time::Timestamp;
use secrecy::SecretString;

use crate::session_jwt::SessionJwt;
use crate::verifying_key::VerifyingKey;
use crate::{Algorithm, KeyError, SigningKey};

/// Verifies the session tokens of a lab offline, for any service that holds the lab's public keys.
///
/// It does not see a sign-out: a token is valid until it expires, 15 minutes after it was issued by default.
/// If that is too long, ask the lab (`GET /api/auth/verify`).
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: HashMap<String, VerifyingKey>,
    jwt: SessionJwt,
}

impl Verifier {
    /// The accepted clock skew: `iat` may lie so far ahead.
    pub const CLOCK_SKEW: Duration = Duration::from_mins(1);

    /// Verifies with the lab's JWK set (RFC 7517 section 5), which it publishes at `/.well-known/jwks.json`.
    /// `issuer` and `audience` are what its tokens say; by default both are the lab's address, without a
    /// slash at the end.
    ///
    /// Keys for other purposes are passed over.
    ///
    /// # Errors
    /// When it is not a JWK set, or none of its keys can be used, or two have the same `kid`.
    pub fn from_jwks(json: &str, issuer: &str, audience: &str) -> Result<Self, JwksError> {
        let set: JwkSet = serde_json::from_str(json).map_err(|_| JwksError::Malformed)?;
        let mut keys = HashMap::new();
        for (kid, key) in set.keys.iter().filter_map(session_key) {
            if keys.insert(kid, key).is_some() {
                return Err(JwksError::DuplicateKid);
            }
        }
        if keys.is_empty() {
            return Err(JwksError::NoKey);
        }
        Ok(Self::new(keys, issuer, audience))
    }

    /// Verifies with the secret that a lab signs with by HS256. Its holder can also make tokens.
    ///
    /// # Errors
    /// When it is not a secret that a lab would sign with.
    pub fn from_secret(secret: &SecretString, issuer: &str, audience: &str) -> Result<Self, KeyError> {
        let key = SigningKey::from_secret(secret)?;
        let keys = HashMap::from([(key.kid().to_owned(), key.verifying)]);
        Ok(Self::new(keys, issuer, audience))
    }

    fn new(keys: HashMap<String, VerifyingKey>, issuer: &str, audience: &str) -> Self {
        Self { keys, jwt: SessionJwt { issuer: issuer.to_owned(), audience: audience.to_owned() } }
    }

    /// Returns the claims of a token that is valid at `now`.
    ///
    /// # Errors
    /// When it is not a token of this lab, or does not hold at this time. A token is expired from the second
    /// of its `exp` on (RFC 7519 section 4.1.4).
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<SessionClaims, VerifyError> {
        let claims = self.jwt.read(token, |kid| self.keys.get(kid))?;
        holds(claims.iat, claims.exp, now)?;
        Ok(claims)
    }

    /// Returns the claims of an assertion for the service of this id that is valid at `now`.
    ///
    /// # Errors
    /// When it is not an assertion of this lab for the service, or does not hold at this time.
    pub fn verify_assertion(
        &self,
        service: &str,
        assertion: &str,
        now: Timestamp,
    ) -> Result<AssertionClaims, VerifyError> {
        let claims = self.jwt.read_assertion(service, assertion, |kid| self.keys.get(kid))?;
        holds(claims.iat, claims.exp, now)?;
        Ok(claims)
    }
}

fn holds(iat: Timestamp, exp: Timestamp, now: Timestamp) -> Result<(), VerifyError> {
    if now >= exp {
        return Err(VerifyError::Expired);
    }
    if iat > now.plus(Verifier::CLOCK_SKEW) {
        return Err(VerifyError::FromTheFuture);
    }
    Ok(())
}

/// The reason that a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is not a token of this lab, or one for another purpose.
    #[error(transparent)]
    NotAToken(#[from] TokenFault),
    /// It has expired. Asking the lab renews it if its session lives.
    #[error("the token has expired")]
    Expired,
    /// It was issued later than now.
    #[error("the token is from the future; compare both clocks")]
    FromTheFuture,
}

/// The reason that a JWK set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// It is not JSON of the form `{"keys": […]}`.
    #[error("it is not a JWK set")]
    Malformed,
    /// No key in it is one for session tokens. A lab that signs by HS256 publishes none.
    #[error("it has no key for session tokens; does the lab sign with HS256?")]
    NoKey,
    /// Two keys in it have one name.
    #[error("two of its keys have the same kid")]
    DuplicateKid,
}

/// Returns the name and the key, if a lab could sign session tokens with it.
fn session_key(jwk: &Jwk) -> Option<(String, VerifyingKey)> {
    let kid = jwk.common.key_id.clone()?;
    let algorithm = match (jwk.common.key_algorithm?, &jwk.algorithm) {
        (KeyAlgorithm::ES256, Key::EllipticCurve(key)) if key.curve == EllipticCurve::P256 => {
            Algorithm::Es256
        }
        (KeyAlgorithm::EdDSA, Key::OctetKeyPair(key)) if key.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDsa
        }
        (KeyAlgorithm::RS256, Key::RSA(_)) => Algorithm::Rs256,
        _ => return None,
    };
    let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    for_signatures.then(|| (kid, VerifyingKey::new(algorithm, decoding)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::KeyRing;
    use crate::session_jwt::SessionJwt;
    use crate::testing::{AUDIENCE, ISSUER, TestKey, at, claims, next_versions_token};

    const ASYMMETRIC: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

    fn jwk(algorithm: Algorithm) -> Value {
        TestKey::of(algorithm).signing.public_jwk().unwrap()
    }

    fn verifier_of(keys: &[Value]) -> Result<Verifier, JwksError> {
        Verifier::from_jwks(&json!({ "keys": keys }).to_string(), ISSUER, AUDIENCE)
    }

    fn token(algorithm: Algorithm) -> String {
        TestKey::of(algorithm).signing.sign(Some(SessionJwt::TYP), &claims()).unwrap()
    }

    #[test]
    fn a_service_with_the_published_keys_knows_who_is_asking() {
        for algorithm in ASYMMETRIC {
            let jwks = KeyRing::new(TestKey::of(algorithm).signing.clone()).jwks().to_string();
            let verifier = Verifier::from_jwks(&jwks, ISSUER, AUDIENCE).unwrap();
            assert_eq!(verifier.verify(&token(algorithm), at(1000)), Ok(claims()), "{algorithm:?}");
        }
    }

    #[test]
    fn an_assertion_is_for_one_service_and_no_session() {
        let asserted = AssertionClaims {
            iss: ISSUER.to_owned(),
            aud: "mlflow".to_owned(),
            sub: claims().sub,
            iat: at(1000),
            exp: at(1060),
            preferred_username: claims().username,
            email: None,
            name: None,
            role: claims().role,
            groups: vec!["x".repeat(AssertionClaims::MAX_GROUPS_LEN)],
        };
        let key = &TestKey::of(Algorithm::Es256).signing;
        let assertion = key.sign(Some(SessionJwt::ASSERTION_TYP), &asserted).unwrap();
        let verifier = verifier_of(&[jwk(Algorithm::Es256)]).unwrap();
        assert_eq!(verifier.verify_assertion("mlflow", &assertion, at(1059)), Ok(asserted.clone()));
        let refused = |service: &str, token: &str, now| verifier.verify_assertion(service, token, at(now));
        assert_eq!(refused("mlflow", &assertion, 1060), Err(VerifyError::Expired));
        assert_eq!(refused("mlflow", &assertion, 939), Err(VerifyError::FromTheFuture));
        let foreign = Err(VerifyError::NotAToken(TokenFault::Foreign));
        assert_eq!(refused("grafana", &assertion, 1000), foreign);
        let of_another_kind = Err(VerifyError::NotAToken(TokenFault::Malformed));
        assert_eq!(refused(AUDIENCE, &token(Algorithm::Es256), 1000), of_another_kind);
        let pass = key.sign(Some(SessionJwt::PASS_TYP), &asserted).unwrap();
        assert_eq!(refused("mlflow", &pass, 1000), of_another_kind);
        assert!(verifier.verify(&assertion, at(1000)).is_err());
    }

    #[test]
    fn a_service_with_the_secret_knows_who_is_asking() {
        let verifier = Verifier::from_secret(&TestKey::of(Algorithm::Hs256).text, ISSUER, AUDIENCE).unwrap();
        assert_eq!(verifier.verify(&token(Algorithm::Hs256), at(1000)), Ok(claims()));
        let other = verifier.verify(&token(Algorithm::Es256), at(1000));
        assert_eq!(other, Err(VerifyError::NotAToken(TokenFault::UnknownKey)));
        let short = "short".to_owned().into();
        assert_eq!(Verifier::from_secret(&short, ISSUER, AUDIENCE).unwrap_err(), KeyError::SecretTooShort(5));
    }

    #[test]
    fn f46_tokens_of_the_next_version_are_verified_by_this_one() {
        for algorithm in ASYMMETRIC {
            let token = next_versions_token(TestKey::of(algorithm));
            assert_eq!(verifier_of(&[jwk(algorithm)]).unwrap().verify(&token, at(1000)), Ok(claims()));
        }
        let secret = TestKey::of(Algorithm::Hs256);
        let verifier = Verifier::from_secret(&secret.text, ISSUER, AUDIENCE).unwrap();
        assert_eq!(verifier.verify(&next_versions_token(secret), at(1000)), Ok(claims()));
    }

    #[test]
    fn c149_a_token_is_expired_from_the_second_of_its_exp_on() {
        let verifier = verifier_of(&[jwk(Algorithm::Es256)]).unwrap();
        let token = token(Algorithm::Es256);
        assert_eq!(verifier.verify(&token, at(1899)), Ok(claims()));
        assert_eq!(verifier.verify(&token, at(1900)), Err(VerifyError::Expired));
        assert_eq!(verifier.verify(&token, at(1901)), Err(VerifyError::Expired));
        assert_eq!(verifier.verify(&token, at(i64::MAX)), Err(VerifyError::Expired));
    }

    #[test]
    fn c149_a_token_from_more_than_a_minute_ahead_is_refused() {
        let verifier = verifier_of(&[jwk(Algorithm::Es256)]).unwrap();
        let token = token(Algorithm::Es256);
        assert_eq!(verifier.verify(&token, at(940)), Ok(claims()));
        assert_eq!(verifier.verify(&token, at(939)), Err(VerifyError::FromTheFuture));
        assert_eq!(verifier.verify(&token, at(i64::MIN)), Err(VerifyError::FromTheFuture));
    }

    #[test]
    fn c144_a_token_for_others_is_refused() {
        let jwks = json!({ "keys": [jwk(Algorithm::Es256)] }).to_string();
        for (issuer, audience) in
            [(ISSUER, ISSUER), (AUDIENCE, AUDIENCE), ("", ""), ("https://lab.example/", AUDIENCE)]
        {
            let verifier = Verifier::from_jwks(&jwks, issuer, audience).unwrap();
            let refused = verifier.verify(&token(Algorithm::Es256), at(1000));
            assert_eq!(refused, Err(VerifyError::NotAToken(TokenFault::Foreign)));
        }
    }

    #[test]
    fn c148_during_the_overlap_both_keys_verify() {
        let verifier = verifier_of(&ASYMMETRIC.map(jwk)).unwrap();
        for algorithm in ASYMMETRIC {
            assert_eq!(verifier.verify(&token(algorithm), at(1000)), Ok(claims()));
        }
    }

    #[test]
    fn keys_that_are_not_for_session_tokens_are_passed_over() {
        let with = |member: &str, value: Value| {
            let mut jwk = jwk(Algorithm::Es256);
            jwk[member] = value;
            jwk
        };
        let secret = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXM" });
        for unusable in [
            secret,
            with("use", json!("enc")),
            with("alg", json!("ES384")),
            with("alg", json!("RS256")),
            with("alg", json!("EdDSA")),
            with("alg", json!("HS256")),
            with("alg", json!(null)),
            with("kid", json!(null)),
            with("crv", json!("P-384")),
            with("kty", json!("AKP")),
            with("x", json!("not base64url!")),
        ] {
            assert_eq!(
                verifier_of(std::slice::from_ref(&unusable)).unwrap_err(),
                JwksError::NoKey,
                "{unusable}"
            );
            let verifier = verifier_of(&[unusable, jwk(Algorithm::EdDsa)]).unwrap();
            assert_eq!(verifier.verify(&token(Algorithm::EdDsa), at(1000)), Ok(claims()));
            assert!(verifier.verify(&token(Algorithm::Es256), at(1000)).is_err());
        }
    }

    #[test]
    fn a_key_that_is_not_one_verifies_nothing() {
        let with = |algorithm: Algorithm, member: &str, value: &str| {
            let mut jwk = jwk(algorithm);
            jwk[member] = json!(value);
            jwk
        };
        for (algorithm, broken) in [
            (Algorithm::Es256, with(Algorithm::Es256, "x", "AQ")),
            (Algorithm::Es256, with(Algorithm::Es256, "y", "AQ")),
            (Algorithm::EdDsa, with(Algorithm::EdDsa, "x", "")),
            (Algorithm::Rs256, with(Algorithm::Rs256, "n", "AQAB")),
            (Algorithm::Rs256, with(Algorithm::Rs256, "e", "")),
        ] {
            let verifier = verifier_of(std::slice::from_ref(&broken)).unwrap();
            let refused = verifier.verify(&token(algorithm), at(1000));
            assert_eq!(refused, Err(VerifyError::NotAToken(TokenFault::Signature)), "{broken}");
        }
    }

    #[test]
    fn c092_private_members_are_ignored() {
        let mut jwk = jwk(Algorithm::Es256);
        jwk["d"] = json!("AAAA");
        assert_eq!(verifier_of(&[jwk]).unwrap().verify(&token(Algorithm::Es256), at(1000)), Ok(claims()));
    }

    #[test]
    fn c089_two_keys_of_one_name_are_refused() {
        let mut other = jwk(Algorithm::EdDsa);
        other["kid"] = jwk(Algorithm::Es256)["kid"].clone();
        assert_eq!(verifier_of(&[jwk(Algorithm::Es256), other]).unwrap_err(), JwksError::DuplicateKid);
    }

    #[test]
    fn a_malformed_jwk_set_is_refused() {
        for json in ["", "null", "[]", "{}", "{\"keys\":7}", "<html>", "{\"keys\":[7]}"] {
            assert_eq!(
                Verifier::from_jwks(json, ISSUER, AUDIENCE).unwrap_err(),
                JwksError::Malformed,
                "{json}"
            );
        }
        assert_eq!(verifier_of(&[]).unwrap_err(), JwksError::NoKey);
    }
}
