//! Reading a database as it is: nothing is written, and the schema is not brought up to date.

use labgate_domain::ports::StoreError;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::either::Either;
use crate::postgres::Address;
use crate::row::Row;
use crate::statement::Statement;
use crate::{Location, OpenError, backup};

/// Returns the values in all rows. No error repeats a password.
pub(crate) async fn list<T>(
    location: &Location,
    statement: Statement,
    read: fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, OpenError> {
    let unusable = |reason: String| OpenError::Unusable { database: location.to_string(), reason };
    let mut connection: Either<Box<SqliteConnection>, Box<PgConnection>> = match location {
        Location::Sqlite(path) => {
            let path = path.canonicalize().map_err(|error| unusable(error.to_string()))?;
            let connected = backup::connect(&path).await;
            Either::Sqlite(Box::new(connected.map_err(|error| unusable(error.to_string()))?))
        }
        Location::Postgres(url) => Either::Postgres(Box::new(Address::parse(url)?.connect().await?)),
    };
    // A pooler may lend a session for a transaction only; closing the connection ends it.
    if let Either::Postgres(connection) = &mut connection {
        connection.execute("BEGIN READ ONLY").await.map_err(|error| unusable(error.to_string()))?;
    }
    let listed = connection.list(statement, read).await;
    // An error of the farewell does not matter.
    on_either!(connection, it => drop((*it).close().await));
    listed.map_err(|error| unusable(error.0))
}
