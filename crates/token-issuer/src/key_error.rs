use crate::Algorithm;

/// The reason that a text is no key, or that a key cannot be used. The texts are for the operator; none holds
/// key material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key in PEM, or a damaged one.
    #[error(
        "it is not a private key in PKCS#8 PEM, which begins with -----BEGIN PRIVATE KEY-----; \
         `openssl pkcs8 -topk8 -nocrypt` converts other forms"
    )]
    NotAPrivateKey,
    /// A key of another kind or size.
    #[error("it is not a key for {}, which takes {}", .0.as_str(), .0.key_in_words())]
    WrongType(Algorithm),
    /// An RSA key below 2048 bits (RFC 7518 section 3.3), or above 8192.
    #[error("an RSA key must have 2048 to 8192 bits")]
    RsaSize,
    /// A secret below 32 bytes (RFC 7518 section 3.2).
    #[error(
        "a secret must have at least 32 bytes, and this one has {0}; `openssl rand -base64 32` makes one"
    )]
    SecretTooShort(usize),
    /// A secret from published documentation.
    #[error(
        "the secret is made of words from published examples; `openssl rand -base64 32` makes a good one"
    )]
    SecretPublished,
    /// A secret that repeats itself or has hardly any different characters.
    #[error("the secret is too easy to guess; `openssl rand -base64 32` makes a good one")]
    SecretTooSimple,
    /// Not a sealing key.
    #[error("it is not a sealing key, which is 32 bytes in base64url; delete it to have a new one made")]
    NotASealKey,
    /// The cryptography library refused to work.
    #[error("the cryptography library failed to {0}")]
    Cryptography(&'static str),
}
