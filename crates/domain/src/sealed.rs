//! Small secrets that only this lab can open, each bound to an id: attempts, tickets, refresh tokens.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::protocol::Malformed;
use crate::text::secret_text;
use crate::world::{Entropy, random_bytes};

/// The id of something sealed: 16 bytes, 22 characters of base64url. A seal opens under its own id only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealId([u8; 16]);

impl SealId {
    /// Derives an id from these texts: the first half of the SHA-256 of all of them in a row.
    #[must_use]
    pub(crate) fn derived(texts: &[&str]) -> Self {
        let mut id = [0; 16];
        let digest = texts.iter().fold(Sha256::new(), Sha256::chain_update);
        for (to, from) in id.iter_mut().zip(digest.finalize()) {
            *to = from;
        }
        Self(id)
    }

    /// Returns a fresh id.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_bytes(entropy))
    }

    /// Parses an id as it stands in a cookie's name.
    ///
    /// # Errors
    /// When it is not 16 bytes in base64url.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let refused = Malformed("seal id");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).map_err(|_| refused)?;
        bytes.try_into().map(Self).map_err(|_| refused)
    }

    /// Returns the id's bytes, for the store and for binding a seal to it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SealId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SealId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealId({self})")
    }
}

/// A sealed text in base64url: without the key it can neither be read nor changed.
#[derive(Clone)]
pub struct Sealed(String);

impl Sealed {
    /// The longest sealed text, in bytes: with its name it stays well under a cookie's 4096.
    pub const MAX_LEN: usize = 3800;

    /// Parses a sealed text that comes from a sealer or from a cookie.
    ///
    /// # Errors
    /// When it is longer than [`Self::MAX_LEN`] or is not base64url.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let well_formed = (1..=Self::MAX_LEN).contains(&value.len()) && value.bytes().all(allowed);
        well_formed.then(|| Self(value.to_owned())).ok_or(Malformed("sealed text"))
    }
}

secret_text!(Sealed);

/// A seal with its id, for a browser to carry as proof of one step: it can neither be read nor changed, and
/// the purpose inside keeps it from being used for another step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    id: SealId,
    sealed: Sealed,
}

impl Ticket {
    /// The time that a person has for the next step.
    pub const LIFETIME: Duration = Duration::from_mins(10);

    /// Returns the ticket as a browser carries it.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}.{}", self.id, self.sealed.as_str())
    }

    /// Returns the ticket of a seal that was kept elsewhere than in a browser.
    pub(crate) fn of(id: SealId, sealed: Sealed) -> Self {
        Self { id, sealed }
    }

    /// Returns the id under which its use is recorded.
    pub(crate) fn id(&self) -> SealId {
        self.id
    }

    /// Returns the seal.
    pub(crate) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Returns the seal, to be kept where its id is known.
    pub(crate) fn into_sealed(self) -> Sealed {
        self.sealed
    }

    /// Takes a ticket from a browser, unopened.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, sealed) = text.split_once('.')?;
        Some(Self { id: SealId::parse(id).ok()?, sealed: Sealed::parse(sealed).ok()? })
    }
}

/// Seals small secrets, so that a browser or a store can keep them and neither read nor change them.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Sealer: Send + Sync {
    /// Encrypts and authenticates `plaintext`, bound to `id`: under another id it does not open.
    ///
    /// # Errors
    /// When there is no key to seal with.
    fn seal(&self, id: SealId, plaintext: &[u8]) -> Result<Sealed, SealError>;

    /// Opens a text that was sealed under this id; `None` when this lab did not seal it, or it was changed,
    /// or has another id.
    fn open(&self, id: SealId, sealed: &Sealed) -> Option<Vec<u8>>;
}

/// Sealing failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealing failed")]
pub struct SealError;
