//! The rows of a file, whatever its format.

use std::collections::BTreeSet;

use labgate_domain::people::{GroupName, LocalGroups, PasswordHash, Role};
use labgate_domain::sign_in::ImportRow;

use crate::cli::account::GROUP_RULE;

/// The rows and errors of a file.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) rows: Vec<ImportRow>,
    pub(super) problems: Vec<Problem>,
}

impl Parsed {
    pub(super) fn add(&mut self, line: u64, row: Result<ImportRow, String>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(problem) => self.problems.push(Problem { line, problem }),
        }
    }
}

/// An error in a line of a file. It contains no hash and no password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) line: u64,
    pub(super) problem: String,
}

/// Parses a hash of a supported scheme. Any other text can be a password, so it is not repeated in the error.
pub(super) fn password_hash(text: &str) -> Result<PasswordHash, String> {
    const KEPT: [&str; 4] = ["$2a$", "$2b$", "$2y$", "$argon2id$"];
    if !KEPT.iter().any(|kind| text.starts_with(kind)) {
        return Err(format!(
            "the password is kept as {}: only bcrypt ($2y$, $2b$, $2a$) and Argon2id ($argon2id$) are supported",
            scheme(text)
        ));
    }
    PasswordHash::parse(text).map_err(|_| "the password hash is damaged".to_owned())
}

/// Returns the name of an unsupported scheme.
fn scheme(text: &str) -> &'static str {
    const SCHEMES: [(&str, &str); 16] = [
        ("{SHA}", "SHA-1 ({SHA})"),
        ("{SSHA}", "salted SHA-1 ({SSHA})"),
        ("$apr1$", "MD5 ($apr1$)"),
        ("$1$", "MD5 ($1$)"),
        ("$5$", "SHA-256 ($5$)"),
        ("$6$", "SHA-512 ($6$)"),
        ("$7$", "scrypt ($7$)"),
        ("$scrypt$", "scrypt"),
        ("$y$", "yescrypt ($y$)"),
        ("$gy$", "gost-yescrypt ($gy$)"),
        ("$2x$", "an old, broken bcrypt ($2x$)"),
        ("$2$", "an old, broken bcrypt ($2$)"),
        ("$argon2i$", "Argon2i"),
        ("$argon2d$", "Argon2d"),
        ("$pbkdf2", "PBKDF2"),
        ("pbkdf2", "PBKDF2"),
    ];
    let is_crypt = text.len() == 13 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
    match SCHEMES.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        Some((_, name)) => name,
        None if is_crypt => "crypt (DES), or plain text",
        None if text.starts_with(['$', '{']) => "an unknown scheme",
        None => "plain text, or by an unknown scheme",
    }
}

/// Parses a role; without one a person is a user.
pub(super) fn role(text: &str) -> Result<Role, String> {
    match text {
        "" => Ok(Role::User),
        _ => Role::parse(text).map_err(|_| "the role is neither user nor admin".to_owned()),
    }
}

/// Parses local groups, separated by commas. A text in the wrong column can be a secret, so it is not repeated
/// in the error.
pub(super) fn local_groups(text: &str) -> Result<LocalGroups, String> {
    let names = GroupName::typed_list(text).map_err(|_| format!("a group is not one: {GROUP_RULE}"))?;
    LocalGroups::try_from(BTreeSet::from_iter(names)).map_err(|error| format!("there are {error}"))
}
