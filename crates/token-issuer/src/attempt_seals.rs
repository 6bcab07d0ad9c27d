use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use labgate_domain::sealed::{SealError, SealId, Sealed, Sealer};
use secrecy::{ExposeSecret as _, SecretString};

use crate::KeyError;
use crate::signing_key::random_text;

/// Bound into every seal, so that a seal that the same key made for another end does not open.
const PURPOSE: &[u8] = b"labgate sign-in attempt, version 1";

const NONCE_LEN: usize = 24;

/// Seals sign-in attempts by XChaCha20-Poly1305 under a random nonce: the core's [`Sealer`]. A sealed attempt
/// is nonce and ciphertext in base64url, 54 bytes plus 4/3 of what it holds.
#[derive(Debug)]
pub struct AttemptSeals {
    keys: RwLock<Arc<SealKeys>>,
}

impl AttemptSeals {
    /// Builds a sealer from these keys.
    #[must_use]
    pub fn new(keys: SealKeys) -> Self {
        Self { keys: RwLock::new(Arc::new(keys)) }
    }

    /// Replaces the keys, as after a rotation by the command line.
    pub fn replace(&self, keys: SealKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    fn keys(&self) -> Arc<SealKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sealer for AttemptSeals {
    fn seal(&self, id: SealId, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| SealError)?;
        let payload = Payload { msg: plaintext, aad: &bound_to(id) };
        let ciphertext =
            self.keys().sealing.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError)?;
        let sealed = BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &ciphertext].concat());
        Sealed::parse(&sealed).map_err(|_| SealError)
    }

    fn open(&self, id: SealId, sealed: &Sealed) -> Option<Vec<u8>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed.as_str()).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let nonce = XNonce::from(*nonce);
        let aad = bound_to(id);
        let keys = self.keys();
        std::iter::once(&keys.sealing)
            .chain(&keys.others)
            .find_map(|key| key.0.decrypt(&nonce, Payload { msg: ciphertext, aad: &aad }).ok())
    }
}

fn bound_to(id: SealId) -> Vec<u8> {
    [PURPOSE, id.as_bytes()].concat()
}

/// The keys of [`AttemptSeals`]: one seals; those before it and after it only open.
#[derive(Clone, Debug)]
pub struct SealKeys {
    sealing: SealKey,
    others: Vec<SealKey>,
}

impl SealKeys {
    /// Generates one key, for a lab that keeps none: its attempts do not outlive the process.
    ///
    /// # Errors
    /// [`KeyError::Cryptography`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::new(SealKey::from_text(&random_text()?)?, Vec::new()))
    }

    pub(crate) fn new(sealing: SealKey, others: Vec<SealKey>) -> Self {
        Self { sealing, others }
    }
}

/// A key of 32 bytes.
#[derive(Clone)]
pub(crate) struct SealKey(XChaCha20Poly1305);

