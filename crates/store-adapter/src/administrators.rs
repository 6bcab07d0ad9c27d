//! Reading the administrators of a database as it is.

use labgate_domain::people::Username;
use labgate_domain::protocol::Issuer;

use crate::row::Record;
use crate::statement::Statement;
use crate::{Location, OpenError, as_it_is};

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
    as_it_is::list(location, Statement::new(ADMINISTRATORS), |row| {
        let record = Record::new("external_identities", row);
        Ok(StoredAdministrator {
            username: record.parsed("username", Username::parse)?,
            issuer: record.parsed_if_present("issuer", Issuer::parse)?,
            groups: record.texts("groups")?,
        })
    })
    .await
}
