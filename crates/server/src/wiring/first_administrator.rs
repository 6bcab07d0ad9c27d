//! The first administrator of a lab: from the settings, or by a link that only the operator can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use labgate_domain::error::{ErrorCode, PasswordError};
use labgate_domain::people::Role;
use labgate_domain::ports::PasswordJudge;
use labgate_domain::sign_in::{Administrator, NewAccount, SetupToken, SignIn};
use labgate_http::paths;
use labgate_store::Location;
use secrecy::{ExposeSecret as _, SecretString};

use super::StartError;
use crate::configuration::{Configuration, FirstAdministrator};
use crate::world::OsEntropy;

/// Creates the first administrator of the settings, if the settings name one and the lab has none; otherwise
/// writes a setup link, on SQLite with password sign-in. If there is an administrator, it deletes the file of
/// an earlier link.
pub(super) async fn ensure_first_administrator(
    sign_in: SignIn,
    configuration: &Configuration,
    judge: &dyn PasswordJudge,
) -> Result<(SignIn, Option<SecretString>), StartError> {
    let file = SetupLinkFile::of(&configuration.data_dir);
    if !sign_in.setup().has_administrator().await?
        && let Some(first) = &configuration.first_administrator
    {
        create(&sign_in, first, judge).await?;
    }
    if sign_in.setup().has_administrator().await? {
        file.delete()?;
        return Ok((sign_in, None));
    }
    if !sign_in.passwords().are_on() {
        file.delete()?;
        tracing::warn!(
            "there is no administrator yet: labgate account create --email ADDRESS --admin invites a provider user with \
             that address as one"
        );
        return Ok((sign_in, None));
    }
    // Each replica would create a link that no other knows: behind a load balancer it would work by chance.
    if let Location::Postgres(_) = configuration.database {
        file.delete()?;
        tracing::warn!(
            "there is no administrator yet: labgate account create NAME --admin creates one, and so do the settings \
             admin.username and admin.password_file"
        );
        return Ok((sign_in, None));
    }
    let token = SetupToken::fresh(&OsEntropy);
    let origin = configuration.policy.public_url.origin();
    let link = SecretString::from(format!("{origin}{}?token={}", paths::SETUP_PAGE, token.expose()));
    file.replace(&link)?;
    tracing::warn!(
        file = file.path.display().to_string(),
        "there is no administrator yet: the link in this file creates the first one"
    );
    Ok((sign_in.with_setup_token(token), Some(link)))
}

async fn create(
    sign_in: &SignIn,
    first: &FirstAdministrator,
    judge: &dyn PasswordJudge,
) -> Result<(), StartError> {
    let refused = |code: ErrorCode| StartError::FirstAdministrator { username: first.username.clone(), code };
    // An administrator may choose any initial password for a user. A guess of this one opens the whole lab,
    // and it may be copied from an example.
    if let Some(weakness) = judge.weakness(&first.password, &[first.username.to_string()]) {
        return Err(refused(PasswordError::Weak(weakness).code()));
    }
    let new = NewAccount {
        username: Some(first.username.to_string()),
        email: None,
        name: None,
        role: Role::Admin,
        password: Some(first.password.clone()),
    };
    match sign_in.administration().create(&Administrator::local_operator(), new).await {
        Ok(_) => Ok(()),
        // Another process that started at the same time created it.
        Err(_) if sign_in.setup().has_administrator().await? => Ok(()),
        Err(refusal) => Err(refused(refusal.error.code())),
    }
}

/// The file with the setup link, readable by its owner only.
struct SetupLinkFile {
    path: PathBuf,
    unfinished: PathBuf,
}

impl SetupLinkFile {
    fn of(data_dir: &Path) -> Self {
        Self { path: data_dir.join("setup-link"), unfinished: data_dir.join(".unfinished-setup-link") }
    }

    /// Replaces the file atomically.
    fn replace(&self, link: &SecretString) -> Result<(), StartError> {
        let written = || {
            // A crash may have left it.
            delete(&self.unfinished)?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&self.unfinished)?;
            writeln!(file, "{}", link.expose_secret())?;
            file.sync_all()?;
            fs::rename(&self.unfinished, &self.path)
        };
        written().map_err(|source| self.failed(source))
    }

    fn delete(&self) -> Result<(), StartError> {
        delete(&self.path).and_then(|()| delete(&self.unfinished)).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> StartError {
        StartError::SetupLink { path: self.path.clone(), source }
    }
}

/// Deletes a file, if it exists.
fn delete(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
