//! Reading values. The text in a database is parsed again; a value that does not parse is reported by its
//! place.

use std::collections::BTreeMap;

use labgate_domain::ports::StoreError;
use labgate_domain::protocol::Malformed;
use labgate_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};

use crate::either::Either;

/// A row of either database.
pub(crate) type Row = Either<SqliteRow, PgRow>;

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

impl Row {
    pub(crate) fn value<'r, T>(
        &'r self,
        column: impl ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    ) -> sqlx::Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        on_either!(self, row => row.try_get(column))
    }
}

/// A row of a table, selected with its `place`.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r> {
    table: &'static str,
    row: &'r Row,
}

impl<'r> Record<'r> {
    pub(crate) fn new(table: &'static str, row: &'r Row) -> Self {
        Self { table, row }
    }

    /// Returns a text that must be present and parse.
    pub(crate) fn parsed<T>(
        self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Malformed>,
    ) -> Result<T, StoreError> {
        self.parsed_if_present(column, parse)?.ok_or_else(|| self.inconsistent(column))
    }

    /// Returns a text that must parse if it is present.
    pub(crate) fn parsed_if_present<T>(
        self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.value(column)?;
        text.map(parse).transpose().map_err(|_| self.inconsistent(column))
    }

    pub(crate) fn time(self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.value(column).map(Timestamp::from_unix_seconds)
    }

    pub(crate) fn time_if_present(self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.value::<Option<i64>>(column)?.map(Timestamp::from_unix_seconds))
    }

    /// Returns a list of texts, kept as a JSON array.
    pub(crate) fn texts(self, column: &'static str) -> Result<Vec<String>, StoreError> {
        serde_json::from_str(self.value(column)?).map_err(|_| self.inconsistent(column))
    }

    /// Returns texts by their names, kept as a JSON object.
    pub(crate) fn object(self, column: &'static str) -> Result<BTreeMap<String, String>, StoreError> {
        serde_json::from_str(self.value(column)?).map_err(|_| self.inconsistent(column))
    }

    pub(crate) fn value<T>(self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        self.row.value(column).map_err(|_| self.inconsistent(column))
    }

    /// Names the place of a value, and not the value, which may be personal data. `WHERE rowid = 1` on SQLite
    /// and `WHERE ctid = '(0,1)'` on PostgreSQL find it.
    fn inconsistent(self, column: &'static str) -> StoreError {
        let table = self.table;
        StoreError(match self.row.value::<&str>("place") {
            Ok(place) => format!("{table}.{column} of {place} holds what does not belong there"),
            Err(error) => format!("{table}.{column} cannot be read: {error}"),
        })
    }
}
