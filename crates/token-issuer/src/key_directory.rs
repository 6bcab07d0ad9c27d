use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use labgate_domain::time::Timestamp;

use crate::attempt_seals::{SealKey, SealKeys};
use crate::key_file::{self, KeyFileError};
use crate::key_file_name::KeyFileName;
use crate::signing_key::generate_text;
use crate::{Algorithm, KeyRing, SigningKey};

/// The keys of a lab in files, one a key, which only their owner has access to.
///
/// A file's name says when the key was made, in seconds since 1970, and what it is for; the newest signs or seals:
///
/// | name | content |
/// | --- | --- |
/// | `session-1792080000-ES256-<kid>.pem` | a private key in PKCS#8 PEM |
/// | `session-1792080000-HS256-<kid>.secret` | a secret |
/// | `seal-1792080000.key` | a sealing key, 32 bytes in base64url |
///
/// Deleting a file withdraws its key at once for whoever reads the directory again; that is what to do with a key that
/// leaked, after a rotation. Any number of processes may use one directory at the same time.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    algorithm: Algorithm,
}

/// What is in a [`KeyDirectory`].
#[derive(Clone, Debug)]
pub struct Keys {
    /// For [`SessionTokens`](crate::SessionTokens).
    pub ring: KeyRing,
    /// For [`AttemptSeals`](crate::AttemptSeals).
    pub seals: SealKeys,
}

impl KeyDirectory {
    /// The directory at this path, where new keys are for this algorithm. Touches nothing yet.
    #[must_use]
    pub fn new(path: &Path, algorithm: Algorithm) -> Self {
        Self { path: path.to_owned(), algorithm }
    }

    /// What a server does when it starts: makes the directory and the keys that are not there, also when the newest key
    /// is for another algorithm; deletes those whose overlap is over; reads the rest. Of several processes that start at
    /// once, one makes the keys and the others find them.
    ///
    /// # Errors
    /// When a key cannot be made, or one that is there cannot be used or is open to others; each names the file.
    pub fn open_or_create(&self, now: Timestamp) -> Result<Keys, KeyFileError> {
        self.update(now, |found, algorithm| Lacking {
            session_key: found.session_keys.last().is_none_or(|(_, key)| key.algorithm() != algorithm),
            seal_key: found.seal_keys.is_empty(),
        })
    }

    /// Makes new keys, which sign and seal from now on. Earlier keys verify for [`KeyRing::OVERLAP`], and the one
    /// sealing key before still opens.
    ///
    /// # Errors
    /// As [`Self::open_or_create`].
    pub fn rotate(&self, now: Timestamp) -> Result<Keys, KeyFileError> {
        self.update(now, |_, _| Lacking { session_key: true, seal_key: true })
    }

    /// Reads the keys again and changes nothing: how a running server learns of a rotation.
    ///
    /// # Errors
    /// As [`Self::open_or_create`]. The caller goes on with the keys that it has.
    pub fn read(&self, now: Timestamp) -> Result<Keys, KeyFileError> {
        let _lock = self.lock(File::lock_shared)?;
        self.find()?.into_keys(&self.path, now)
    }

    fn update(
        &self,
        now: Timestamp,
        lacking: impl FnOnce(&Found, Algorithm) -> Lacking,
    ) -> Result<Keys, KeyFileError> {
        key_file::create_directory(&self.path)?;
        let _lock = self.lock(File::lock)?;
        self.delete_unfinished()?;
        let mut found = self.find()?;
        let lacking = lacking(&found, self.algorithm);
        let created = found.next_creation(now);
        if lacking.session_key {
            found.session_keys.push(self.add_session_key(created)?);
        }
        if lacking.seal_key {
            found.seal_keys.push(self.add_seal_key(created)?);
        }
        for name in found.take_retired(now) {
            key_file::delete(&self.path.join(name.to_string()))?;
        }
        found.into_keys(&self.path, now)
    }

    /// Held until dropped. Readers share it; whoever changes something is alone.
    fn lock(&self, lock: impl FnOnce(&File) -> io::Result<()>) -> Result<File, KeyFileError> {
        let path = self.path.join(".lock");
        let locked = key_file::open_lock(&path).and_then(|file| lock(&file).map(|()| file));
        locked.map_err(|source| KeyFileError::Unwritable { path, source })
    }

