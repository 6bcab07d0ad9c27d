use std::path::PathBuf;

use sqlx::migrate::MigrateError;

/// Why a database could not be opened. It names the database, and never the password in its URL.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be created, read or written.
    #[error("the database {path} cannot be opened: {source}")]
    File {
        /// The database, or its folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than the owner and the group can read or write the file, or one beside it that belongs to it; it was left as it is.
    #[error(
        "the database {path} is open to everybody (mode {mode:04o}): `chmod o= {path}` closes it; if others could read it, \
         they may know the hashes of the passwords"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is something else in the file; it was left as it is.
    #[error("{path} is not a database: move it away, or name another file")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The location of the database is not understood.
    #[error(transparent)]
    Location(#[from] crate::MalformedLocation),
    /// A newer version of Labgate has changed the schema; the database was left as it is.
    #[error(
        "the database {database} belongs to a newer version of Labgate (its schema is {found}, this version knows up to \
         {known}): run that version, or restore a backup from before the update"
    )]
    Newer {
        /// The file, or the server and the name.
        database: String,
        /// The schema of the database.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// The schema is none that Labgate made.
    #[error(
        "the database {database} is not Labgate's, or its schema was changed by hand: schema {version} differs"
    )]
    Foreign {
        /// The file, or the server and the name.
        database: String,
        /// The step of the schema that differs.
        version: i64,
    },
    /// It cannot be used: not to be reached, damaged, locked by another process, no space left.
    #[error("the database {database} cannot be used: {reason}")]
    Unusable {
        /// The file, or the server and the name.
        database: String,
        /// Why, in the database's words.
        reason: String,
    },
}

impl OpenError {
    /// Why the steps of the schema up to `known` could not be taken.
    pub(crate) fn of_migration(database: String, known: i64, error: &MigrateError) -> Self {
        match *error {
            MigrateError::VersionMissing(found) if found > known => Self::Newer { database, found, known },
            MigrateError::VersionMissing(version)
            | MigrateError::VersionMismatch(version)
            | MigrateError::Dirty(version) => Self::Foreign { database, version },
            _ => Self::Unusable { database, reason: error.to_string() },
        }
    }
}
