use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ForeignText;

/// A person's name for other people: one line of clean text, never an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
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

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for DisplayName {
    fn from(text: String) -> Self {
        Self::clean(&text)
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
