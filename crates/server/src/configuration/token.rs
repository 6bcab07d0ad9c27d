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
    let secret_is_set = settings.is_set(&keys::HS256_SECRET) || settings.is_set(&keys::HS256_SECRET_FILE);
    let file_is_set = settings.is_set(&keys::SIGNING_KEY_FILE);

    if algorithm == Algorithm::Hs256 {
        if file_is_set {
            let text = format!("is not for HS256: set {}", keys::HS256_SECRET_FILE.path);
            return settings.refuse(&keys::SIGNING_KEY_FILE, text);
        }
        if secret_is_set {
            return secret(settings).map(TokenKey::Given);
        }
        return Some(TokenKey::InDataDir(algorithm));
    }
    if secret_is_set {
        let [secret, file] = [&keys::HS256_SECRET, &keys::HS256_SECRET_FILE];
        let key = if settings.is_set(secret) { secret } else { file };
        let text =
            format!("is only for {} = HS256, and that is {}", keys::ALGORITHM.path, algorithm.as_str());
        return settings.refuse(key, text);
    }
    if file_is_set {
        let pem = settings.key_file(&keys::SIGNING_KEY_FILE)?;
        return match SigningKey::from_pem(&pem, algorithm) {
            Ok(key) => Some(TokenKey::Given(key)),
            Err(error) => settings.refuse(&keys::SIGNING_KEY_FILE, error.to_string()),
        };
    }
    Some(TokenKey::InDataDir(algorithm))
}

fn secret(settings: &mut Settings) -> Option<SigningKey> {
    let (key, file) = (&keys::HS256_SECRET, &keys::HS256_SECRET_FILE);
    let secret = settings.secret(key, file, Readers::OwnerAndGroup)?;
    match SigningKey::from_secret(&secret) {
        Ok(key) => Some(key),
        Err(error) => {
            let key = if settings.is_set(key) { key } else { file };
            settings.refuse(key, error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
