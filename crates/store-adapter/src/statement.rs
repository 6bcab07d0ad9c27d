//! A statement with its values.

use std::convert::identity;

use labgate_domain::access_token::{AccessTokenHash, AccessTokenId};
use labgate_domain::people::{AccountId, GroupName, LocalGroups};
use labgate_domain::sealed::SealId;
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;
use sqlx::query::Query;
use sqlx::{Database, Encode, Sqlite, Type};

use crate::sql::Sql;

/// A statement with the values of its placeholders, `$1` and so on.
pub(crate) struct Statement {
    sql: Sql,
    values: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: impl Into<Sql>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    /// Gives the next placeholder its value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Builds the query for one of the databases.
    pub(crate) fn query<'q, DB: Database>(self) -> Query<'q, DB, DB::Arguments>
    where
        Option<String>: Encode<'q, DB> + Type<DB>,
        Option<i64>: Encode<'q, DB> + Type<DB>,
        Option<bool>: Encode<'q, DB> + Type<DB>,
        Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
    {
        let sql = if DB::NAME == Sqlite::NAME { self.sql.sqlite } else { self.sql.postgres };
        self.values.into_iter().fold(sqlx::query(sql), |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
            Value::Flag(flag) => query.bind(flag),
            Value::Bytes(bytes) => query.bind(bytes),
        })
    }
}

/// The value of a column; [`None`] is `NULL`.
#[derive(Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Flag(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($type:ty => $kind:ident by $convert:expr;)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$kind(Some($convert(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$kind(value.map($convert))
            }
        }
    )*};
}

values! {
    &str => Text by str::to_owned;
    String => Text by identity;
    AccountId => Text by |id: AccountId| id.to_string();
    SessionId => Text by |id: SessionId| id.to_string();
    AccessTokenId => Text by |id: AccessTokenId| id.to_string();
    i64 => Number by identity;
    Timestamp => Number by Timestamp::as_unix_seconds;
    bool => Flag by identity;
    AccessTokenHash => Bytes by |hash: AccessTokenHash| hash.as_bytes().to_vec();
    SealId => Bytes by |id: SealId| id.as_bytes().to_vec();
}

/// Builds a JSON array, as [`Record::texts`](crate::row::Record::texts) reads it.
impl From<&[String]> for Value {
    fn from(texts: &[String]) -> Self {
        Self::Text(Some(serde_json::Value::from(texts).to_string()))
    }
}

/// Builds a JSON array of the names.
impl From<&LocalGroups> for Value {
    fn from(groups: &LocalGroups) -> Self {
        let names = groups.names().iter().map(GroupName::as_str);
        Self::Text(Some(names.collect::<serde_json::Value>().to_string()))
    }
}
