use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use labgate_domain::time::Timestamp;
use secrecy::SecretString;

use crate::attempt_seals::{SealKey, SealKeys};
use crate::key_file::{self, KeyFileError};
use crate::key_file_name::{KeyFileName, Purpose};
use crate::signing_key::{generate_text, random_text};
use crate::{Algorithm, KeyRing, SigningKey};

/// The keys of a lab in files, one per key, which only their owner has access to.
///
/// A file's name holds the time of creation, in seconds since 1970, and the purpose of the key:
///
/// | name | content |
/// | --- | --- |
/// | `session-1792080000-ES256-<kid>.pem` | a private key in PKCS#8 PEM |
/// | `session-1792080000-HS256-<kid>.secret` | a secret |
/// | `seal-1792080000.key` | a sealing key, 32 bytes in base64url |
///
/// A new key is published first and used later: it verifies and opens at once, and begins to sign or to seal
/// after [`Self::PUBLICATION_DELAY`], when every verifier knows it. The newest such key is the one in use; if
/// there is none, as when a lab first starts, it is the oldest. From then on the one before it verifies and
/// opens for the overlap.
///
/// All this follows from the files' names and the time, so any number of processes may share a directory.
/// Each reads it again every minute or so: that is how it learns of a key, and also how it begins to use one.
/// A process that reads it only once signs for ever with the key that it found.
///
/// Deleting a file withdraws its key at once in each process that reads the directory again. Delete a leaked
/// key so, after a rotation; if it was in use, the oldest key that is left takes its place without delay.
///
/// Keys for algorithms that this version does not know are those of a newer version, which shares the
/// directory during an update: they are passed over, and stay.
///
/// A key made while the clock was ahead waits until its time, and verifies meanwhile; it is in use only where
/// it is the oldest. The next time that a key is made here, those from the future are renamed as made now, in
/// their order, so that each begins and leaves as if it were new.
///
/// The methods wait for files and for other processes: asynchronous code calls them where it may block, such
/// as in Tokio's `spawn_blocking`.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    algorithm: Algorithm,
    overlap: Duration,
}

/// The keys in a [`KeyDirectory`].
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keys of [`SessionTokens`](crate::SessionTokens).
    pub ring: KeyRing,
    /// The keys of [`AttemptSeals`](crate::AttemptSeals).
    pub seals: SealKeys,
}

impl KeyDirectory {
    /// The time from the publication of a new key to its use. It covers that every process reads the
    /// directory again (a minute), that others may keep the published keys for a while (five minutes, as the
    /// lab tells them), and that clocks differ.
    pub const PUBLICATION_DELAY: Duration = Duration::from_mins(10);

    /// Builds the directory at this path, with an overlap of [`KeyRing::OVERLAP`]; new keys are for this
    /// algorithm. Touches nothing yet.
    #[must_use]
    pub fn new(path: &Path, algorithm: Algorithm) -> Self {
        Self { path: path.to_owned(), algorithm, overlap: KeyRing::OVERLAP }
    }

    /// Lets a key verify for so long after the next one began to sign. With an idle limit of sessions above
    /// that, a rotation signs people out. Processes that share the directory use the same overlap.
    #[must_use]
    pub fn with_overlap(self, overlap: Duration) -> Self {
        Self { overlap, ..self }
    }

    /// Prepares the keys for a server that starts: creates the directory and missing keys, also when the
    /// newest key is for another algorithm; deletes keys after their overlap; reads the rest. Of several
    /// processes that start at once, one makes the keys and the others find them.
    ///
    /// # Errors
    /// When a key cannot be made, or one that is there cannot be used or is open to others; each names the
    /// file.
    pub fn open_or_create(&self, now: Timestamp) -> Result<Keys, KeyFileError> {
        self.update(now, |found| Wanted {
            session_key: found.session_keys.last().is_none_or(|(_, key)| key.algorithm() != self.algorithm),
            seal_key: found.seal_keys.is_empty(),
        })
    }

    /// Makes new keys, which sign and seal after [`Self::PUBLICATION_DELAY`]; the new key for session tokens
    /// is [`KeyRing::newest_key`].
    ///
    /// # Errors
    /// As [`Self::open_or_create`].
    pub fn rotate(&self, now: Timestamp) -> Result<Keys, KeyFileError> {
        self.update(now, |_| Wanted { session_key: true, seal_key: true })
    }

