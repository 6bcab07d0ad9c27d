use serde::{Deserialize, Serialize};

use crate::ForeignText;
use crate::text::readable_text;

/// A person's name for other people: one line of clean text, never an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// The longest name, in characters; a longer one is cut.
    pub const MAX_CHARS: usize = 100;

    /// Keeps the printable part of a text; `None` when that is empty.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let name = Self::clean(text);
        (!name.0.is_empty()).then_some(name)
    }

    fn clean(text: &str) -> Self {
        let clean = ForeignText::new(text);
        Self(clean.as_str().trim().chars().take(Self::MAX_CHARS).collect::<String>().trim_end().to_owned())
    }
}

readable_text!(DisplayName);

impl From<String> for DisplayName {
    fn from(text: String) -> Self {
        Self::clean(&text)
    }
}
