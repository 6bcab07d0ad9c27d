//! Time and randomness that a test decides.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use labgate_domain::time::Timestamp;
use labgate_domain::world::{Clock, Entropy};

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// Moves it forward.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_secs()).expect("a span that fits"), Ordering::SeqCst);
    }

    /// Sets it back.
    pub fn set_back(&self, span: Duration) {
        self.0.fetch_sub(i64::try_from(span.as_secs()).expect("a span that fits"), Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    /// Somewhere in January 2027.
    fn default() -> Self {
        Self(AtomicI64::new(1_800_000_000))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that look random and are the same in every run (`SplitMix64`). Never for anything but tests.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

    /// Starts from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(Self::GAMMA, Ordering::SeqCst).wrapping_add(Self::GAMMA);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (to, from) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *to = from;
            }
        }
    }
}
