//! Reading the administrators of a database as it is.

use labgate_domain::people::Username;
use labgate_domain::protocol::Issuer;
use sqlx::{PgConnection, SqliteConnection};

use crate::either::Either;
use crate::row::Record;
use crate::statement::Statement;
use crate::{Location, OpenError, backup, postgres};

const ADMINISTRATORS: &str = "
    SELECT 'account ' || a.id AS place, a.username, i.issuer, coalesce(i.groups, '[]') AS groups
    FROM accounts AS a LEFT JOIN external_identities AS i ON i.account_id = a.id
    WHERE a.role = 'admin' AND a.status = 'active'
    ORDER BY a.username";

/// An active administrator, by one of the identities that open the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAdministrator {
    /// The username.
    pub username: Username,
    /// The issuer of the identity; `None` for an account without any.
    pub issuer: Option<Issuer>,
    /// The groups that the issuer stated last.
    pub groups: Vec<String>,
}

/// Returns the active administrators of a database in the order of their names, once for each identity.
/// Nothing is written, and the schema is not brought up to date.
///
/// # Errors
/// When the database cannot be read.
pub async fn administrators(location: &Location) -> Result<Vec<StoredAdministrator>, OpenError> {
    let mut database: Either<Box<SqliteConnection>, Box<PgConnection>> = match location {
        Location::Sqlite(path) => Either::Sqlite(Box::new(backup::connect(path).await.map_err(|error| {
            OpenError::Unusable { database: path.display().to_string(), reason: error.to_string() }
        })?)),
        Location::Postgres(url) => Either::Postgres(Box::new(postgres::connect(url).await?.1)),
    };
    let listed = database.list(Statement::new(ADMINISTRATORS), |row| {
        let record = Record::new("external_identities", row);
        Ok(StoredAdministrator {
            username: record.parsed("username", Username::parse)?,
            issuer: record.parsed_if_present("issuer", Issuer::parse)?,
            groups: record.texts("groups")?,
        })
    });
    let listed = listed.await;
    listed.map_err(|error| OpenError::Unusable { database: location.to_string(), reason: error.0 })
}
