use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::text::named;

/// The key of a counter in a store: a digest, so that a store keeps neither typed names nor addresses in
/// clear.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThrottleKey {
    kind: ThrottleKind,
    digest: [u8; 32],
}

named! {
    /// The subject of a [`ThrottleKey`], under its stable name in stores. A store that bounds its memory
    /// bounds each kind apart.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum ThrottleKind {
        /// Strangers' attempts at a name from one source.
        NameFromSource = "name_from_source",
        /// Strangers' attempts at a name from all sources.
        Name = "name",
        /// Strangers' attempts from a source at all names.
        Source = "source",
        /// Unknown access tokens from a source.
        AccessToken = "access_token",
        /// The registrations of a source.
        Registration = "registration",
        /// The turns at a name, from all sources.
        Turn = "turn",
        /// The registrations of a source in a turn.
        RegistrationTurn = "registration_turn",
        /// The turns of a source, at all targets.
        TurnFromSource = "turn_from_source",
        /// The attempts of a known device.
        Device = "device",
        /// The attempts inside a session.
        Session = "session",
        /// The attempts inside all sessions of an account.
        SessionsOfAccount = "sessions_of_account",
    }
}

impl ThrottleKey {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ThrottleKind {
        self.kind
    }

    /// Returns the stable form, for stores: SHA-256 over the kind and the subject. Another kind has another
    /// digest.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    pub(super) fn new(kind: ThrottleKind, subject: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        // Each part stands behind its length, so that no name can be written such that it ends in a source.
        for part in [b"labgate throttle 2".as_slice(), kind.as_str().as_bytes()].iter().chain(subject) {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self { kind, digest: hash.finalize().into() }
    }
}

impl fmt::Debug for ThrottleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThrottleKey({})", self.kind.as_str())
    }
}
