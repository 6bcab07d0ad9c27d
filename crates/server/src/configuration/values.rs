//! The notation of values.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

/// The mark that Windows' editors write at the beginning of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Takes a switch.
pub(super) fn switch(text: &str) -> Result<bool, &'static str> {
    text.to_ascii_lowercase().parse().map_err(|_| "is neither true nor false")
}

/// The reason for which a text cannot be a value. Blanks around a value are never meant, and in a secret they
/// are the mistake that takes longest to find.
pub(super) fn unfit(text: &str) -> Option<&'static str> {
    if text.contains(BYTE_ORDER_MARK) {
        Some("has an invisible byte order mark (U+FEFF)")
    } else if text.trim().is_empty() {
        Some("is empty: give it a value, or do not set it")
    } else if text.trim() != text {
        Some("begins or ends with a blank")
    } else if text.contains(char::is_control) {
        Some("has a control character, such as a line break")
    } else {
        None
    }
}

/// The accepted readers of a file with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Anyone whom the operator lets: container platforms mount secrets that all of the container can read.
    Anybody,
    /// Its owner and group. A reader of a signing key can sign in as anyone.
    OwnerAndGroup,
}

/// The secret in a file that its owner and their group alone can read.
pub(crate) fn of_owner(path: &Path) -> Result<SecretString, String> {
    secret_in_file(path, Readers::OwnerAndGroup)
}

/// The secret in a file: its content without a byte order mark before it and the one line break after it.
pub(super) fn secret_in_file(path: &Path, readers: Readers) -> Result<SecretString, String> {
    let content = secret_file(path, readers)?;
    let secret = without_final_line_break(content.expose_secret());
    match unfit(secret) {
        None => Ok(SecretString::from(secret)),
        Some(reason) => Err(format!("the content {reason}")),
    }
}

/// The content of a file that holds a secret, without the byte order mark that some editors write first.
pub(super) fn secret_file(path: &Path, readers: Readers) -> Result<SecretString, String> {
    const MAX_LEN: u64 = 64 * 1024;
    let failed = |error: io::Error| format!("the file cannot be read: {error}");
    // Opening a pipe would wait for a writer.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if readers == Readers::OwnerAndGroup && is_readable_by_others(&metadata) {
        return Err(
            "the file can be read by everybody on this machine: take that right away (chmod o-r)".to_owned()
        );
    }
    let mut content = String::new();
    let read = file.take(MAX_LEN + 1).read_to_string(&mut content).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => "the file is not text".to_owned(),
        _ => failed(error),
    })?;
    if read as u64 > MAX_LEN {
        return Err("the file is larger than 64 KiB".to_owned());
    }
    Ok(content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&content).into())
}

#[cfg(unix)]
fn is_readable_by_others(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &std::fs::Metadata) -> bool {
    false
}

/// A text without the one line break that editors and `echo` put at the end of a file.
pub(super) fn without_final_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
