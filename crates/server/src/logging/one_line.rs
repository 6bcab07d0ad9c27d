use std::borrow::Cow;
use std::io::{self, Write};

/// Writes each event as exactly one line of harmless characters, whatever is in it.
///
/// The formatter escapes texts that are recorded as such, but not what is recorded by its `Display`, and
/// messages neither: a line break in them would begin a forged line, an escape sequence would steer the
/// operator's terminal. So the last step, behind the formatter, escapes them all, in a form that stands in
/// JSON, too: `\u000a`.
///
/// The formatter calls `write` once for each event.
pub(super) struct OneLine<W>(pub(super) W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        self.0.write_all(format!("{}\n", harmless(line)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn harmless(line: &str) -> Cow<'_, str> {
    if !line.contains(is_harmful) {
        return Cow::Borrowed(line);
    }
    // All harmful characters lie in the basic plane, where JSON's escapes have four digits.
    let escaped = |c| if is_harmful(c) { format!("\\u{:04x}", u32::from(c)) } else { String::from(c) };
    line.chars().map(escaped).collect()
}

/// Control characters, and those that break a line or turn its direction.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
