use openidconnect::core::CoreJwsSigningAlgorithm as Core;

/// A signature algorithm that a token may have (RFC 7518 section 3.1, RFC 8037, RFC 9864).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    /// The JWA name.
    pub(crate) name: &'static str,
    /// Another name of the same.
    also: Option<&'static str>,
    /// The `kty` of its keys, and their `crv` where the type has curves.
    pub(super) keys: (&'static str, Option<&'static str>),
    /// The same in the vocabulary of the library that checks signatures.
    pub(super) core: Core,
}

const RSA: (&str, Option<&str>) = ("RSA", None);

impl Algorithm {
    /// All of them.
    ///
    /// This list is ours and nothing that a provider publishes widens it (RFC 8725 section 3.1): `none` and
    /// the HMAC algorithms, which some providers advertise, are not in it. ES512 is missing because
    /// `openidconnect` lacks P-521.
    pub(crate) const ALL: &[Self] = &[
        Self { name: "RS256", also: None, keys: RSA, core: Core::RsaSsaPkcs1V15Sha256 },
        Self { name: "RS384", also: None, keys: RSA, core: Core::RsaSsaPkcs1V15Sha384 },
        Self { name: "RS512", also: None, keys: RSA, core: Core::RsaSsaPkcs1V15Sha512 },
        Self { name: "PS256", also: None, keys: RSA, core: Core::RsaSsaPssSha256 },
        Self { name: "PS384", also: None, keys: RSA, core: Core::RsaSsaPssSha384 },
        Self { name: "PS512", also: None, keys: RSA, core: Core::RsaSsaPssSha512 },
        Self { name: "ES256", also: None, keys: ("EC", Some("P-256")), core: Core::EcdsaP256Sha256 },
        Self { name: "ES384", also: None, keys: ("EC", Some("P-384")), core: Core::EcdsaP384Sha384 },
        Self { name: "EdDSA", also: Some("Ed25519"), keys: ("OKP", Some("Ed25519")), core: Core::EdDsa },
    ];

    /// The algorithm of this JWA name, compared byte for byte.
    pub(crate) fn parse(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|algorithm| algorithm.has_name(name))
    }

    /// Those that a provider states; all of them where it states nothing.
    pub(crate) fn among(stated: &[String]) -> Vec<&'static Self> {
        let is_stated = |it: &&Self| stated.is_empty() || stated.iter().any(|name| it.has_name(name));
        Self::ALL.iter().filter(is_stated).collect()
    }

    /// Their names, for a message.
    pub(crate) fn list(algorithms: &[&'static Self]) -> String {
        let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name).collect();
        if names.is_empty() { "none that the provider states".to_owned() } else { names.join(", ") }
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.name == name || self.also == Some(name)
    }
}
