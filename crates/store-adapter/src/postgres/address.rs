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
    lends: Lends,
    shown: String,
}

/// What a connection stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lends {
    /// A session of the server, with settings and prepared statements of its own.
    Sessions,
    /// A session for each transaction, by a pooler such as PgBouncer with `pool_mode = transaction`: what is set or
    /// prepared outside of one stays in a session that others get.
    Transactions,
}

/// The parameter that says what a pooler lends.
const POOL_MODE: &str = "pool_mode";

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
        let mut modes = parsed.query_pairs().filter(|(name, _)| name == POOL_MODE).map(|(_, value)| value);
        let lends = match (modes.next().as_deref(), modes.next()) {
            (None | Some("session"), None) => Lends::Sessions,
            (Some("transaction"), None) => Lends::Transactions,
            _ => return Err(MalformedLocation::Value),
        };
        // A pooler refuses a setting that it does not know; this one is set later.
        let options = PgConnectOptions::from_str(without(&parsed, POOL_MODE).expose_secret())
            .map_err(|_| MalformedLocation::Value)?
            .extra_float_digits(None);
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let shown =
            format!("{host}:{}/{}", options.get_port(), options.get_database().unwrap_or("its user's name"));
        Ok(Self { options, lends, shown })
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

    pub(super) fn lends(&self) -> Lends {
        self.lends
    }
}

/// Returns the URL without a parameter.
fn without(url: &Url, parameter: &str) -> SecretString {
    let mut url = url.clone();
    let kept = |pair: &&str| pair.split('=').next() != Some(parameter);
    let query = url.query().map(|query| query.split('&').filter(kept).collect::<Vec<_>>().join("&"));
    url.set_query(query.filter(|query| !query.is_empty()).as_deref());
    String::from(url).into()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
