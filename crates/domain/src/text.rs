//! Types around text: text from outside, and what types with a text have in common.

use std::fmt;

/// Implements `as_str` and `Display` for a type around a text that anyone may read.
macro_rules! readable_text {
    ($name:ident) => {
        impl $name {
            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use readable_text;

/// Implements `as_str`, a comparison in constant time, and a `Debug` that prints nothing, for a type around a
/// secret text.
macro_rules! secret_text {
    ($name:ident) => {
        impl $name {
            /// Returns the text. It is secret: do not log it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), other.0.as_bytes()).into()
            }
        }

        impl Eq for $name {}

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}
pub(crate) use secret_text;

/// Defines an enum whose variants have a text each: a name on the wire, in a store or in the configuration,
/// or words for the operator.
macro_rules! named {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+
    }) => {
        $(#[$meta])*
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// All variants, in their order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}
pub(crate) use named;

/// A short text from outside (a provider's error description, a claim) that may be shown and logged: without
/// control characters, line breaks or invisible direction marks, and at most [`ForeignText::MAX_CHARS`]
/// characters long. It is not HTML: a page escapes it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ForeignText(String);

impl ForeignText {
    /// The longest text, in characters; a longer one is cut and ends with an ellipsis.
    pub const MAX_CHARS: usize = 200;

    /// Keeps the part of a text that is safe on one line.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut clean: String = text
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| !c.is_control() && !is_invisible(*c))
            .take(Self::MAX_CHARS + 1)
            .collect();
        if clean.chars().count() > Self::MAX_CHARS {
            clean = clean.chars().take(Self::MAX_CHARS - 1).chain(['…']).collect();
        }
        Self(clean)
    }
}

readable_text!(ForeignText);

/// Returns whether the character shows nothing, marks a direction, or changes the reading of its neighbours:
/// Unicode's `Default_Ignorable_Code_Point`, interlinear annotations, and the blank of Braille.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Debug for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c191_hostile_text_stays_on_one_line() {
        let text = ForeignText::new("a\r\nINFO forged\x1b[31m\u{202e}b");
        assert_eq!(text.as_str(), "a  INFO forged[31mb");
    }

    #[test]
    fn c038_ten_kilobytes_are_cut() {
        assert_eq!(ForeignText::new(&"x".repeat(10_000)).as_str().chars().count(), ForeignText::MAX_CHARS);
    }
}