    /// Reads the keys again and changes nothing: a running server learns of a rotation so.
    ///
    /// # Errors
    /// As [`Self::open_or_create`]. The caller goes on with the keys that it has.
    pub fn read(&self, now: Timestamp) -> Result<Keys, KeyFileError> {
        let _lock = self.lock(File::lock_shared)?;
        key_file::refuse_exposed_directory(&self.path)?;
        let mut found = self.find()?;
        found.take_retired(now, self.overlap);
        found.into_keys(self, now)
    }

    /// Returns the key files, names and texts, for a backup: their state between two changes.
    ///
    /// # Errors
    /// When there is no such directory, or a file cannot be read or is open to others.
    pub fn export(&self) -> Result<Vec<(String, SecretString)>, KeyFileError> {
        // Locking would create the file.
        fs::read_dir(&self.path)
            .map_err(|source| KeyFileError::Unreadable { path: self.path.clone(), source })?;
        let _lock = self.lock(File::lock_shared)?;
        let ours = self.files()?.into_iter().filter(|file| is_key_file(file));
        ours.map(|file| Ok((file.clone(), key_file::read(&self.path.join(&file))?))).collect()
    }

    /// Writes exported key files into a new directory.
    ///
    /// # Errors
    /// When the directory exists, a name is not that of a key file or of its key, or writing fails.
    pub fn import(&self, files: &[(String, SecretString)]) -> Result<(), KeyFileError> {
        if fs::exists(&self.path).unwrap_or(true) {
            let source = io::ErrorKind::AlreadyExists.into();
            return Err(KeyFileError::Unwritable { path: self.path.clone(), source });
        }
        key_file::create_directory(&self.path)?;
        let _lock = self.lock(File::lock)?;
        for (name, text) in files {
            // A name with a folder in it would lead elsewhere.
            if Path::new(name).file_name() != Some(name.as_ref()) || !is_key_file(name) {
                return Err(KeyFileError::Misnamed { path: self.path.join(name) });
            }
            key_file::write(&self.path, name, text)?;
        }
        self.find().map(drop)
    }

    fn update(&self, now: Timestamp, wanted: impl FnOnce(&Found) -> Wanted) -> Result<Keys, KeyFileError> {
        key_file::create_directory(&self.path)?;
        let _lock = self.lock(File::lock)?;
        // A crash left these half-written: under the exclusive lock no process is still writing them.
        for file in self.files()?.iter().filter(|file| file.starts_with(key_file::UNFINISHED)) {
            key_file::delete(&self.path.join(file))?;
        }
        let mut found = self.find()?;
        let wanted = wanted(&found);
        if wanted.session_key {
            let created = self.next_creation(&mut found.session_keys, now)?;
            found.session_keys.push(self.add_session_key(created)?);
        }
        if wanted.seal_key {
            let created = self.next_creation(&mut found.seal_keys, now)?;
            found.seal_keys.push(self.add_seal_key(created)?);
        }
        for name in found.take_retired(now, self.overlap) {
            key_file::delete(&self.path.join(name.to_string()))?;
        }
        found.into_keys(self, now)
    }

    /// Locks the directory until the file is dropped. Readers share the lock; a writer is alone.
    fn lock(&self, lock: impl FnOnce(&File) -> io::Result<()>) -> Result<File, KeyFileError> {
        let path = self.path.join(".lock");
        let locked = key_file::open_lock(&path).and_then(|file| lock(&file).map(|()| file));
        locked.map_err(|source| KeyFileError::Unwritable { path, source })
    }

    /// Reads every key file.
    fn find(&self) -> Result<Found, KeyFileError> {
        let mut names = Vec::new();
        for file in self.files()? {
            if is_key_file(&file) && !KeyFileName::is_of_newer_version(&file) {
                let misnamed = || KeyFileError::Misnamed { path: self.path.join(&file) };
                names.push(KeyFileName::parse(&file).ok_or_else(misnamed)?);
            }
        }
        names.sort_by_key(KeyFileName::sort_key);

        let mut found = Found::default();
        for name in names {
            let path = self.path.join(name.to_string());
            let text = key_file::read(&path)?;
            let unusable = |source| KeyFileError::Unusable { path: path.clone(), source };
            match &name.purpose {
                Purpose::Session { algorithm, kid } => {
                    let key = SigningKey::from_text(&text, *algorithm).map_err(unusable)?;
                    if key.kid() != kid {
                        return Err(KeyFileError::Misnamed { path });
                    }
                    found.session_keys.push((name, key));
                }
                Purpose::Seal => {
                    found.seal_keys.push((name, SealKey::from_text(&text).map_err(unusable)?));
                }
            }
        }
        Ok(found)
    }

