use std::sync::Once;

use jsonwebtoken::{DecodingKey, crypto::aws_lc};

use crate::Algorithm;

/// A key that recognises signatures, for one algorithm only (RFC 8725 section 3.1).
#[derive(Clone, Debug)]
pub(crate) struct VerifyingKey {
    pub(crate) algorithm: Algorithm,
    decoding: DecodingKey,
}

impl VerifyingKey {
    pub(crate) fn new(algorithm: Algorithm, decoding: DecodingKey) -> Self {
        install_cryptography();
        Self { algorithm, decoding }
    }

    /// Verifies a signature in base64url over a message; `None` if it is not base64url.
    pub(crate) fn recognises(&self, message: &str, signature: &str) -> Option<bool> {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, self.algorithm.into())
            .ok()
    }
}

/// Tells jsonwebtoken which cryptography to use. Without this its first use panics in any program where
/// another crate enables the other backend as well, so whatever in this crate comes before a first use calls
/// it.
pub(crate) fn install_cryptography() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error says that another crate chose already, which is as good.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
    });
}
