use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::{Algorithm, KeyError, SigningKey};

/// No key file is longer; whatever is, is not one.
const MAX_LEN: u64 = 64 * 1024;

/// Why a key file or the directory of key files cannot be used. The texts are for the operator; none holds key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It is not there, or may not be read by us, or is not text.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be made, locked or deleted.
    #[error("{path} cannot be written: {source}")]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its permissions let others at it.
    #[error(
        "{path} is open to others (mode {mode:04o}): `chmod go= {path}` closes it; if others could read it, rotate the key"
    )]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What is in it is not a key that we can use.
    #[error("{path} holds no usable key: {source}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// Its name is not one that we give, or not that of the key in it.
    #[error("{path} is not named like the key in it; restore its name, or move it elsewhere")]
    Misnamed {
        /// Which.
        path: PathBuf,
    },
    /// There is no key to sign or to seal with.
    #[error("{path} lacks a key to sign or to seal with; starting labgate makes one")]
    Incomplete {
        /// Which directory.
        path: PathBuf,
    },
    /// A new key could not be made.
    #[error("no new key can be made: {0}")]
    Generation(#[from] KeyError),
}

impl SigningKey {
    /// Reads the operator's own key: a PEM file as in [`Self::from_pem`], or for HS256 a file that holds the secret and
    /// perhaps a line end. Nobody but its owner may have access to it.
    ///
    /// # Errors
    /// When the file cannot be read, is open to others, or does not hold such a key; each names the file.
    pub fn from_file(path: &Path, algorithm: Algorithm) -> Result<Self, KeyFileError> {
        let text = read(path)?;
        Self::from_text(&text, algorithm)
            .map_err(|source| KeyFileError::Unusable { path: path.to_owned(), source })
    }
}

/// The text of a key file without the line end, if only its owner has access to it.
pub(crate) fn read(path: &Path) -> Result<SecretString, KeyFileError> {
    let unreadable = |source| KeyFileError::Unreadable { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")));
    }
    refuse_if_exposed(path, &metadata)?;

    let mut text = String::new();
    File::open(path).and_then(|file| file.take(MAX_LEN).read_to_string(&mut text)).map_err(unreadable)?;
    text.truncate(text.trim_end().len());
    Ok(text.into())
}

/// Makes a key file that only its owner has access to, whole or not at all.
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

/// How the name of a file begins that a crash left behind half-written.
pub(crate) const UNFINISHED: &str = ".unfinished-";

pub(crate) fn delete(path: &Path) -> Result<(), KeyFileError> {
    fs::remove_file(path).map_err(|source| KeyFileError::Unwritable { path: path.to_owned(), source })
}

/// Makes a directory that only its owner has access to, unless it is there; then it must be such a one.
pub(crate) fn create_directory(path: &Path) -> Result<(), KeyFileError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| KeyFileError::Unwritable { path: path.to_owned(), source })?;
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
    let for_others = mode & 0o077;
    if for_others == 0 { Ok(()) } else { Err(KeyFileError::Exposed { path: path.to_owned(), mode }) }
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
    fn the_operators_own_key_is_read_from_a_file() {
        let (_home, path) = file(include_str!("../fixtures/p256.pem"));
        assert_eq!(SigningKey::from_file(&path, Algorithm::Es256).unwrap().algorithm(), Algorithm::Es256);
        let secret = "kJ8-vQ2_xTz7LmW4rPb9cYd3NfHs6GaE";
        let (_home, path) = file(&format!("{secret}\r\n"));
        let key = SigningKey::from_file(&path, Algorithm::Hs256).unwrap();
        assert_eq!(key.kid(), SigningKey::from_secret(&secret.into()).unwrap().kid());
    }

    #[test]
    fn c153_the_operators_own_key_missing_exposed_or_of_another_type_is_named() {
        let (home, path) = file(include_str!("../fixtures/p384.pem"));
        let refused = SigningKey::from_file(&path, Algorithm::Es256).unwrap_err().to_string();
        assert!(refused.starts_with(path.to_str().unwrap()), "{refused}");
        assert!(refused.contains("ES256, which takes a P-256 private key"), "{refused}");

        let missing = home.path().join("missing.pem");
        let refused = SigningKey::from_file(&missing, Algorithm::Es256).unwrap_err();
        assert!(matches!(refused, KeyFileError::Unreadable { path, .. } if path == missing));

        #[cfg(unix)]
        {
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            fs::set_permissions(&path, open).unwrap();
            let refused = SigningKey::from_file(&path, Algorithm::Es256).unwrap_err();
            assert!(matches!(refused, KeyFileError::Exposed { mode: 0o644, .. }));
        }
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
