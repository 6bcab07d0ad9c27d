use std::time::Duration;

use labgate_domain::time::Timestamp;
use serde_json::json;

use crate::SigningKey;
use crate::verifying_key::VerifyingKey;

/// The keys of one lab: the one that signs, earlier ones that still verify what they signed, and those that
/// will sign and are published before they do.
#[derive(Clone, Debug)]
pub struct KeyRing {
    signing: SigningKey,
    /// The newest first, as the others.
    upcoming: Vec<SigningKey>,
    earlier: Vec<EarlierKey>,
}

#[derive(Clone, Debug)]
struct EarlierKey {
    key: SigningKey,
    until: Timestamp,
}

impl KeyRing {
    /// The time for which a key still verifies after another has taken its place, unless
    /// [`KeyDirectory::with_overlap`](crate::KeyDirectory::with_overlap) says otherwise. A token expires
    /// sooner, but an expired one is renewed while its session lives: with an overlap above the idle limit of
    /// sessions a rotation signs no one out.
    pub const OVERLAP: Duration = Duration::from_hours(24);

    /// Builds a ring of one key.
    #[must_use]
    pub fn new(signing: SigningKey) -> Self {
        Self { signing, upcoming: Vec::new(), earlier: Vec::new() }
    }

    /// Returns the key that signs.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// Returns the key that was made last: the one that signs, or that will after its publication.
    #[must_use]
    pub fn newest_key(&self) -> &SigningKey {
        self.upcoming.first().unwrap_or(&self.signing)
    }

    /// Lets another key sign from `now` on. The one that signed so far still verifies for [`Self::OVERLAP`].
    pub fn rotate(&mut self, new: SigningKey, now: Timestamp) {
        self.sign_with(new, now.plus(Self::OVERLAP));
        self.drop_retired(now);
    }

    /// Lets another key sign. The one that signed so far still verifies until then.
    pub(crate) fn sign_with(&mut self, new: SigningKey, until: Timestamp) {
        if new.kid() != self.signing.kid() {
            self.upcoming.retain(|upcoming| upcoming.kid() != new.kid());
            self.earlier.retain(|earlier| earlier.key.kid() != new.kid());
            let key = std::mem::replace(&mut self.signing, new);
            self.earlier.insert(0, EarlierKey { key, until });
        }
    }

    /// Publishes a key, newer than any other, that does not sign yet.
    pub(crate) fn announce(&mut self, new: SigningKey) {
        if self.find(new.kid()).is_none() {
            self.upcoming.insert(0, new);
        }
    }

    /// Drops the keys after their overlap; their tokens are refused from then on.
    pub fn drop_retired(&mut self, now: Timestamp) {
        self.earlier.retain(|earlier| now < earlier.until);
    }

