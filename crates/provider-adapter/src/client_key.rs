//! The client's private key, which signs its assertions (RFC 7523).

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

/// The private key of a client, as a PEM file holds it: PKCS#8, PKCS#1 (RSA) or SEC1 (elliptic curves).
pub(crate) enum ClientKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The signature of an assertion failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SigningFailed;

impl ClientKey {
    /// Takes the content of a PEM file.
    pub(crate) fn parse(pem: &str) -> Result<Self, &'static str> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "holds no private key in PEM: one that is encrypted cannot be used")?;
        let der = key.secret_der();
        let rsa = || match &key {
            PrivateKeyDer::Pkcs1(_) => RsaKeyPair::from_der(der),
            _ => RsaKeyPair::from_pkcs8(der),
        };
        let curve = |algorithm: &'static EcdsaSigningAlgorithm| match &key {
            PrivateKeyDer::Sec1(_) => EcdsaKeyPair::from_private_key_der(algorithm, der),
            _ => EcdsaKeyPair::from_pkcs8(algorithm, der),
        };
        rsa()
            .map(Self::Rsa)
            .or_else(|_| curve(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::P256))
            .or_else(|_| curve(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Self::P384))
            .or_else(|_| Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519))
            .map_err(|_| "holds no private key for RSA (2048 to 8192 bits), P-256, P-384 or Ed25519")
    }

    /// The JWA name of the algorithm to sign with, as the provider lists those that it accepts. An RSA key has
    /// two; a provider that lists none is given the commoner.
    pub(crate) fn algorithm(&self, accepted: &[String]) -> &'static str {
        let accepts = |name: &str| accepted.iter().any(|it| it == name);
        match self {
            Self::Rsa(_) if accepts("PS256") && !accepts("RS256") => "PS256",
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::Ed25519(_) if accepts("Ed25519") && !accepts("EdDSA") => "Ed25519",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// Signs a message by this algorithm, one of those that [`ClientKey::algorithm`] gives.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding = if algorithm == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map_err(|_| SigningFailed)?;
                Ok(signature)
            }
            Self::P256(pair) | Self::P384(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientKey({})", self.algorithm(&[]))
    }
}
