use crate::time::Timestamp;

/// What time it is.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// Where randomness comes from.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Entropy: Send + Sync {
    /// Fills the bytes from a cryptographically secure source. An adapter whose source fails MUST abort the process
    /// rather than return predictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}
