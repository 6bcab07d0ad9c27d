//! Keys to sign test tokens with, by another library than the one under test.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use aws_lc_rs::{hmac, rsa};
use serde_json::{Value, json};

use super::base64url;

/// A key and the algorithm it is used with.
#[derive(Clone)]
pub(crate) struct TestKey {
    pub(crate) kid: Option<String>,
    pub(crate) algorithm: &'static str,
    signer: Signer,
}

#[derive(Clone)]
enum Signer {
    Ed25519(Arc<Ed25519KeyPair>),
    Ecdsa(Arc<EcdsaKeyPair>, &'static str),
    Rsa(Arc<rsa::KeyPair>, &'static dyn RsaEncoding),
    Hmac(Vec<u8>),
    None,
}

/// Making an RSA key takes a while: two for all tests.
static RSA_KEYS: LazyLock<[Arc<rsa::KeyPair>; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Arc::new(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())));

impl TestKey {
    pub(crate) fn ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        Self { kid: Some(kid.to_owned()), algorithm: "EdDSA", signer: Signer::Ed25519(Arc::new(pair)) }
    }

    pub(crate) fn es256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: Some(kid.to_owned()), algorithm: "ES256", signer: Signer::Ecdsa(Arc::new(pair), "P-256") }
    }

    pub(crate) fn es384(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self { kid: Some(kid.to_owned()), algorithm: "ES384", signer: Signer::Ecdsa(Arc::new(pair), "P-384") }
    }

    pub(crate) fn rsa(kid: &str, algorithm: &'static str) -> Self {
        Self::rsa_number(0, kid, algorithm)
    }

    /// The first or the second RSA key.
    pub(crate) fn rsa_number(number: usize, kid: &str, algorithm: &'static str) -> Self {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            "RS256" => &RSA_PKCS1_SHA256,
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            "PS256" => &RSA_PSS_SHA256,
            "PS384" => &RSA_PSS_SHA384,
            "PS512" => &RSA_PSS_SHA512,
            other => panic!("{other} is no RSA algorithm"),
        };
        let signer = Signer::Rsa(Arc::clone(&RSA_KEYS[number]), encoding);
        Self { kid: Some(kid.to_owned()), algorithm, signer }
    }

    pub(crate) fn hmac(secret: &[u8]) -> Self {
        Self { kid: None, algorithm: "HS256", signer: Signer::Hmac(secret.to_owned()) }
    }

    /// No key: the signature is empty.
    pub(crate) fn none(algorithm: &'static str) -> Self {
        Self { kid: None, algorithm, signer: Signer::None }
    }

    /// The same key under another name, or none.
    pub(crate) fn named(&self, kid: Option<&str>) -> Self {
        Self { kid: kid.map(str::to_owned), ..self.clone() }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.signer {
            Signer::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Signer::Ecdsa(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Signer::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::Hmac(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
            Signer::None => Vec::new(),
        }
    }

    /// The public key, without `use` and `alg`.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.signer {
            Signer::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref())})
            }
            Signer::Ecdsa(pair, curve) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            Signer::Rsa(pair, _) => {
                let (n, e) = rsa_numbers(pair);
                json!({"kty": "RSA", "n": base64url(&n), "e": base64url(&e)})
            }
            Signer::Hmac(secret) => json!({"kty": "oct", "k": base64url(secret)}),
            Signer::None => panic!("there is no key"),
        };
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// The private key, as a careless provider might publish it.
    pub(crate) fn private_part(&self) -> String {
        match &self.signer {
            Signer::Ecdsa(pair, _) => base64url(pair.private_key().as_be_bytes().unwrap().as_ref()),
            _ => panic!("only for elliptic curves"),
        }
    }

    /// The forms of the public key that a confused verifier might take for an HMAC secret.
    pub(crate) fn public_forms(&self) -> Vec<Vec<u8>> {
        let Signer::Rsa(pair, _) = &self.signer else { panic!("only for RSA") };
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &spki);
        let lines: Vec<&str> =
            base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        let (n, _) = rsa_numbers(pair);
        let n_text = base64url(&n);
        vec![spki, pem.trim_end().as_bytes().to_vec(), pem.into_bytes(), n, n_text.into_bytes()]
    }
}

/// Modulus and exponent, from the two INTEGERs at the end of the DER form.
fn rsa_numbers(pair: &rsa::KeyPair) -> (Vec<u8>, Vec<u8>) {
    let der = pair.public_key().as_der().unwrap().as_ref().to_vec();
    // The exponent is 65537, and before it stand the 257 bytes of a positive number of 2048 bits.
    let exponent = [0x02, 0x03, 0x01, 0x00, 0x01];
    let rest = der.strip_suffix(&exponent).expect("the exponent is 65537");
    let (head, modulus) = rest.split_at(rest.len() - 256);
    assert!(head.ends_with(&[0x02, 0x82, 0x01, 0x01, 0x00]), "the modulus has 2048 bits");
    (modulus.to_vec(), vec![1, 0, 1])
}
