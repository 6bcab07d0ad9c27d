//! Reading and writing values. What the database holds is parsed again; what does not parse is reported by its place.

use labgate_domain::ports::StoreError;
use labgate_domain::protocol::Malformed;
use labgate_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};

/// A row of a table, selected with its `ctid::text` as `place`.
#[derive(Clone, Copy)]
pub(super) struct Record<'r> {
    table: &'static str,
    row: &'r PgRow,
}

impl<'r> Record<'r> {
    pub(super) fn new(table: &'static str, row: &'r PgRow) -> Self {
        Self { table, row }
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

    /// A number that need not be whole.
    pub(super) fn number(self, column: &'static str) -> Result<f64, StoreError> {
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

    fn value<T: Decode<'r, Postgres> + Type<Postgres>>(self, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|_| self.inconsistent(column))
    }

    /// Says where the value stands (`WHERE ctid = '(0,1)'` finds it), and not what it is: that may be personal.
    fn inconsistent(self, column: &'static str) -> StoreError {
        let table = self.table;
        match self.row.try_get::<&str, _>("place") {
            Ok(place) => {
                StoreError(format!("{table}.{column} of row {place} holds what does not belong there"))
            }
            Err(error) => StoreError(format!("{table}.{column} cannot be read: {error}")),
        }
    }
}

/// A list of texts as JSON.
pub(super) fn list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}
