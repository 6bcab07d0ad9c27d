//! The data directory. Servers and commands share it; a restore has it alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::start_error::StartError;

/// The folder in a data directory in which a restore works until it is done. While it is there, the directory
/// is used for nothing else.
pub(crate) const UNFINISHED_RESTORE: &str = ".unfinished-restore";

/// The file in a data directory that is locked. The directory itself would be locked by anybody who may list
/// it; this file is for those who may write there.
pub(crate) const LOCK: &str = ".lock";

/// A data directory in use, until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDirLock {
    _file: Option<File>,
}

impl DataDirLock {
    /// Creates the data directory with access for its owner only, unless it is there, and shares it with
    /// other servers and commands.
    pub(crate) fn shared(path: &Path) -> Result<Self, StartError> {
        let lock = Self::take(path, File::try_lock_shared)?;
        if fs::exists(path.join(UNFINISHED_RESTORE)).unwrap_or(true) {
            return Err(StartError::UnfinishedRestore { path: path.to_owned() });
        }
        Ok(lock)
    }

    /// The same for a restore: no server and no command works in the directory.
    pub(crate) fn exclusive(path: &Path) -> Result<Self, StartError> {
        Self::take(path, File::try_lock)
    }

    fn take(path: &Path, lock: impl FnOnce(&File) -> Result<(), TryLockError>) -> Result<Self, StartError> {
        let failed = |source| StartError::DataDir { path: path.to_owned(), source };
        create(path).map_err(failed)?;
        let file = match lock_file(path) {
            // Nothing works in a directory that nothing can be written to.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                return Ok(Self { _file: None });
            }
            opened => opened.map_err(failed)?,
        };
        match lock(&file) {
            Err(TryLockError::WouldBlock) => Err(StartError::DataDirInUse { path: path.to_owned() }),
            // Some network file systems lock nothing.
            Err(TryLockError::Error(_)) => Ok(Self { _file: None }),
            Ok(()) => Ok(Self { _file: Some(file) }),
        }
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Opens the file that is locked, and creates it if it is not there.
fn lock_file(path: &Path) -> io::Result<File> {
    let file = path.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let mut creating = options.clone();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut creating, 0o600);
    match creating.create_new(true).open(&file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !fs::symlink_metadata(&file)?.is_file() {
                return Err(io::Error::other(format!("{} is not a file", file.display())));
            }
            options.open(&file)
        }
        Ok(created) => take_after(&created, path).map(|()| created),
        failed => failed,
    }
}

/// Gives the file the owner of the directory: what an administrator makes as `root`, the service can open. A
/// group that may write to the directory may lock it.
#[cfg(unix)]
fn take_after(file: &File, directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    let (made, owner) = (file.metadata()?, fs::metadata(directory)?);
    if owner.mode() & 0o020 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o660))?;
    }
    if (made.uid(), made.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    let denied = |changed: &io::Result<()>| {
        changed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    // Only root gives files away; anyone else's stays theirs, but for the group, if they are in it.
    let given = fchown(file, Some(owner.uid()), Some(owner.gid()));
    let given = if denied(&given) { fchown(file, None, Some(owner.gid())) } else { given };
    if denied(&given) { Ok(()) } else { given }
}

#[cfg(not(unix))]
fn take_after(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}