impl SealKey {
    /// Reads a key that [`random_text`] made.
    pub(crate) fn from_text(text: &SecretString) -> Result<Self, KeyError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.expose_secret()).map_err(|_| KeyError::NotASealKey)?;
        XChaCha20Poly1305::new_from_slice(&bytes).map(Self).map_err(|_| KeyError::NotASealKey)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest;

    use super::*;

    fn key() -> SealKey {
        SealKey::from_text(&random_text().unwrap()).unwrap()
    }

    fn id(number: u8) -> SealId {
        SealId::parse(&BASE64_URL_SAFE_NO_PAD.encode([number; 16])).unwrap()
    }

    fn seals() -> AttemptSeals {
        AttemptSeals::new(SealKeys::generate().unwrap())
    }

    #[test]
    fn a_seal_opens_under_its_id_and_no_other() {
        let seals = seals();
        for plaintext in [&b""[..], b"x", b"{\"state\":\"s\"}", &[0; 2000]] {
            let sealed = seals.seal(id(1), plaintext).unwrap();
            assert_eq!(seals.open(id(1), &sealed).as_deref(), Some(plaintext));
            assert_eq!(seals.open(id(2), &sealed), None);
        }
    }

    #[test]
    fn a_seal_of_another_key_does_not_open() {
        let sealed = seals().seal(id(1), b"attempt").unwrap();
        assert_eq!(seals().open(id(1), &sealed), None);
    }

    #[test]
    fn a_seal_for_another_end_does_not_open() {
        let key = key();
        let nonce = [7; NONCE_LEN];
        for aad in [&b""[..], id(1).as_bytes(), PURPOSE] {
            let payload = Payload { msg: b"attempt", aad };
            let other = key.0.encrypt(&XNonce::from(nonce), payload).unwrap();
            let sealed = BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &other].concat());
            let seals = AttemptSeals::new(SealKeys::new(key.clone(), vec![]));
            assert_eq!(seals.open(id(1), &Sealed::parse(&sealed).unwrap()), None);
        }
    }

    #[test]
    fn two_seals_of_one_attempt_differ() {
        let seals = seals();
        assert_ne!(seals.seal(id(1), b"attempt").unwrap(), seals.seal(id(1), b"attempt").unwrap());
    }

    #[test]
    fn c148_after_a_rotation_the_new_key_seals_and_the_one_before_opens() {
        let (first, second, third) = (key(), key(), key());
        let seals = AttemptSeals::new(SealKeys::new(first.clone(), vec![]));
        let by_first = seals.seal(id(1), b"attempt").unwrap();

        seals.replace(SealKeys::new(second.clone(), vec![first.clone()]));
        let by_second = seals.seal(id(1), b"attempt").unwrap();
        assert!(seals.open(id(1), &by_first).is_some());
        assert!(seals.open(id(1), &by_second).is_some());
        assert!(AttemptSeals::new(SealKeys::new(first, vec![])).open(id(1), &by_second).is_none());

        seals.replace(SealKeys::new(third, vec![second]));
        assert!(seals.open(id(1), &by_first).is_none());
        assert!(seals.open(id(1), &by_second).is_some());
    }

    #[test]
    fn a_seal_changed_anywhere_or_cut_does_not_open() {
        let seals = seals();
        let sealed = seals.seal(id(1), b"attempt").unwrap();
        let text = sealed.as_str();
        for position in 0..text.len() {
            for other in ["A", "Z", "_", "9"] {
                let changed = format!("{}{other}{}", &text[..position], &text[position + 1..]);
                if changed != text {
                    assert_eq!(seals.open(id(1), &Sealed::parse(&changed).unwrap()), None);
                }
            }
            if let Ok(cut) = Sealed::parse(&text[..position]) {
                assert_eq!(seals.open(id(1), &cut), None);
            }
        }
    }

    #[test]
    fn garbage_does_not_open_and_never_panics() {
        let seals = seals();
        for len in (1..120).chain([1000, 3799, Sealed::MAX_LEN]) {
            let noise = digest::digest(&digest::SHA256, format!("{len}").as_bytes());
            let garbage = BASE64_URL_SAFE_NO_PAD.encode(noise.as_ref().repeat(100));
            assert_eq!(seals.open(id(1), &Sealed::parse(&garbage[..len]).unwrap()), None);
        }
    }

    #[test]
    fn an_attempt_that_no_cookie_holds_is_not_sealed() {
        let seals = seals();
        let most = Sealed::MAX_LEN * 3 / 4 - NONCE_LEN - 16;
        assert_eq!(seals.seal(id(1), &vec![0; most]).unwrap().as_str().len(), Sealed::MAX_LEN);
        assert_eq!(seals.seal(id(1), &vec![0; most + 1]), Err(SealError));
    }

    #[test]
    fn c153_a_malformed_sealing_key_is_refused() {
        let good = random_text().unwrap();
        let good = good.expose_secret();
        for bad in ["", "AAAA", &good[..42], &format!("{good}AA"), &format!("{good}="), "please change"] {
            assert_eq!(SealKey::from_text(&bad.into()).unwrap_err(), KeyError::NotASealKey, "{bad}");
        }
    }
}
