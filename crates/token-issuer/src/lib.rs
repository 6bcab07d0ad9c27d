#![doc = include_str!("../README.md")]

mod algorithm;
mod attempt_seals;
mod key_directory;
mod key_error;
mod key_file;
mod key_file_name;
mod key_ring;
#[cfg(feature = "remote")]
mod remote_verifier;
mod secret;
mod session_jwt;
mod session_tokens;
mod signing_key;
#[cfg(test)]
mod testing;
mod verifier;
mod verifying_key;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use attempt_seals::{AttemptSeals, SealKeys};
pub use key_directory::{KeyDirectory, Keys};
pub use key_error::KeyError;
pub use key_file::KeyFileError;
pub use key_ring::KeyRing;
#[cfg(feature = "remote")]
pub use remote_verifier::{JwksUrlError, RemoteVerifier, RemoteVerifyError};
pub use session_tokens::SessionTokens;
pub use signing_key::SigningKey;
pub use verifier::{JwksError, Verifier, VerifyError};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ALGORITHMS, AUDIENCE, ISSUER, TestKey, at, traces};

    #[test]
    fn c190_no_debug_shows_key_material() {
        for algorithm in ALGORITHMS {
            let key = TestKey::fresh(algorithm);
            let mut ring = KeyRing::new(key.signing.clone());
            ring.rotate(TestKey::of(Algorithm::EdDsa).signing.clone(), at(1));
            let shown = format!(
                "{ring:?} {:?} {:?} {:?} {:?} {:?}",
                SessionTokens::new(ring.clone(), ISSUER, AUDIENCE),
                SigningKey::from_secret(&key.text),
                SigningKey::from_pem(&key.text, Algorithm::Hs256),
                Verifier::from_secret(&key.text, ISSUER, AUDIENCE),
                Verifier::from_jwks(&ring.jwks().to_string(), ISSUER, AUDIENCE),
            );
            for trace in traces(&key.text) {
                assert!(!shown.contains(&trace), "{algorithm:?}: {shown}");
            }
        }
    }

    #[test]
    fn c190_no_debug_and_no_error_shows_what_is_in_a_key_file() {
        let home = tempfile::TempDir::new().unwrap();
        for algorithm in ALGORITHMS {
            let directory = KeyDirectory::new(&home.path().join(algorithm.as_str()), algorithm);
            let keys = directory.open_or_create(at(1000)).unwrap();
            let shown = format!("{directory:?} {keys:?} {:?}", AttemptSeals::new(keys.seals.clone()));
            for file in std::fs::read_dir(home.path().join(algorithm.as_str())).unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                for trace in traces(&text.trim_end().into()).iter().filter(|trace| !trace.is_empty()) {
                    assert!(!shown.contains(trace), "{shown}");
                }
                if text.is_empty() {
                    continue; // the lock
                }
                let half = &text[..text.len() / 2];
                std::fs::write(&path, half).unwrap();
                let error = directory.read(at(1000)).unwrap_err();
                let shown = format!("{error} {error:?}");
                for trace in traces(&half.into()) {
                    assert!(!shown.contains(&trace), "{shown}");
                }
                std::fs::write(&path, text).unwrap();
            }
        }
    }
}
