//! The URL of a database.

use std::fmt;
use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::time::timeout;
use url::Url;

use crate::connection::PATIENCE;
use crate::{MalformedLocation, OpenError};

/// The address of a PostgreSQL database, with the credentials. It shows neither user nor password.
#[derive(Clone)]
pub(crate) struct Address {
    options: PgConnectOptions,
    shown: String,
}

impl Address {
    /// Parses a URL.
    ///
    /// # Errors
    /// When it is no URL of PostgreSQL; nothing of it is repeated.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, MalformedLocation> {
        let parsed = Url::parse(url.expose_secret()).map_err(|_| MalformedLocation::Url)?;
        // An '@' or '/' in the name, or a fragment, is a piece of a password that was not encoded: the text
        // before it was taken for the host. No host may be asked for it, least of all in clear text.
        let name = parsed.path().strip_prefix('/').unwrap_or_default();
        if parsed.fragment().is_some() || name.contains(['@', '/']) {
            return Err(MalformedLocation::Url);
        }
        let is_known = |name: &str| {
            MalformedLocation::PARAMETERS.split(", ").any(|known| known == name)
                || name.starts_with("options[")
        };
        if parsed.query_pairs().any(|(name, _)| !is_known(&name)) {
            return Err(MalformedLocation::Parameter);
        }
        let options =
            PgConnectOptions::from_str(url.expose_secret()).map_err(|_| MalformedLocation::Value)?;
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let shown =
            format!("{host}:{}/{}", options.get_port(), options.get_database().unwrap_or("its user's name"));
        Ok(Self { options, shown })
    }

    /// Builds the error of a database that cannot be used.
    pub(super) fn unusable(&self, reason: impl fmt::Display) -> OpenError {
        OpenError::Unusable { database: self.to_string(), reason: reason.to_string() }
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<PgConnection, OpenError> {
        let connected = timeout(PATIENCE, self.options.connect()).await;
        let connected = connected.map_err(|_| self.unusable("it does not answer"))?;
        connected.map_err(|error| self.unusable(error))
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
