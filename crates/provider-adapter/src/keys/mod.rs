//! The keys that a provider signs with (RFC 7517).

mod algorithm;
mod key;

use std::sync::Arc;

use labgate_domain::ForeignText;
use serde_json::Value;

pub(crate) use self::algorithm::Algorithm;
pub(crate) use self::key::Key;
use crate::ensure::ensure;
use crate::json;

/// The usable keys of a JWK set.
pub(crate) struct KeySet(Vec<Arc<Key>>);

/// The reason for which there is not exactly one key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// None fits.
    Absent,
    /// Several fit: a key is never guessed, so that which one is tried does not depend on their order.
    Ambiguous,
}

impl KeySet {
    /// A larger set is refused: no provider has a tenth of that.
    const MAX_KEYS: usize = 100;

    /// Reads a JWK set (RFC 7517 section 5). A key that cannot be used is skipped, but there must be others.
    /// An error reads after the set's URL.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut set = json::object(bytes).ok_or("answers with something else than one JSON object")?;
        let Some(Value::Array(keys)) = set.remove("keys") else {
            return Err("answers without a list of keys".to_owned());
        };
        if keys.len() > Self::MAX_KEYS {
            return Err(format!("has more than {} keys", Self::MAX_KEYS));
        }
        let mut usable = Vec::with_capacity(keys.len());
        for key in keys {
            let kid = key.get("kid").and_then(Value::as_str).map(ForeignText::new);
            match Key::parse(key) {
                Ok(key) => usable.push(Arc::new(key)),
                Err(reason) => tracing::debug!(?kid, reason, "a key of the provider is skipped"),
            }
        }
        ensure(!usable.is_empty(), "has no usable key")?;
        Ok(Self(usable))
    }

    /// The algorithms that there is a key for.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = &'static Algorithm> {
        Algorithm::ALL.iter().filter(|algorithm| self.0.iter().any(|key| key.signs_with(algorithm)))
    }

    /// The one key for a token with this header. Without a `kid` it is the only one that fits (OpenID Connect
    /// Core section 10.1).
    pub(crate) fn select(&self, kid: Option<&str>, algorithm: &Algorithm) -> Result<&Arc<Key>, NoKey> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.signs_with(algorithm) && (kid.is_none() || key.kid.as_deref() == kid));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => Err(NoKey::Absent),
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
        }
    }
}
