use labgate_token::{Algorithm, SigningKey};

use super::keys;
use super::settings::Settings;
use super::values::Readers;

/// The key that signs session tokens.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum TokenKey {
    /// A key that Labgate makes and keeps in the data directory, where it can be rotated.
    InDataDir(Algorithm),
    /// The operator's own key.
    Given(SigningKey),
}

pub(super) fn key(settings: &mut Settings) -> Option<TokenKey> {
    let algorithm = settings.value(&keys::ALGORITHM, Algorithm::parse)?;
    let (secret, secret_file) = (&keys::HS256_SECRET, &keys::HS256_SECRET_FILE);
    let set_secret = [secret, secret_file].into_iter().find(|key| settings.is_set(key));
    let pem_file = &keys::SIGNING_KEY_FILE;
    let (set, key) = match (algorithm, set_secret, settings.is_set(pem_file)) {
        (Algorithm::Hs256, _, true) => {
            return settings.refuse(pem_file, format!("is not for HS256: set {}", secret_file.path));
        }
        (Algorithm::Hs256, Some(set), false) => {
            let secret = settings.secret(secret, secret_file, Readers::OwnerAndGroup)?;
            (set, SigningKey::from_secret(&secret))
        }
        (_, Some(set), _) => {
            let algorithm = algorithm.as_str();
            let text = format!("is only for {} = HS256, and that is {algorithm}", keys::ALGORITHM.path);
            return settings.refuse(set, text);
        }
        (_, None, true) => {
            let pem = settings.secret_file(pem_file, Readers::OwnerAndGroup)?;
            (pem_file, SigningKey::from_pem(&pem, algorithm))
        }
        (_, None, false) => return Some(TokenKey::InDataDir(algorithm)),
    };
    settings.accept(set, key).map(TokenKey::Given)
}

#[cfg(test)]
mod tests;
