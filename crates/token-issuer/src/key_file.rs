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
        take_after_neighbours(&file, directory)?;
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
    let unwritable = |source| KeyFileError::Unwritable { path: path.to_owned(), source };
    let is_new = !path.exists();
    builder.create(path).map_err(unwritable)?;
    if is_new {
        take_after_parent(path).map_err(unwritable)?;
    }
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
    match owner_only().read(true).write(true).create_new(true).open(path) {
        Ok(file) => {
            if let Some(directory) = path.parent() {
                take_after_neighbours(&file, directory)?;
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            owner_only().read(true).write(true).open(path)
        }
        Err(error) => Err(error),
    }
}

/// Gives a file that was just made the owner, the group and the rights of the key files beside it, or the
/// owner and the group of the directory: what an administrator makes as `root`, the service can read.
#[cfg(unix)]
fn take_after_neighbours(file: &File, directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let mut names: Vec<PathBuf> = names.collect::<io::Result<_>>()?;
    names.sort();
    let is_key = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ["session-", "seal-"].iter().any(|ours| name.starts_with(ours))
    };
    // Not the target of a link, which can be anywhere.
    let key =
        names.iter().rev().find(is_key).map(fs::symlink_metadata).transpose()?.filter(fs::Metadata::is_file);
    match key {
        // Never open to everybody, and always to the owner.
        Some(key) => take_after(file, &key, Some(key.permissions().mode() & 0o660 | 0o600)),
        None => take_after(file, &fs::metadata(directory)?, None),
    }
}

#[cfg(unix)]
fn take_after(file: &File, other: &fs::Metadata, mode: Option<u32>) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    let created = file.metadata()?;
    if (created.uid(), created.gid()) != (other.uid(), other.gid()) {
        match fchown(file, Some(other.uid()), Some(other.gid())) {
            // Only root gives files away; what anyone else makes is theirs, as on a volume that a group shares.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            changed => changed?,
        }
    }
    mode.map_or(Ok(()), |mode| file.set_permissions(fs::Permissions::from_mode(mode)))
}

/// Gives a directory that was just made the owner and the group of the one around it.
#[cfg(unix)]
fn take_after_parent(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, lchown};

    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (made, parent) = (fs::symlink_metadata(path)?, fs::metadata(parent)?);
    if (made.uid(), made.gid()) == (parent.uid(), parent.gid()) {
        return Ok(());
    }
    // Not through a link that was put there since.
    match lchown(path, Some(parent.uid()), Some(parent.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        changed => changed,
    }
}

#[cfg(not(unix))]
fn take_after_parent(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn take_after_neighbours(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
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

    #[cfg(unix)]
    #[test]
    fn f10_a_new_key_has_the_owner_and_the_rights_of_its_neighbours() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

        let home = TempDir::new().unwrap();
        let keys = home.path().join("keys");
        // Only root can give files away; for others the rights are tested, and that nothing fails.
        let is_root = fs::metadata(home.path()).unwrap().uid() == 0;
        if is_root {
            chown(home.path(), Some(12345), Some(23456)).unwrap();
        }
        create_directory(&keys).unwrap();
        drop(open_lock(&keys.join(".lock")).unwrap());
        write(&keys, "seal-1.key", &"first".into()).unwrap();
        let about = |name: &str| {
            let about = fs::metadata(keys.join(name)).unwrap();
            (about.mode() & 0o777, (about.uid(), about.gid()))
        };
        let parent = fs::metadata(home.path()).unwrap();
        let owner = (parent.uid(), parent.gid());
        assert_eq!(
            [about(""), about(".lock"), about("seal-1.key")],
            [(0o700, owner), (0o600, owner), (0o600, owner)]
        );

        // A volume that a group shares belongs to root, and the keys to the service.
        for (mode, expected) in [(0o640, 0o640), (0o660, 0o660), (0o604, 0o600), (0o400, 0o600)] {
            fs::set_permissions(keys.join("seal-1.key"), fs::Permissions::from_mode(mode)).unwrap();
            if is_root {
                chown(&keys, Some(0), Some(23456)).unwrap();
            }
            write(&keys, "seal-0.key", &"second".into()).unwrap();
            assert_eq!(about("seal-0.key"), (expected, owner), "{mode:o}");
        }
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let (_home, path) = file(&"A".repeat(1_000_000));
        assert_eq!(read(&path).unwrap().expose_secret().len(), usize::try_from(MAX_LEN).unwrap());
    }
}