    /// Reads every key file.
    fn find(&self) -> Result<Found, KeyFileError> {
        let mut names = Vec::new();
        for file in self.files()? {
            if ["session-", "seal-"].iter().any(|ours| file.starts_with(ours)) {
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
            match &name {
                KeyFileName::Session { algorithm, kid, .. } => {
                    let key = SigningKey::from_text(&text, *algorithm).map_err(unusable)?;
                    if key.kid() != kid {
                        return Err(KeyFileError::Misnamed { path });
                    }
                    found.session_keys.push((name, key));
                }
                KeyFileName::Seal { .. } => {
                    found.seal_keys.push((name, SealKey::from_text(&text).map_err(unusable)?));
                }
            }
        }
        Ok(found)
    }

    fn add_session_key(&self, created: Timestamp) -> Result<(KeyFileName, SigningKey), KeyFileError> {
        let text = generate_text(self.algorithm)?;
        let key = SigningKey::from_text(&text, self.algorithm)?;
        let kid = key.kid().to_owned();
        let name = KeyFileName::Session { created, algorithm: self.algorithm, kid };
        key_file::write(&self.path, &name.to_string(), &text)?;
        Ok((name, key))
    }

    fn add_seal_key(&self, created: Timestamp) -> Result<(KeyFileName, SealKey), KeyFileError> {
        let text = SealKey::generate_text()?;
        let key = SealKey::from_text(&text)?;
        let name = KeyFileName::Seal { created };
        key_file::write(&self.path, &name.to_string(), &text)?;
        Ok((name, key))
    }

    /// Clears away what a crash left behind. Whoever holds the lock alone knows that nobody is still writing it.
    fn delete_unfinished(&self) -> Result<(), KeyFileError> {
        let files = self.files()?;
        files
            .iter()
            .filter(|file| file.starts_with(key_file::UNFINISHED))
            .try_for_each(|file| key_file::delete(&self.path.join(file)))
    }

    fn files(&self) -> Result<Vec<String>, KeyFileError> {
        let unreadable = |source| KeyFileError::Unreadable { path: self.path.clone(), source };
        let entries = fs::read_dir(&self.path).map_err(unreadable)?;
        entries
            .map(|entry| {
                entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(unreadable)
            })
            .collect()
    }
}

/// Which new keys are wanted.
struct Lacking {
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
    /// When to say that a key made now was made: later than any other, even where the clock was set back.
    fn next_creation(&self, now: Timestamp) -> Timestamp {
        let names =
            self.session_keys.iter().map(|(name, _)| name).chain(self.seal_keys.iter().map(|(name, _)| name));
        let newest = names.map(KeyFileName::created).max();
        newest.map_or(now, |newest| now.max(newest.plus(Duration::from_secs(1))))
    }

    /// Takes out the keys that are of no more use, and says which.
    fn take_retired(&mut self, now: Timestamp) -> Vec<KeyFileName> {
        // A key was retired when the next one was made.
        let retired_sessions = self
            .session_keys
            .iter()
            .skip(1)
            .take_while(|(next, _)| now >= next.created().plus(KeyRing::OVERLAP))
            .count();
        let retired_seals = self.seal_keys.len().saturating_sub(2);
        let sessions = self.session_keys.drain(..retired_sessions).map(|(name, _)| name);
        let seals = self.seal_keys.drain(..retired_seals).map(|(name, _)| name);
        sessions.chain(seals).collect()
    }

    fn into_keys(self, path: &Path, now: Timestamp) -> Result<Keys, KeyFileError> {
        let incomplete = || KeyFileError::Incomplete { path: path.to_owned() };
        let mut session_keys = self.session_keys.into_iter();
        let (_, oldest) = session_keys.next().ok_or_else(incomplete)?;
        let mut ring = KeyRing::new(oldest);
        for (name, key) in session_keys {
            ring.rotate(key, name.created());
        }
        ring.drop_retired(now);

        let mut seal_keys = self.seal_keys.into_iter().rev().map(|(_, key)| key);
        let newest = seal_keys.next().ok_or_else(incomplete)?;
        Ok(Keys { ring, seals: SealKeys::new(newest, seal_keys.next()) })
    }
}

#[cfg(test)]
mod tests;
