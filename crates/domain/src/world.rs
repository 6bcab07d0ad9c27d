//! The clock and the randomness of the world outside.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::time::Timestamp;

/// The clock.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The source of randomness.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Entropy: Send + Sync {
    /// Fills the bytes from a cryptographically secure source. An adapter MUST abort the process
    /// when its source fails, rather than return predictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Returns random bytes.
pub(crate) fn random_bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// Returns `N` random bytes in base64url.
pub(crate) fn random_base64url<const N: usize>(entropy: &dyn Entropy) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<N>(entropy))
}

/// Returns `N` random letters of Crockford's base 32, five bits each, in groups of four that can be read out.
pub(crate) fn random_base32<const N: usize>(entropy: &dyn Entropy) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = String::with_capacity(N + N / 4);
    for (position, byte) in random_bytes::<N>(entropy).into_iter().enumerate() {
        if position > 0 && position % 4 == 0 {
            text.push('-');
        }
        // Five bits always index the alphabet.
        text.extend(ALPHABET.get(usize::from(byte & 0x1f)).copied().map(char::from));
    }
    text
}
