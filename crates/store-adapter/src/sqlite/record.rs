//! Reading and writing values. What the database holds is parsed again; what does not parse is reported by its place.

use labgate_domain::ports::StoreError;
use labgate_domain::protocol::Malformed;
use labgate_domain::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row as _, Sqlite, Type};

/// A row of a table, selected with its `rowid`.
#[derive(Clone, Copy)]
pub(super) struct Record<'r> {
    table: &'static str,
    row: &'r SqliteRow,
    rowid_is_of: &'static str,
}

impl<'r> Record<'r> {
    pub(super) fn new(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { table, row, rowid_is_of: "row" }
    }

    /// A row of a table without `rowid`, selected with that of its account.
    pub(super) fn of_account(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { table, row, rowid_is_of: "the account in row" }
    }

    /// A text that must be there and parse.
    pub(super) fn parsed<T>(
        self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Malformed>,
    ) -> Result<T, StoreError> {
        self.parsed_if_present(column, parse)?.ok_or_else(|| self.inconsistent(column))
    }

    /// A text that parses if it is there.
    pub(super) fn parsed_if_present<T>(
        self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Malformed>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.value(column)?;
        text.map(parse).transpose().map_err(|_| self.inconsistent(column))
    }

    /// Yes or no.
    pub(super) fn flag(self, column: &'static str) -> Result<bool, StoreError> {
        self.value(column)
    }

    /// A time that must be there.
    pub(super) fn time(self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.value(column).map(Timestamp::from_unix_seconds)
    }

    /// A time that may be there.
    pub(super) fn time_if_present(self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        self.value::<Option<i64>>(column).map(|time| time.map(Timestamp::from_unix_seconds))
    }

    /// A list of texts, as [`list`] writes it.
    pub(super) fn texts(self, column: &'static str) -> Result<Vec<String>, StoreError> {
        serde_json::from_str(self.value(column)?).map_err(|_| self.inconsistent(column))
    }

    fn value<T: Decode<'r, Sqlite> + Type<Sqlite>>(self, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|_| self.inconsistent(column))
    }

    /// Says where the value stands, and not what it is: that may be personal.
    fn inconsistent(self, column: &'static str) -> StoreError {
        let Self { table, rowid_is_of, .. } = self;
        match self.row.try_get::<i64, _>("rowid") {
            Ok(rowid) => StoreError(format!(
                "{table}.{column} of {rowid_is_of} {rowid} holds what does not belong there"
            )),
            Err(error) => StoreError(format!("{table}.{column} cannot be read: {error}")),
        }
    }
}

/// A list of texts as JSON.
pub(super) fn list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}
