/// A signature algorithm of session tokens (RFC 7518 section 3.1, RFC 8037 section 3.1). A key has exactly
/// one algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, which every JWT library verifies.
    #[default]
    Es256,
    /// Ed25519: the quickest to sign and to verify.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for services that know nothing newer. Tokens are 256 bytes longer.
    Rs256,
    /// HMAC with SHA-256: every verifier can also make tokens. It needs a secret of at least 32 bytes.
    Hs256,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Hs256];

    /// Returns the JWA name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// Parses a JWA name; names are case-sensitive.
    ///
    /// # Errors
    /// When Labgate does not support the algorithm.
    pub fn parse(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name).ok_or(UnknownAlgorithm)
    }

    /// Describes a key for this algorithm.
    pub(crate) fn key_in_words(self) -> &'static str {
        match self {
            Self::Es256 => "a P-256 private key",
            Self::EdDsa => "an Ed25519 private key",
            Self::Rs256 => "an RSA private key of 2048 to 8192 bits",
            Self::Hs256 => "a secret of at least 32 bytes",
        }
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::ES256,
            Algorithm::EdDsa => Self::EdDSA,
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Hs256 => Self::HS256,
        }
    }
}

/// The name of an unsupported signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature algorithm: use ES256, EdDSA, RS256 or HS256")]
pub struct UnknownAlgorithm;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_its_jwa_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Ok(algorithm));
        }
        for other in ["", "none", "es256", "ES256K", "ES384", "PS256", "HS512", "Ed25519"] {
            assert_eq!(Algorithm::parse(other), Err(UnknownAlgorithm), "{other}");
        }
    }
}
