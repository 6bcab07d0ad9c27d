//! The keys of a running server, which are read again while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_token::{AttemptSeals, KeyDirectory, KeyFileError, KeyRing, Keys, SessionTokens};

use crate::configuration::{Configuration, TokenKey};

/// The interval at which the keys are read again: within it a key of the command line is known, and a key
/// that is due signs. It is well below [`KeyDirectory::PUBLICATION_DELAY`], within which each replica must
/// know a new key.
pub(super) const KEYS_INTERVAL: Duration = Duration::from_mins(1);

/// The name of the key directory in the data directory.
pub(crate) const KEYS: &str = "keys";

/// Returns the key directory of this configuration.
#[must_use]
pub fn key_directory(configuration: &Configuration) -> KeyDirectory {
    key_directory_at(configuration, &key_directory_path(configuration))
}

/// The same at another path.
pub(crate) fn key_directory_at(configuration: &Configuration, path: &Path) -> KeyDirectory {
    let algorithm = match &configuration.token_key {
        TokenKey::InDataDir(algorithm) => *algorithm,
        TokenKey::Given(key) => key.algorithm(),
    };
    // A token is renewed, with the key that signed it, for as long as its session may be idle. A replica
    // starts to use the next key when it reads the directory again.
    let renewable = configuration.policy.session_idle_limit.saturating_add(KEYS_INTERVAL);
    KeyDirectory::new(path, algorithm).with_overlap(KeyRing::OVERLAP.max(renewable))
}

/// Returns the path of [`key_directory`].
#[must_use]
pub fn key_directory_path(configuration: &Configuration) -> PathBuf {
    configuration.data_dir.join(KEYS)
}

/// The keys in use, and their source.
pub(super) struct LiveKeys {
    directory: KeyDirectory,
    /// True if the directory's keys sign; false if the operator's own key does.
    signs_with_directory: bool,
    pub(super) tokens: Arc<SessionTokens>,
    pub(super) seals: Arc<AttemptSeals>,
}

impl LiveKeys {
    pub(super) fn open(configuration: &Configuration, clock: &dyn Clock) -> Result<Self, KeyFileError> {
        let directory = key_directory(configuration);
        let Keys { ring, seals } = directory.open_or_create(clock.now())?;
        let (ring, signs_with_directory) = match &configuration.token_key {
            TokenKey::InDataDir(_) => (ring, true),
            TokenKey::Given(key) => (KeyRing::new(key.clone()), false),
        };
        let lab = configuration.policy.public_url.to_string();
        let tokens = Arc::new(SessionTokens::new(ring, &lab, &lab));
        Ok(Self { directory, signs_with_directory, tokens, seals: Arc::new(AttemptSeals::new(seals)) })
    }

    /// Reads the keys again, and returns whether others than before are trusted.
    pub(super) fn read_again(&self, now: Timestamp) -> bool {
        match self.directory.read(now) {
            Ok(Keys { ring, seals }) => {
                self.seals.replace(seals);
                self.signs_with_directory && self.tokens.replace(ring)
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(error, "the keys cannot be read again; the previous ones stay in use");
                false
            }
        }
    }
}
