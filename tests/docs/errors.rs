//! The generated part of `docs/errors.md`.

use labgate::remedies::{remedy, remedy_of};
use labgate_domain::error::ErrorCode;
use labgate_http::{HttpErrorCode, person_text, status_of};

/// Builds it: each code with its status, its sentence for the person and its remedy.
pub(super) fn generated() -> String {
    let mut document = "## Refusals\n".to_owned();
    for code in ErrorCode::ALL {
        let head = format!("{}; responsible: {}", status_of(*code).as_u16(), code.responsible().as_str());
        section(&mut document, code.as_str(), &head, remedy(*code));
    }
    document.push_str("\n## Errors of HTTP itself\n");
    for code in HttpErrorCode::ALL {
        let (status, code) = (code.status().as_u16().to_string(), code.as_str());
        section(&mut document, code, &status, remedy_of(code));
    }
    document
}

fn section(document: &mut String, code: &str, head: &str, remedy: &str) {
    document.push_str(&["\n### `", code, "`\n\nHTTP status ", head, ".\n"].concat());
    for (prefix, text) in [("> ", person_text(code)), ("", remedy)] {
        document.push('\n');
        wrap(document, prefix, text);
    }
}

/// Appends a paragraph, wrapped at 110 columns.
fn wrap(document: &mut String, prefix: &str, text: &str) {
    let mut line = prefix.to_owned();
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > 110 {
            document.push_str(&line);
            document.push('\n');
            prefix.clone_into(&mut line);
        }
        if line.len() > prefix.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    document.push_str(&(line + "\n"));
}
