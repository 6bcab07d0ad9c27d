use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::verifying_key::{VerifyingKey, install_cryptography};
use crate::{Algorithm, KeyError, secret};

/// A private key that signs, together with its verifying key. Its `kid` is derived from it, so one key has
/// the same name everywhere.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    private: EncodingKey,
    pub(crate) verifying: VerifyingKey,
    /// Absent for HS256, which has no public half.
    public: Option<Jwk>,
}

impl SigningKey {
    /// Makes a key from the operating system's randomness: P-256, Ed25519, RSA of 2048 bits, or 32 bytes for
    /// HS256.
    ///
    /// # Errors
    /// [`KeyError::Cryptography`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::from_text(&generate_text(algorithm)?, algorithm)
    }

    /// Reads a private key in PKCS#8 PEM (RFC 7468 section 10); for RS256 PKCS#1 will do as well.
    ///
    /// # Errors
    /// When it is not such a key, or one for another algorithm; HS256 takes [`Self::from_secret`] instead.
    pub fn from_pem(pem: &SecretString, algorithm: Algorithm) -> Result<Self, KeyError> {
        install_cryptography();
        let private = private_key(pem.expose_secret().as_bytes(), algorithm)?;
        let mut public =
            Jwk::from_encoding_key(&private, algorithm.into()).map_err(|error| match error.kind() {
                ErrorKind::InvalidRsaKey(_) => KeyError::RsaSize,
                _ => KeyError::WrongType(algorithm),
            })?;
        let failed = KeyError::Cryptography("derive a public key");
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| failed.clone())?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let decoding = DecodingKey::from_jwk(&public).map_err(|_| failed)?;
        Ok(Self { kid, private, verifying: VerifyingKey::new(algorithm, decoding), public: Some(public) })
    }

    /// Takes a secret for HS256. Its bytes are the key as they stand: other services are given the same text.
    ///
    /// # Errors
    /// When it has fewer than 32 bytes, or is one that others can guess: see [`KeyError`].
    pub fn from_secret(secret: &SecretString) -> Result<Self, KeyError> {
        let secret = secret.expose_secret();
        secret::check(secret)?;
        Ok(Self {
            kid: secret::key_id(secret),
            private: EncodingKey::from_secret(secret.as_bytes()),
            verifying: VerifyingKey::new(Algorithm::Hs256, DecodingKey::from_secret(secret.as_bytes())),
            public: None,
        })
    }

    /// Reads what [`generate_text`] makes.
    pub(crate) fn from_text(text: &SecretString, algorithm: Algorithm) -> Result<Self, KeyError> {
        if algorithm == Algorithm::Hs256 { Self::from_secret(text) } else { Self::from_pem(text, algorithm) }
    }

    /// The key's name in a token's header: its JWK thumbprint (RFC 7638), 43 characters of base64url; for
    /// HS256 a keyed hash that does not give the secret away (RFC 7638 section 7).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The only algorithm that it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm
    }

    /// Signs claims as a JWT in compact form (RFC 7515 section 3.1), with `alg`, `kid` and, if given, `typ`
    /// in the header.
    ///
    /// # Errors
    /// [`KeyError::Cryptography`], also when the claims cannot be written as JSON.
    pub fn sign(&self, typ: Option<&str>, claims: &impl Serialize) -> Result<String, KeyError> {
        let (typ, kid) = (typ.map(str::to_owned), Some(self.kid.clone()));
        let header = Header { typ, kid, ..Header::new(self.algorithm().into()) };
        jsonwebtoken::encode(&header, claims, &self.private).map_err(|_| KeyError::Cryptography("sign"))
    }

    /// The public half as a JWK (RFC 7517) with `kid`, `alg` and `use`; `None` for HS256, which must not be
    /// published.
    #[must_use]
    pub fn public_jwk(&self) -> Option<serde_json::Value> {
        self.public.as_ref().and_then(|jwk| serde_json::to_value(jwk).ok())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm().as_str(), self.kid)
    }
}

/// A new key as it stands in a file: PKCS#8 PEM, or for HS256 the secret.
pub(crate) fn generate_text(algorithm: Algorithm) -> Result<SecretString, KeyError> {
    let random = SystemRandom::new();
    let text = match algorithm {
        Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map(pem),
        // Version 1, without the public half: what OpenSSL writes, and the only one that jsonwebtoken reads.
        Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&random).map(pem),
        Algorithm::Rs256 => rsa::KeyPair::generate(KeySize::Rsa2048)
            .and_then(|pair| pair.as_der())
            .map(|document| pem(document.as_ref())),
        Algorithm::Hs256 => return random_text(),
    };
    text.map_err(|_| KeyError::Cryptography("generate a key"))
}

