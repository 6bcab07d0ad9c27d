//! The machine's own clock and randomness: what a mock uses that was given none.

use std::time::{SystemTime, UNIX_EPOCH};

use labgate_domain::time::Timestamp;
use labgate_domain::world::{Clock, Entropy};

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one adapter of the Clock port in this crate")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_seconds(0).plus(since_epoch)
    }
}

/// The machine's random generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
