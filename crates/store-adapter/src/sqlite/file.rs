//! The file that a database lives in.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::OpenError;

/// Held while a file is created. POSIX drops every lock that a process has on a file when the process closes
/// it once: no other thread may have opened the database before the creator has closed it. For the same
/// reason only SQLite opens a file that exists.
static CREATING: Mutex<()> = Mutex::new(());

/// One page of the smallest size, in bytes (SQLite file format section 1.3.2).
const SMALLEST_DATABASE: u64 = 512;

/// Makes sure that the file exists, and returns its absolute path: SQLite takes some relative ones
/// (`:memory:`, `file:…`) for something else.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(folder).map_err(failed)?;
    let path = folder.canonicalize().map_err(failed)?.join(name);
    create_file(&path).map_err(failed)?;

    let about = fs::metadata(&path).map_err(failed)?;
    if about.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    // SQLite would take so short a file for an empty one, and overwrite it.
    if (1..SMALLEST_DATABASE).contains(&about.len()) {
        Err(OpenError::NotADatabase { path })
    } else {
        Ok(path)
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Creates the file, if it is not there, readable by its owner alone; SQLite gives the files beside it the
/// same mode.
fn create_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    match options.write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => take_after_folder(&created?, path),
    }
}

/// Gives a file that was just made the owner and the group of its folder: what an administrator makes as
/// `root`, the service can open. SQLite gives the files beside a database its owner by itself.
#[cfg(unix)]
fn take_after_folder(file: &fs::File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    let (made, folder) = (file.metadata()?, fs::metadata(path.parent().unwrap_or(path))?);
    if (made.uid(), made.gid()) == (folder.uid(), folder.gid()) {
        return Ok(());
    }
    match fchown(file, Some(folder.uid()), Some(folder.gid())) {
        // Only root gives files away; what anyone else makes is theirs.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        changed => changed,
    }
}

#[cfg(not(unix))]
fn take_after_folder(_: &fs::File, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Refuses a database if its file, or one that SQLite keeps beside it, is open to every user of the machine:
/// a writer can be anyone in the lab, and a reader has the hashes of the passwords.
#[cfg(unix)]
pub(super) fn refuse_if_exposed(path: &Path) -> Result<(), OpenError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut part = path.as_os_str().to_owned();
        part.push(suffix);
        let part = PathBuf::from(part);
        let mode = match fs::metadata(&part) {
            Ok(about) => std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o7777,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(OpenError::File { path: part, source }),
        };
        // The group may: volumes of containers are mounted open to a group made for that, and their files
        // with them.
        if mode & 0o007 != 0 {
            return Err(OpenError::Exposed { path: part, mode });
        }
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn refuse_if_exposed(_: &Path) -> Result<(), OpenError> {
    Ok(())
}
