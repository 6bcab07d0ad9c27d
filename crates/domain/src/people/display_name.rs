use serde::{Deserialize, Serialize};

use crate::text::{is_invisible, is_joiner, is_shaping, readable_text};

/// A person's name for other people: one line of clean text, never an identifier. Joiners and variation
/// selectors, which many scripts and emoji are written with, stay where they shape a character.
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

    /// The most shaping characters in a row: a variation selector and a joiner.
    const MAX_SHAPING: usize = 2;

    fn clean(text: &str) -> Self {
        let mut name = String::new();
        // As if many stood before the name: there is nothing yet to shape.
        let mut shaping = Self::MAX_SHAPING;
        for c in text.trim_start().chars().filter(|c| c.is_whitespace() || !c.is_control()) {
            match c {
                c if c.is_whitespace() => {
                    name.push(' ');
                    shaping = Self::MAX_SHAPING;
                }
                c if is_shaping(c) => {
                    if shaping < Self::MAX_SHAPING {
                        name.push(c);
                        shaping += 1;
                    }
                }
                c if is_invisible(c) => {}
                c => {
                    name.push(c);
                    shaping = 0;
                }
            }
        }
        let cut: String = name.chars().skip_while(|c| *c == ' ').take(Self::MAX_CHARS).collect();
        Self(cut.trim_end_matches(|c| c == ' ' || is_joiner(c)).to_owned())
    }
}

readable_text!(DisplayName);

impl From<String> for DisplayName {
    fn from(text: String) -> Self {
        Self::clean(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        DisplayName::new(text).map(|name| name.to_string())
    }

    #[test]
    fn f36_joiners_and_other_shaping_characters_stay_in_a_name() {
        for whole in [
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}",
            "Ada \u{1f469}\u{200d}\u{1f4bb}",
            "\u{1f469}\u{200d}\u{2764}\u{fe0f}\u{200d}\u{1f468}",
            "\u{845b}\u{e0100}\u{57ce}",
        ] {
            assert_eq!(name(whole).as_deref(), Some(whole));
            assert_eq!(DisplayName::from(whole.to_owned()).as_str(), whole, "read again");
        }
    }

    #[test]
    fn f36_what_shapes_nothing_or_turns_the_direction_is_taken_out() {
        for (text, clean) in [
            ("\u{200d}Ada", "Ada"),
            ("Ada\u{200d}", "Ada"),
            ("Ada \u{200c} Example", "Ada  Example"),
            ("A\u{200d}\u{200d}\u{200d}\u{200d}da", "A\u{200d}\u{200d}da"),
            ("A\u{202e}da\u{2066}\u{200f}\u{200b}\u{feff}", "Ada"),
            ("A\u{e0041}da", "Ada"),
            ("A\x1bd\0a\r\nE", "Ada  E"),
        ] {
            assert_eq!(name(text).as_deref(), Some(clean), "{text:?}");
        }
        for nothing in ["", " ", "\u{200d}", "\u{202e}", " \u{fe0f} \u{200c}"] {
            assert_eq!(name(nothing), None, "{nothing:?}");
        }
        let long = format!("{}\u{200d}b", "a".repeat(99));
        assert_eq!(name(&long).as_deref(), Some(&*"a".repeat(99)), "no joiner at the cut");
    }
}
