//! The URL of a database.

use std::fmt;
use std::str::FromStr as _;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::MalformedLocation;

/// Where a PostgreSQL database is and how to get in. It shows neither user nor password.
#[derive(Clone)]
pub(crate) struct Address {
    options: PgConnectOptions,
    shown: String,
}

impl Address {
    /// What a URL may have behind its `?`, as in libpq. Others would be ignored, and logged with their values.
    pub(crate) const PARAMETERS: &[&str] = &[
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "host",
        "port",
        "dbname",
        "user",
        "password",
        "application_name",
        "options",
        "statement-cache-capacity",
    ];

    /// # Errors
    /// When it is no URL of PostgreSQL; nothing of it is repeated.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, MalformedLocation> {
        let parsed = Url::parse(url.expose_secret()).map_err(|_| MalformedLocation::Url)?;
        // An '@' or '/' in the name, or a fragment, is a piece of a password that was not encoded: what stands before it
        // was taken for the host. Nobody shall be asked for it, least of all in clear.
        let name = parsed.path().strip_prefix('/').unwrap_or_default();
        if parsed.fragment().is_some() || name.contains(['@', '/']) {
            return Err(MalformedLocation::Url);
        }
        let is_known = |name: &str| Self::PARAMETERS.contains(&name) || name.starts_with("options[");
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

    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