    /// Returns the time of creation for the name of a key made now: later than any other. Keys from the
    /// future are renamed for that; a start that makes none leaves them alone, for it may be the clock of
    /// this moment that is wrong.
    fn next_creation<K>(
        &self,
        keys: &mut [(KeyFileName, K)],
        now: Timestamp,
    ) -> Result<Timestamp, KeyFileError> {
        let now = now.max(Timestamp::from_unix_seconds(0)); // no name tells an earlier time
        let mut next = now;
        for (name, _) in keys {
            if name.created > now {
                let dated = name.dated(next);
                if dated != *name {
                    key_file::rename(&self.path, &name.to_string(), &dated.to_string())?;
                    *name = dated;
                }
            }
            next = next.max(name.created.plus(Duration::from_secs(1)));
        }
        Ok(next)
    }

    fn add_session_key(&self, created: Timestamp) -> Result<(KeyFileName, SigningKey), KeyFileError> {
        let text = generate_text(self.algorithm)?;
        let key = SigningKey::from_text(&text, self.algorithm)?;
        let kid = key.kid().to_owned();
        let purpose = Purpose::Session { algorithm: self.algorithm, kid };
        let name = KeyFileName { created, purpose };
        key_file::write(&self.path, &name.to_string(), &text)?;
        Ok((name, key))
    }

    fn add_seal_key(&self, created: Timestamp) -> Result<(KeyFileName, SealKey), KeyFileError> {
        let text = random_text()?;
        let key = SealKey::from_text(&text)?;
        let name = KeyFileName { created, purpose: Purpose::Seal };
        key_file::write(&self.path, &name.to_string(), &text)?;
        Ok((name, key))
    }

    fn files(&self) -> Result<Vec<String>, KeyFileError> {
        let unreadable = |source| KeyFileError::Unreadable { path: self.path.clone(), source };
        let entries = fs::read_dir(&self.path).map_err(unreadable)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect::<io::Result<_>>().map_err(unreadable)
    }
}

/// Returns whether a file is meant for a key; it may still be misnamed.
fn is_key_file(name: &str) -> bool {
    ["session-", "seal-"].iter().any(|purpose| name.starts_with(purpose))
}

/// The new keys to make.
struct Wanted {
    session_key: bool,
    seal_key: bool,
}

/// The keys of a directory, the oldest first.
#[derive(Default)]
struct Found {
    session_keys: Vec<(KeyFileName, SigningKey)>,
    seal_keys: Vec<(KeyFileName, SealKey)>,
}

impl Found {
    /// Takes out the keys after their overlap, and returns their names.
    fn take_retired(&mut self, now: Timestamp, overlap: Duration) -> Vec<KeyFileName> {
        // A key was retired when the next one began.
        let retired_sessions = begun(&self.session_keys, now, overlap);
        let retired_seals = begun(&self.seal_keys, now, overlap);
        let sessions = self.session_keys.drain(..retired_sessions).map(|(name, _)| name);
        let seals = self.seal_keys.drain(..retired_seals).map(|(name, _)| name);
        sessions.chain(seals).collect()
    }

    fn into_keys(self, directory: &KeyDirectory, now: Timestamp) -> Result<Keys, KeyFileError> {
        let incomplete = || KeyFileError::Incomplete { path: directory.path.clone() };
        let in_use = begun(&self.session_keys, now, Duration::ZERO);
        let mut session_keys = self.session_keys.into_iter();
        let (_, oldest) = session_keys.next().ok_or_else(incomplete)?;
        let mut ring = KeyRing::new(oldest);
        for (name, key) in session_keys.by_ref().take(in_use) {
            ring.sign_with(key, begins(&name).plus(directory.overlap));
        }
        for (_, key) in session_keys {
            ring.announce(key);
        }

        let in_use = begun(&self.seal_keys, now, Duration::ZERO);
        let mut seal_keys: Vec<_> = self.seal_keys.into_iter().map(|(_, key)| key).collect();
        if seal_keys.is_empty() {
            return Err(incomplete());
        }
        let sealing = seal_keys.remove(in_use);
        Ok(Keys { ring, seals: SealKeys::new(sealing, seal_keys) })
    }
}

/// Returns the time at which a key begins to sign or to seal; the oldest does so from its beginning.
fn begins(name: &KeyFileName) -> Timestamp {
    name.created.plus(KeyDirectory::PUBLICATION_DELAY)
}

/// Counts the keys after the oldest that began at least so long ago: also the index of the last of them, or
/// of the oldest.
fn begun<K>(keys: &[(KeyFileName, K)], now: Timestamp, ago: Duration) -> usize {
    keys.iter().skip(1).take_while(|(name, _)| now >= begins(name).plus(ago)).count()
}

#[cfg(test)]
mod tests;
