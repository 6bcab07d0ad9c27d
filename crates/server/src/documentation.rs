//! The generated parts of the documents: `cargo xtask docs` writes them, and a test fails when they are stale.

use labgate_domain::error::ErrorCode;
use labgate_http::{HttpErrorCode, status_of};

use crate::remedies::{remedy, remedy_of};

/// Builds the generated part of `docs/errors.md`: each code with its status, its sentence for the person and its remedy.
#[must_use]
pub fn errors() -> String {
    let mut document = "## Refusals\n".to_owned();
    for code in ErrorCode::ALL {
        let head = format!("{}; responsible: {}", status_of(*code).as_u16(), code.responsible().as_str());
        section(&mut document, code.as_str(), &head, code.for_person(), remedy(*code));
    }
    document.push_str("\n## Errors of HTTP itself\n");
    for code in HttpErrorCode::ALL {
        let (status, code, sentence) = (code.status().as_u16(), code.as_str(), code.for_person());
        section(&mut document, code, &status.to_string(), sentence, remedy_of(code));
    }
    document
}

fn section(document: &mut String, code: &str, head: &str, sentence: &str, remedy: &str) {
    document.push_str(&["\n### `", code, "`\n\nHTTP status ", head, ".\n"].concat());
    for (prefix, text) in [("> ", sentence), ("", remedy)] {
        document.push('\n');
        wrap(document, prefix, text);
    }
}

/// Appends a paragraph, wrapped at 110 columns.
fn wrap(document: &mut String, prefix: &str, text: &str) {
    let mut line = prefix.to_owned();
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > 110 {
            document.push_str(&(line + "\n"));
            line = prefix.to_owned();
        }
        if line.len() > prefix.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    document.push_str(&(line + "\n"));
}