    /// Returns the public halves as a JWK set (RFC 7517 section 5), the signing key's first. HS256 keys have
    /// none.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self.keys().filter_map(SigningKey::public_jwk).collect();
        json!({ "keys": keys })
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.keys().find(|key| key.kid() == kid).map(|key| &key.verifying)
    }

    pub(crate) fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(SigningKey::kid)
    }

    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.signing)
            .chain(&self.upcoming)
            .chain(self.earlier.iter().map(|earlier| &earlier.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;
    use crate::testing::{TestKey, at};

    fn fresh() -> SigningKey {
        TestKey::fresh(Algorithm::EdDsa).signing
    }

    fn kids(ring: &KeyRing) -> Vec<String> {
        ring.keys().map(|key| key.kid().to_owned()).collect()
    }

    #[test]
    fn c148_an_earlier_key_stays_for_the_overlap_and_then_leaves() {
        let (first, second, third) = (fresh(), fresh(), fresh());
        let mut ring = KeyRing::new(first.clone());
        ring.rotate(second.clone(), at(1000));
        ring.rotate(third.clone(), at(2000));
        assert_eq!(kids(&ring), [third.kid(), second.kid(), first.kid()]);

        let overlap = i64::try_from(KeyRing::OVERLAP.as_secs()).unwrap();
        ring.drop_retired(at(999 + overlap));
        assert_eq!(kids(&ring), [third.kid(), second.kid(), first.kid()]);
        ring.drop_retired(at(1000 + overlap));
        assert_eq!(kids(&ring), [third.kid(), second.kid()]);
        ring.drop_retired(at(i64::MAX));
        assert_eq!(kids(&ring), [third.kid()]);
    }

    #[test]
    fn c148_a_rotation_drops_what_is_over_by_itself() {
        let (second, third) = (fresh(), fresh());
        let mut ring = KeyRing::new(fresh());
        ring.rotate(second.clone(), at(0));
        ring.rotate(third.clone(), at(0).plus(KeyRing::OVERLAP));
        assert_eq!(kids(&ring), [third.kid(), second.kid()]);
    }

    #[test]
    fn c148_a_rotation_back_to_an_earlier_key_keeps_each_key_once() {
        let (first, second) = (fresh(), fresh());
        let mut ring = KeyRing::new(first.clone());
        ring.rotate(second.clone(), at(1000));
        ring.rotate(second.clone(), at(1001));
        assert_eq!(kids(&ring), [second.kid(), first.kid()]);
        ring.rotate(first.clone(), at(1002));
        assert_eq!(kids(&ring), [first.kid(), second.kid()]);
    }

    #[test]
    fn c148_an_announced_key_is_published_and_verifies_before_it_signs() {
        let (first, second, third) = (fresh(), fresh(), fresh());
        let mut ring = KeyRing::new(first.clone());
        for key in [&second, &third, &first, &second] {
            ring.announce(key.clone());
        }
        assert_eq!(kids(&ring), [first.kid(), third.kid(), second.kid()]);
        assert_eq!(ring.jwks()["keys"].as_array().unwrap().len(), 3);
        assert_eq!((ring.signing_key().kid(), ring.newest_key().kid()), (first.kid(), third.kid()));

        ring.rotate(second.clone(), at(1000));
        assert_eq!(kids(&ring), [second.kid(), third.kid(), first.kid()]);
        ring.rotate(third.clone(), at(1000));
        assert_eq!(kids(&ring), [third.kid(), second.kid(), first.kid()]);
        assert_eq!(ring.newest_key().kid(), third.kid());
    }

    #[test]
    fn c148_a_clock_that_is_set_back_drops_nothing() {
        let mut ring = KeyRing::new(fresh());
        ring.rotate(fresh(), at(1000));
        for now in [999, 0, -1, i64::MIN] {
            ring.drop_retired(at(now));
        }
        assert_eq!(kids(&ring).len(), 2);
    }

    #[test]
    fn c154_the_jwk_set_has_public_members_only_and_shows_the_overlap() {
        let mut ring = KeyRing::new(TestKey::of(Algorithm::Rs256).signing.clone());
        ring.rotate(TestKey::of(Algorithm::EdDsa).signing.clone(), at(1));
        ring.rotate(TestKey::of(Algorithm::Hs256).signing.clone(), at(2));
        ring.rotate(TestKey::of(Algorithm::Es256).signing.clone(), at(3));

        let jwks = ring.jwks();
        let keys = jwks["keys"].as_array().unwrap();
        let expected = [
            (Algorithm::Es256, "EC", &["alg", "crv", "kid", "kty", "use", "x", "y"][..]),
            (Algorithm::EdDsa, "OKP", &["alg", "crv", "kid", "kty", "use", "x"]),
            (Algorithm::Rs256, "RSA", &["alg", "e", "kid", "kty", "n", "use"]),
        ];
        assert_eq!(keys.len(), expected.len());
        for (key, (algorithm, kty, members)) in keys.iter().zip(expected) {
            let mut found: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, members);
            assert_eq!(key["kty"], kty);
            assert_eq!(key["alg"], algorithm.as_str());
            assert_eq!(key["use"], "sig");
            assert_eq!(key["kid"], TestKey::of(algorithm).signing.kid());
        }
        assert_eq!(keys[0]["crv"], "P-256");
        assert_eq!(keys[1]["crv"], "Ed25519");
        assert_eq!(keys[2]["e"], "AQAB");
    }

    #[test]
    fn c154_a_ring_that_signs_with_a_secret_publishes_nothing() {
        let ring = KeyRing::new(TestKey::of(Algorithm::Hs256).signing.clone());
        assert_eq!(ring.jwks(), json!({ "keys": [] }));
    }
}
