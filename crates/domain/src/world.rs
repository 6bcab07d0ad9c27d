//! The clock and the randomness of the world outside.

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
