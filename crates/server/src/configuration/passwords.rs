use std::path::Path;

use labgate_domain::people::{Password, PasswordLength, Username};
use labgate_domain::sign_in::GivenAdministrator;
use secrecy::ExposeSecret as _;

use super::external_oidc;
use super::keys::{self, Key};
use super::settings::Settings;
use super::values::{self, Readers};

/// The rules for signing in with a password.
#[derive(Clone, Copy)]
pub(super) struct Passwords {
    pub(super) enabled: bool,
    pub(super) length: PasswordLength,
}

pub(super) fn policy(settings: &mut Settings) -> Option<Passwords> {
    let enabled = settings.switch(&keys::PASSWORDS_ENABLED);
    let length = length(settings);
    let enabled = enabled?;
    if !enabled && !external_oidc::is_set_up(settings) && settings.providers.is_empty() {
        let text = format!(
            "is false, and no external provider is set up: no user could sign in; remove it, or set {}",
            external_oidc::settings().join(", ")
        );
        return settings.refuse(&keys::PASSWORDS_ENABLED, text);
    }
    Some(Passwords { enabled, length: length? })
}

fn length(settings: &mut Settings) -> Option<PasswordLength> {
    let mut characters = |key: &Key, least: usize| {
        settings.value(key, |text| match text.parse() {
            Ok(number) if (least..=PasswordLength::MOST_MAX).contains(&number) => Ok(number),
            _ => Err(format!("is not a number between {least} and {}", PasswordLength::MOST_MAX)),
        })
    };
    let min = characters(&keys::PASSWORDS_MIN_LENGTH, PasswordLength::LEAST_MIN);
    let max = characters(&keys::PASSWORDS_MAX_LENGTH, PasswordLength::LEAST_MAX);
    let (min, max) = (min?, max?);
    let length = PasswordLength::new(min, max).ok();
    if length.is_none() {
        let text = format!("{min} is more than {}, which is {max}", keys::PASSWORDS_MAX_LENGTH.path);
        return settings.refuse(&keys::PASSWORDS_MIN_LENGTH, text);
    }
    length
}

/// The first administrator; `None` when the settings name none, or there are problems.
pub(super) fn first_administrator(
    settings: &mut Settings,
    passwords: Option<Passwords>,
) -> Option<GivenAdministrator> {
    let (name_key, file_key) = (&keys::ADMIN_USERNAME, &keys::ADMIN_PASSWORD_FILE);
    let name_is_set = settings.is_set(name_key);
    let password_key = [&keys::ADMIN_PASSWORD, file_key].into_iter().find(|key| settings.is_set(key));
    if !name_is_set && password_key.is_none() {
        return None;
    }
    let username = settings.value(name_key, |text| {
        Username::local(text).map_err(|_| {
            "is not up to 64 letters from a to z, digits, dots, hyphens and underscores, beginning with a letter or digit"
        })
    });
    let password = settings.secret(&keys::ADMIN_PASSWORD, file_key, Readers::Anybody);

    let Some(password_key) = password_key else {
        let [variable, file] = [&keys::ADMIN_PASSWORD, file_key].map(Key::variable);
        let text = format!("is needed, because {} is set: set {variable} or {file}", name_key.path);
        return settings.refuse(&keys::ADMIN_PASSWORD, text);
    };
    if !name_is_set {
        let text = format!("is needed, because {} is set: set {}", password_key.path, name_key.variable());
        return settings.refuse(name_key, text);
    }
    let passwords = passwords?;
    if !passwords.enabled {
        let text = format!("is of no use, because {} is false", keys::PASSWORDS_ENABLED.path);
        return settings.refuse(name_key, text);
    }
    // Until it is changed it opens the lab to the first who guesses it.
    let password = Password::typed(password?.expose_secret()).ok().filter(|it| passwords.length.allows(it));
    let Some(password) = password else {
        let (min, max) = (passwords.length.min(), passwords.length.max());
        return settings.refuse(password_key, format!("does not have {min} to {max} characters"));
    };
    Some(GivenAdministrator { username: username?, password })
}

/// The password that a file holds, less one line break at its end.
pub(crate) fn from_file(path: &Path) -> Result<Password, String> {
    let content = values::secret_file(path, Readers::Anybody)?;
    Password::typed(values::without_final_line_break(content.expose_secret()))
        .map_err(|_| format!("the file is empty or holds more than {} bytes", Password::MAX_LEN))
}

#[cfg(test)]
mod tests;
