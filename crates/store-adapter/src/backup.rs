//! A backup of a lab on SQLite: one file, beside running servers.
//!
//! The file is a SQLite database: that of the lab at one moment, and two more tables. `backup` has one row,
//! which is written last: a file without it was not finished. `backup_keys` has the key files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use labgate_domain::ports::StoreError;
use labgate_domain::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};

use crate::connection::PATIENCE;
use crate::sql::Sql;
use crate::sqlite::has_code;
use crate::statement::Statement;
use crate::{Location, OpenError, Store};

/// The contents of a backup apart from the database.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The time of the backup.
    pub made_at: Timestamp,
    /// The version of Labgate that made it.
    pub made_by: String,
    /// The key files: names and texts.
    pub keys: Vec<(String, SecretString)>,
}

/// Writes a backup of this database into a new file, which its owner alone can read.
///
/// Other processes go on reading and writing: the backup is the state of one moment, with all that was
/// answered before it. The database is left as it is, its schema too. An error leaves no file.
///
/// # Errors
/// See [`BackupError`].
pub async fn back_up(database: &Path, to: &Path, backup: &Backup) -> Result<(), BackupError> {
    let database = database.canonicalize().map_err(BackupError::file(database))?;
    create(to)?;
    let unfinished = Unfinished(to);
    let copy = to.canonicalize().map_err(BackupError::file(to))?;
    let failed = |error| BackupError::of(to, &error);

    let mut lab = connect(&database).await.map_err(BackupError::at(&database))?;
    if !has_tables(&mut lab, &["_sqlx_migrations", "accounts"]).await.map_err(BackupError::at(&database))? {
        return Err(BackupError::NoLab { path: database });
    }
    let name = copy.to_str().ok_or(io::ErrorKind::InvalidFilename.into()).map_err(BackupError::file(to))?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut lab).await.map_err(failed)?;
    lab.close().await.map_err(failed)?;

    let mut copied = connect(&copy).await.map_err(failed)?;
    add(&mut copied, backup).await.map_err(failed)?;
    copied.close().await.map_err(failed)?;
    sync(&copy).map_err(BackupError::file(to))?;
    unfinished.keep();
    Ok(())
}

async fn add(copied: &mut SqliteConnection, backup: &Backup) -> Result<(), sqlx::Error> {
    // They run on the lab, not on its copy. An older schema does not have them.
    let has_replicas = has_tables(copied, &["replicas"]).await?;
    let mut transaction = copied.begin().await?;
    if has_replicas {
        sqlx::raw_sql("DELETE FROM replicas").execute(&mut *transaction).await?;
    }
    let tables = "CREATE TABLE backup (made_at INTEGER NOT NULL, made_by TEXT NOT NULL) STRICT;
        CREATE TABLE backup_keys (name TEXT NOT NULL PRIMARY KEY, content TEXT NOT NULL) STRICT";
    sqlx::raw_sql(tables).execute(&mut *transaction).await?;
    for (name, text) in &backup.keys {
        let key = sqlx::query("INSERT INTO backup_keys VALUES ($1, $2)").bind(name);
        key.bind(text.expose_secret()).execute(&mut *transaction).await?;
    }
    let row = sqlx::query("INSERT INTO backup VALUES ($1, $2)").bind(backup.made_at.as_unix_seconds());
    row.bind(&backup.made_by).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Makes a new database of a backup, which messages name `from`, with the schema of this version, and returns
/// the other contents. With `end_sessions`, all its sessions have ended at that time, and no access token is left.
///
/// # Errors
/// See [`BackupError`]. The caller deletes what is there then.
pub async fn restore(
    source: &mut dyn io::Read,
    from: &Path,
    to: &Path,
    end_sessions: Option<Timestamp>,
) -> Result<Backup, BackupError> {
    let mut target = create(to)?;
    io::copy(source, &mut target).map_err(BackupError::file(to))?;
    drop(target);

    let to = to.canonicalize().map_err(BackupError::file(to))?;
    let mut copied = connect(&to).await.map_err(BackupError::at(from))?;
    let backup = take(&mut copied, from).await?;
    copied.close().await.map_err(BackupError::at(&to))?;

    let store = Store::open(&Location::Sqlite(to.clone())).await.map_err(|error| match error {
        OpenError::Newer { found, known, .. } => {
            OpenError::Newer { database: from.display().to_string(), found, known }
        }
        error => error,
    })?;
    let ended = match end_sessions {
        Some(at) => store.end_all_sessions(at).await,
        None => Ok(()),
    };
    store.close().await;
    ended.map_err(|error| BackupError::Failed { path: to.clone(), reason: error.0 })?;
    sync(&to).map_err(BackupError::file(&to))?;
    Ok(backup)
}

/// Checks a copy of the backup, and takes out of it what is not the lab's database.
async fn take(copied: &mut SqliteConnection, from: &Path) -> Result<Backup, BackupError> {
    let failed = |error| BackupError::of(from, &error);
    if !has_tables(copied, &["backup", "backup_keys", "_sqlx_migrations", "accounts"])
        .await
        .map_err(failed)?
    {
        return Err(BackupError::NoBackup { path: from.to_owned() });
    }
    let found: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *copied).await.map_err(failed)?;
    let strays = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *copied).await.map_err(failed)?;
    if found != "ok" || !strays.is_empty() {
        return Err(BackupError::Damaged { path: from.to_owned() });
    }
    let row: Option<(i64, String)> = sqlx::query_as("SELECT made_at, made_by FROM backup")
        .fetch_optional(&mut *copied)
        .await
        .map_err(failed)?;
    let (made_at, made_by) = row.ok_or_else(|| BackupError::NoBackup { path: from.to_owned() })?;
    let keys: Vec<(String, String)> = sqlx::query_as("SELECT name, content FROM backup_keys")
        .fetch_all(&mut *copied)
        .await
        .map_err(failed)?;
    // No key stays behind in a page that is free.
    let tables = "PRAGMA secure_delete = ON; DROP TABLE backup_keys; DROP TABLE backup";
    sqlx::raw_sql(tables).execute(copied).await.map_err(failed)?;
    let made_at = Timestamp::from_unix_seconds(made_at);
    Ok(Backup { made_at, made_by, keys: keys.into_iter().map(|(name, text)| (name, text.into())).collect() })
}

