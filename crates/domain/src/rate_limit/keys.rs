use std::fmt;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use crate::ports::{LoginTarget, Source};
use crate::text::named;

/// The key of a counter or a known source in a store: a digest, so that a store keeps neither typed names nor
/// addresses in clear.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThrottleKey {
    kind: ThrottleKind,
    digest: [u8; 32],
}

named! {
    /// The subject of a [`ThrottleKey`], under its stable name in stores. A store that bounds its memory
    /// bounds each kind apart: then a flood of invented names displaces no account.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum ThrottleKind {
        /// The attempts at an account from one source.
        AccountFromSource = "account_from_source",
        /// The attempts at an unknown name from one source.
        NameFromSource = "name_from_source",
        /// The attempts at an account from all sources.
        Account = "account",
        /// The attempts at an unknown name from all sources.
        Name = "name",
        /// The attempts of a source at all targets.
        Source = "source",
        /// The registrations of a source.
        Registration = "registration",
        /// A source that the account's person signed in from. It is no counter.
        KnownSource = "known_source",
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

    pub(super) fn new(kind: ThrottleKind, target: Option<&LoginTarget>, source: Option<Source>) -> Self {
        let target = match target {
            Some(LoginTarget::Account(id)) => id.to_string(),
            Some(LoginTarget::UnknownName(name)) => name.clone(),
            Some(LoginTarget::Registration) | None => String::new(),
        };
        let source = match source.map(Source::address) {
            Some(IpAddr::V4(address)) => address.octets().to_vec(),
            Some(IpAddr::V6(address)) => address.octets().to_vec(),
            None => Vec::new(),
        };
        let mut hash = Sha256::new();
        // Each part stands behind its length, so that no name can be written such that it ends in a source.
        for part in [b"labgate throttle 1".as_slice(), kind.as_str().as_bytes(), target.as_bytes(), &source] {
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