/// 32 random bytes as 43 characters of base64url.
pub(crate) fn random_text() -> Result<SecretString, KeyError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Cryptography("generate a key"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
}

fn pem(document: impl AsRef<[u8]>) -> SecretString {
    let mut text = String::from("-----BEGIN PRIVATE KEY-----");
    for (position, character) in BASE64_STANDARD.encode(document).chars().enumerate() {
        if position % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END PRIVATE KEY-----\n");
    text.into()
}

fn private_key(pem: &[u8], algorithm: Algorithm) -> Result<EncodingKey, KeyError> {
    let read = |algorithm| match algorithm {
        Algorithm::Es256 => EncodingKey::from_ec_pem(pem).ok(),
        Algorithm::EdDsa => EncodingKey::from_ed_pem(pem).ok(),
        Algorithm::Rs256 => EncodingKey::from_rsa_pem(pem).ok(),
        Algorithm::Hs256 => None,
    };
    read(algorithm).ok_or_else(|| {
        let others = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];
        let is_a_key = others.into_iter().any(|other| read(other).is_some());
        if is_a_key { KeyError::WrongType(algorithm) } else { KeyError::NotAPrivateKey }
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest;
    use serde_json::json;

    use super::*;
    use crate::testing::{ALGORITHMS, TestKey};

    fn from_pem(pem: &str, algorithm: Algorithm) -> Result<SigningKey, KeyError> {
        SigningKey::from_pem(&pem.into(), algorithm)
    }

    #[test]
    fn every_algorithm_signs_with_its_name_and_the_keys_name() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let token = key.sign(Some("example+jwt"), &json!({ "sub": "ada" })).unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            assert_eq!(key.verifying.recognises(message, signature), Some(true), "{algorithm:?}");
            let header = jsonwebtoken::decode_header(&token).unwrap();
            assert_eq!(header.typ.as_deref(), Some("example+jwt"));
            assert_eq!(header.alg, algorithm.into());
            assert_eq!(header.kid.as_deref(), Some(key.kid()));
            assert_eq!(jsonwebtoken::decode_header(key.sign(None, &json!({})).unwrap()).unwrap().typ, None);
        }
    }

    #[test]
    fn two_generated_keys_differ() {
        for algorithm in ALGORITHMS {
            assert_ne!(TestKey::fresh(algorithm).signing.kid(), TestKey::fresh(algorithm).signing.kid());
        }
    }

    /// The key of RFC 8037 appendix A.1; its thumbprint is in appendix A.3.
    #[test]
    fn the_kid_is_the_thumbprint_that_rfc_8037_computes() {
        let d = BASE64_URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let prefix = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let key = SigningKey::from_pem(&pem([&prefix, &d[..]].concat()), Algorithm::EdDsa).unwrap();
        assert_eq!(key.public_jwk().unwrap()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    /// The example of RFC 7638 section 3.1, an RSA key of which only the public half is known.
    #[test]
    fn the_thumbprint_is_the_one_that_rfc_7638_computes() {
        install_cryptography();
        let jwk: Jwk = serde_json::from_value(json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                  tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9\
                  1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        }))
        .unwrap();
        assert_eq!(
            jwk.thumbprint(ThumbprintHash::SHA256).unwrap(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn the_kid_is_the_hash_of_the_required_public_members() {
        for (algorithm, members) in [
            (Algorithm::Es256, &["crv", "kty", "x", "y"][..]),
            (Algorithm::EdDsa, &["crv", "kty", "x"]),
            (Algorithm::Rs256, &["e", "kty", "n"]),
        ] {
            let key = &TestKey::of(algorithm).signing;
            let jwk = key.public_jwk().unwrap();
            let written: Vec<String> =
                members.iter().map(|member| format!("\"{member}\":{}", jwk[*member])).collect();
            let hash = digest::digest(&digest::SHA256, format!("{{{}}}", written.join(",")).as_bytes());
            assert_eq!(key.kid(), BASE64_URL_SAFE_NO_PAD.encode(hash), "{algorithm:?}");
        }
    }

    #[test]
    fn one_key_has_one_name() {
        for algorithm in ALGORITHMS {
            let key = TestKey::of(algorithm);
            assert_eq!(SigningKey::from_text(&key.text, algorithm).unwrap().kid(), key.signing.kid());
        }
    }

    #[test]
    fn c153_keys_that_openssl_wrote_are_read() {
        for (pem, algorithm) in [
            (include_str!("../fixtures/p256.pem"), Algorithm::Es256),
            (include_str!("../fixtures/ed25519.pem"), Algorithm::EdDsa),
            (include_str!("../fixtures/rsa2048.pem"), Algorithm::Rs256),
            (include_str!("../fixtures/rsa2048-pkcs1.pem"), Algorithm::Rs256),
        ] {
            assert_eq!(from_pem(pem, algorithm).unwrap().algorithm(), algorithm);
            let with_crlf = pem.replace('\n', "\r\n");
            assert!(from_pem(&with_crlf, algorithm).is_ok(), "{algorithm:?} with CRLF");
        }
    }

    #[test]
    fn c153_keys_of_another_type_or_size_are_refused() {
        use Algorithm::{EdDsa, Es256, Hs256, Rs256};
        let p256 = include_str!("../fixtures/p256.pem");
        let p384 = include_str!("../fixtures/p384.pem");
        let ed25519 = include_str!("../fixtures/ed25519.pem");
        let rsa = include_str!("../fixtures/rsa2048.pem");
        for (pem, algorithm) in [
            (p384, Es256),
            (ed25519, Es256),
            (rsa, Es256),
            (p256, EdDsa),
            (rsa, EdDsa),
            (p256, Rs256),
            (ed25519, Rs256),
            (p256, Hs256),
        ] {
            assert_eq!(from_pem(pem, algorithm).unwrap_err(), KeyError::WrongType(algorithm));
        }
        assert_eq!(from_pem(include_str!("../fixtures/rsa1024.pem"), Rs256).unwrap_err(), KeyError::RsaSize);
    }

    #[test]
    fn c153_a_malformed_private_key_is_refused() {
        let p256 = include_str!("../fixtures/p256.pem");
        for (what, pem) in [
            ("nothing", ""),
            ("a word", "please-change-this-secret"),
            ("half a key", &p256[..p256.len() / 2]),
            ("the frame alone", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
            ("another content", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            ("an encrypted key", include_str!("../fixtures/p256-encrypted.pem")),
            ("SEC1", include_str!("../fixtures/p256-sec1.pem")),
            ("Ed448", include_str!("../fixtures/ed448.pem")),
        ] {
            for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
                assert_eq!(from_pem(pem, algorithm).unwrap_err(), KeyError::NotAPrivateKey, "{what}");
            }
        }
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
            assert!(
                from_pem(include_str!("../fixtures/p256-public.pem"), algorithm).is_err(),
                "a public key"
            );
        }
    }

    #[test]
    fn c153_a_damaged_key_is_refused_and_never_panics() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let good = TestKey::of(algorithm).text.expose_secret();
            let kid = TestKey::of(algorithm).signing.kid();
            for position in 0..good.len() {
                for other in ["A", "=", " ", "ä", ""] {
                    let damaged = format!("{}{other}{}", &good[..position], &good[position + 1..]);
                    // A change may give another good key, or none that matters, but never this one with
                    // another name.
                    if let Ok(key) = from_pem(&damaged, algorithm) {
                        let token = key.sign(None, &json!({})).unwrap();
                        let (message, signature) = token.rsplit_once('.').unwrap();
                        assert_eq!(key.verifying.recognises(message, signature), Some(true));
                        let ours = TestKey::of(algorithm).signing.verifying.recognises(message, signature);
                        assert_eq!(ours, Some(key.kid() == kid), "{algorithm:?} {other:?} at {position}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_written_key_is_pem_as_rfc_7468_has_it() {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
            let text = TestKey::of(algorithm).text.expose_secret();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.first(), Some(&"-----BEGIN PRIVATE KEY-----"));
            assert_eq!(lines.last(), Some(&"-----END PRIVATE KEY-----"));
            let body = &lines[1..lines.len() - 1];
            assert!(body.iter().rev().skip(1).all(|line| line.len() == 64), "{algorithm:?}");
            assert!(body.iter().all(|line| (1..=64).contains(&line.len())), "{algorithm:?}");
        }
    }
}
