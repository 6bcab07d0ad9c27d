//! The errors of opening a file.

use std::path::Path;

use sqlx::error::DatabaseError;

use crate::OpenError;

pub(super) fn refused(path: &Path, error: &sqlx::Error) -> OpenError {
    if has_code(error, NOT_A_DATABASE) {
        OpenError::NotADatabase { path: path.to_owned() }
    } else {
        OpenError::Unusable { database: path.display().to_string(), reason: error.to_string() }
    }
}

/// `SQLITE_BUSY`: another connection is writing.
pub(super) const BUSY: i32 = 5;
/// `SQLITE_NOTADB`: the file does not begin like a database.
const NOT_A_DATABASE: i32 = 26;

/// Tells whether the error has this result code (<https://sqlite.org/rescode.html>). SQLite reports the
/// extended code, with the plain one in its lowest byte.
pub(crate) fn has_code(error: &sqlx::Error, code: i32) -> bool {
    let extended = error.as_database_error().and_then(DatabaseError::code);
    extended.and_then(|extended| extended.parse::<i32>().ok()).is_some_and(|extended| extended & 0xff == code)
}