impl Store {
    /// Ends every session that has not ended, and deletes the access tokens: some may have been revoked since.
    async fn end_all_sessions(&self, at: Timestamp) -> Result<(), StoreError> {
        const END_ALL: Sql = end_sessions!("TRUE");
        let mut writer = self.writer().await?;
        writer.execute(Statement::new("DELETE FROM access_tokens")).await?;
        writer.execute(Statement::new(END_ALL).bind(at)).await.map(drop)
    }
}

/// Opens a file as it is: the schema is not brought up to date.
pub(crate) async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(PATIENCE);
    SqliteConnection::connect_with(&options.synchronous(SqliteSynchronous::Full)).await
}

async fn has_tables(connection: &mut SqliteConnection, tables: &[&str]) -> Result<bool, sqlx::Error> {
    let there: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .fetch_all(connection)
        .await?;
    Ok(tables.iter().all(|table| there.iter().any(|name| name == table)))
}

/// Creates a file, which must not be there, for its owner alone.
fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists { path: path.to_owned() },
        _ => BackupError::file(path)(error),
    })
}

/// Makes a file and its name outlast a power cut.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// A file that is deleted unless it is finished.
struct Unfinished<'a>(&'a Path);

impl Unfinished<'_> {
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0);
    }
}

/// The reason that a backup was not made, or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something under that name, which is never overwritten.
    #[error("{path} exists: name a new file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("there is no room for {path}: free some, or name a place elsewhere")]
    NoRoom {
        /// The file that was being written.
        path: PathBuf,
    },
    /// The file cannot be created, read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The database is not that of a lab.
    #[error("{path} is not the database of a lab")]
    NoLab {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a backup, or making it was interrupted.
    #[error("{path} is not a backup by labgate backup, or was not finished")]
    NoBackup {
        /// The file.
        path: PathBuf,
    },
    /// The backup has changed since it was made.
    #[error("the backup {path} is damaged: use another one")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The database of the backup cannot be used, such as that of a newer version.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// SQLite failed.
    #[error("{path} cannot be used: {reason}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// The message of SQLite.
        reason: String,
    },
}

impl BackupError {
    fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoRoom { path: path.to_owned() }
            }
            _ => Self::File { path: path.to_owned(), source },
        }
    }

    fn at(path: &Path) -> impl Fn(sqlx::Error) -> Self {
        |error| Self::of(path, &error)
    }

    /// Tells the results of SQLite apart (<https://sqlite.org/rescode.html>).
    fn of(path: &Path, error: &sqlx::Error) -> Self {
        const CORRUPT: i32 = 11;
        const FULL: i32 = 13;
        const NOT_A_DATABASE: i32 = 26;
        let path = path.to_owned();
        match error {
            error if has_code(error, CORRUPT) => Self::Damaged { path },
            error if has_code(error, FULL) => Self::NoRoom { path },
            error if has_code(error, NOT_A_DATABASE) => Self::NoBackup { path },
            error => Self::Failed { path, reason: error.to_string() },
        }
    }
}
