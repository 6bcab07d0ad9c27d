//! The first administrator of a lab: from the settings, or by a link that only the operator can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use labgate_domain::sign_in::{FirstAdministratorError, FirstAdministratorWay, SignIn};
use labgate_http::paths;
use labgate_store::Location;
use secrecy::{ExposeSecret as _, SecretString};

use super::start_error::StartError;
use crate::configuration::Configuration;

/// Ensures that the lab has an administrator, or a way to one: the setup link is in its file then; otherwise
/// it deletes the file of an earlier link.
pub(super) async fn ensure_first_administrator(
    sign_in: SignIn,
    configuration: &Configuration,
) -> Result<(SignIn, Option<SecretString>), StartError> {
    let file = SetupLinkFile::of(&configuration.data_dir);
    let given = configuration.first_administrator.as_ref();
    let replicated = matches!(configuration.database, Location::Postgres(_));
    let way = sign_in.setup().ensure_first_administrator(given, replicated).await;
    let way = way.map_err(|error| match error {
        FirstAdministratorError::Refused { username, error } => {
            StartError::FirstAdministrator { username, code: error.code() }
        }
        FirstAdministratorError::Store(error) => StartError::NoAnswer(error),
    })?;
    match way {
        FirstAdministratorWay::ByLink(token) => {
            let (lab, page) = (&configuration.policy.public_url, paths::SETUP_PAGE.as_str());
            let link = SecretString::from(format!("{lab}{page}?token={}", token.expose()));
            file.replace(&link)?;
            tracing::warn!(
                file = file.path.display().to_string(),
                "there is no administrator yet: the link in this file creates the first one"
            );
            return Ok((sign_in.with_setup_token(token), Some(link)));
        }
        FirstAdministratorWay::Done => {}
        FirstAdministratorWay::ByInvitation => tracing::warn!(
            "there is no administrator yet: labgate account create --email ADDRESS --admin invites a provider user with \
             that address as one"
        ),
        FirstAdministratorWay::ByOperator => tracing::warn!(
            "there is no administrator yet: labgate account create NAME --admin creates one, and so do the settings \
             admin.username and admin.password_file"
        ),
    }
    file.delete()?;
    Ok((sign_in, None))
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
