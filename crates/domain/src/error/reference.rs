use std::fmt;

use crate::world::Entropy;

/// A short text that a person reads out and an operator looks up, such as `7K3M-Q2XP`: 40 random bits in
/// Crockford's base 32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// Returns a fresh reference.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        let mut text = String::with_capacity(9);
        for (position, byte) in bytes.into_iter().enumerate() {
            if position == 4 {
                text.push('-');
            }
            // Five bits always index the alphabet.
            text.extend(ALPHABET.get(usize::from(byte & 0x1f)).copied().map(char::from));
        }
        Self(text)
    }

    /// Returns the reference's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
