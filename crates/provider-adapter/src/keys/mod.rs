//! The keys that a provider signs with (RFC 7517).

mod algorithm;
mod key;

use std::collections::BTreeSet;
use std::sync::Arc;

use labgate_domain::ForeignText;
use serde_json::Value;

pub(crate) use self::algorithm::Algorithm;
pub(crate) use self::key::Key;
use crate::ensure::ensure;
use crate::json;

/// The usable keys of a JWK set.
pub(crate) struct KeySet(Vec<Arc<Key>>);

/// The reason that a key set cannot be used. The text reads after the set's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnfitKeySet {
    /// The answer is no key set, or an empty one.
    #[error("{0}")]
    Answer(String),
    /// There are keys, but none that a token could be verified with.
    #[error("has no key that can be used: {reasons}; accepted are keys for {}", Algorithm::list(&Algorithm::among(&[])))]
    Keys {
        /// The reasons, each once.
        reasons: String,
    },
}

impl KeySet {
    /// A larger set is refused: no provider has a tenth of that.
    const MAX_KEYS: usize = 100;

    /// The most reasons that a message tells.
    const SHOWN_REASONS: usize = 5;

    /// Reads a JWK set (RFC 7517 section 5). A key that cannot be used is skipped, but there must be others.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, UnfitKeySet> {
        let unfit = |text: &str| UnfitKeySet::Answer(text.to_owned());
        let mut set =
            json::object(bytes).ok_or_else(|| unfit("answers with something else than one JSON object"))?;
        let Some(Value::Array(keys)) = set.remove("keys") else {
            return Err(unfit("answers without a list of keys"));
        };
        if keys.len() > Self::MAX_KEYS {
            return Err(UnfitKeySet::Answer(format!("has more than {} keys", Self::MAX_KEYS)));
        }
        ensure(!keys.is_empty(), unfit("has no keys"))?;
        let mut reasons = BTreeSet::new();
        let mut usable = Vec::with_capacity(keys.len());
        for key in keys {
            let kid = key.get("kid").and_then(Value::as_str).map(ForeignText::new);
            match Key::parse(key) {
                Ok(key) => usable.push(Arc::new(key)),
                Err(reason) => {
                    tracing::debug!(?kid, reason, "a key of the provider is skipped");
                    reasons.insert(reason);
                }
            }
        }
        if usable.is_empty() {
            let shown: Vec<String> = reasons.into_iter().take(Self::SHOWN_REASONS).collect();
            return Err(UnfitKeySet::Keys { reasons: shown.join(", ") });
        }
        Ok(Self(usable))
    }

    /// The algorithms that there is a key for.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = &'static Algorithm> {
        Algorithm::ALL.iter().filter(|algorithm| self.0.iter().any(|key| key.signs_with(algorithm)))
    }

    /// The keys that may have signed a token with this header, each once. Without a `kid` these are all that
    /// fit (OpenID Connect Core section 10.1).
    pub(crate) fn candidates(&self, kid: Option<&str>, algorithm: &Algorithm) -> Vec<&Arc<Key>> {
        let mut candidates: Vec<&Arc<Key>> = Vec::new();
        for key in &self.0 {
            let fits = key.signs_with(algorithm) && (kid.is_none() || key.kid.as_deref() == kid);
            if fits && !candidates.iter().any(|known| known.is_same_as(key)) {
                candidates.push(key);
            }
        }
        candidates
    }
}
