use crate::text::readable_text;
use crate::world::{Entropy, random_base32};

/// A short text that a person reads out and an operator looks up, such as `7K3M-Q2XP`: 40 random bits in
/// Crockford's base 32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// Returns a fresh reference.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_base32::<8>(entropy).to_ascii_uppercase())
    }
}

readable_text!(Reference);
