use std::path::PathBuf;

/// The reason that a database could not be opened. It names the database, and never the password in its URL.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be created, read or written.
    #[error("the database {path} cannot be opened: {source}")]
    File {
        /// The database, or its folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Users other than the owner and the group can read or write the file, or one that belongs to it.
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
    /// The file is no database; it was left as it is.
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
    /// Labgate did not make the schema.
    #[error(
        "the database {database} is not Labgate's, or its schema was changed by hand: schema {version} differs"
    )]
    Foreign {
        /// The file, or the server and the name.
        database: String,
        /// The step of the schema that differs.
        version: i64,
    },
    /// The database cannot be used: unreachable, damaged, locked by another process, no space left.
    #[error("the database {database} cannot be used: {reason}")]
    Unusable {
        /// The file, or the server and the name.
        database: String,
        /// The database's message.
        reason: String,
    },
}
