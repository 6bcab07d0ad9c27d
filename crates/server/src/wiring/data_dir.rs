//! The data directory. Servers and commands share it; a restore has it alone.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::Path;

use super::start_error::StartError;

/// The folder in a data directory in which a restore works until it is done. While it is there, the directory
/// is used for nothing else.
pub(crate) const UNFINISHED_RESTORE: &str = ".unfinished-restore";

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
        // Elsewhere than on unix a directory is no file that can be locked.
        if !cfg!(unix) {
            return Ok(Self { _file: None });
        }
        let directory = File::open(path).map_err(failed)?;
        match lock(&directory) {
            Err(TryLockError::WouldBlock) => Err(StartError::DataDirInUse { path: path.to_owned() }),
            // Some network file systems lock no directories.
            Err(TryLockError::Error(_)) => Ok(Self { _file: None }),
            Ok(()) => Ok(Self { _file: Some(directory) }),
        }
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}
