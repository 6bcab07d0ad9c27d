use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::KeyError;

/// The largest size of a key file.
const MAX_LEN: u64 = 64 * 1024;

/// The reason that a key file or the directory of key files cannot be used. The texts are for the operator;
/// none holds key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It does not exist, is not readable, or is not text.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It could not be made, locked or deleted.
    #[error("{path} cannot be written: {source}")]
    Unwritable {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A key file is open to every user of the machine.
    #[error(
        "{path} is open to everybody (mode {mode:04o}): `chmod o= {path}` closes it; if others could read or change it, \
         rotate the keys and delete it"
    )]
    Exposed {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory is open to every user of the machine.
    #[error(
        "the directory {path} is open to everybody (mode {mode:04o}): `chmod o= {path}` closes it; if others could put keys \
         into it, delete those in it: starting labgate makes new ones"
    )]
    ExposedDirectory {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no usable key.
    #[error("{path} holds no usable key: {source}")]
    Unusable {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: KeyError,
    },
    /// The name of the file is not that of the key in it.
    #[error("{path} is not named like the key in it; restore its name, or move it elsewhere")]
    Misnamed {
        /// The file or directory.
        path: PathBuf,
    },
    /// There is no key to sign or to seal with.
    #[error("{path} lacks a key to sign or to seal with; starting labgate makes one")]
    Incomplete {
        /// The directory.
        path: PathBuf,
    },
    /// A new key could not be made.
    #[error("no new key can be made: {0}")]
    Generation(#[from] KeyError),
}

/// Reads the text of a key file, without the line end, if only its owner has access to it.
pub(crate) fn read(path: &Path) -> Result<SecretString, KeyFileError> {
    let unreadable = |source| KeyFileError::Unreadable { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    // The permissions of the opened file: the name may stand for another one by now.
    refuse_if_exposed(path, &file.metadata().map_err(unreadable)?)?;

    let mut text = String::new();
    file.take(MAX_LEN).read_to_string(&mut text).map_err(unreadable)?;
    text.truncate(text.trim_end().len());
    Ok(text.into())
}

/// Writes a key file that only its owner has access to, whole or not at all.
pub(crate) fn write(directory: &Path, name: &str, text: &SecretString) -> Result<(), KeyFileError> {
    let path = directory.join(name);
    let unfinished = directory.join(format!("{UNFINISHED}{name}"));
    let written = || {
        let mut file = owner_only().write(true).create_new(true).open(&unfinished)?;
        writeln!(file, "{}", text.expose_secret().trim_end())?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        sync_directory(directory)
    };
    written().map_err(|source| KeyFileError::Unwritable { path: path.clone(), source })
}

/// The prefix of the names of files that are not yet written whole.
pub(crate) const UNFINISHED: &str = ".unfinished-";

pub(crate) fn delete(path: &Path) -> Result<(), KeyFileError> {
    fs::remove_file(path).map_err(|source| KeyFileError::Unwritable { path: path.to_owned(), source })
}

pub(crate) fn rename(directory: &Path, from: &str, to: &str) -> Result<(), KeyFileError> {
    let path = directory.join(from);
    let renamed = fs::rename(&path, directory.join(to)).and_then(|()| sync_directory(directory));
    renamed.map_err(|source| KeyFileError::Unwritable { path, source })
}

/// Makes a directory that only its owner has access to, unless it is there; then it must be such a one.
pub(crate) fn create_directory(path: &Path) -> Result<(), KeyFileError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| KeyFileError::Unwritable { path: path.to_owned(), source })?;
    refuse_exposed_directory(path)
}

/// Refuses a directory that others can enter, and so read the keys' names, or write to, and so add keys of
/// their own.
pub(crate) fn refuse_exposed_directory(path: &Path) -> Result<(), KeyFileError> {
    let metadata =
        fs::metadata(path).map_err(|source| KeyFileError::Unreadable { path: path.to_owned(), source })?;
    refuse_if_exposed(path, &metadata)
}

/// Opens the file that processes lock while they work in the directory.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    owner_only().read(true).write(true).create(true).truncate(false).open(path)
}

fn owner_only() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn refuse_if_exposed(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    let path = path.to_owned();
    // The group may: volumes of containers are mounted open to a group made for that, and their files with
    // them.
    match mode & 0o007 {
        0 => Ok(()),
        _ if metadata.is_dir() => Err(KeyFileError::ExposedDirectory { path, mode }),
        _ => Err(KeyFileError::Exposed { path, mode }),
    }
}

#[cfg(not(unix))]
fn refuse_if_exposed(_: &Path, _: &fs::Metadata) -> Result<(), KeyFileError> {
    Ok(())
}

/// Makes the renaming last through a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn file(text: &str) -> (TempDir, PathBuf) {
        let home = TempDir::new().unwrap();
        write(home.path(), "own.pem", &text.into()).unwrap();
        let path = home.path().join("own.pem");
        (home, path)
    }

    #[test]
    fn a_key_file_is_written_whole_or_not_at_all() {
        let (home, path) = file("first");
        // The unfinished file of a writer that crashed is in the way: nothing is overwritten.
        fs::write(home.path().join(format!("{UNFINISHED}own.pem")), "half").unwrap();
        let refused = write(home.path(), "own.pem", &"second".into()).unwrap_err();
        assert!(matches!(refused, KeyFileError::Unwritable { .. }));
        assert_eq!(fs::read_to_string(path).unwrap(), "first\n");
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let (_home, path) = file(&"A".repeat(1_000_000));
        assert_eq!(read(&path).unwrap().expose_secret().len(), usize::try_from(MAX_LEN).unwrap());
    }
}
