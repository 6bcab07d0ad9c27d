use labgate_domain::ports::StoreError;
use sqlx::{AssertSqlSafe, PgTransaction, QueryBuilder, Row as _, SqliteTransaction};

use super::table::{Kind, Table, Value};
use crate::Store;

/// One side of a copy.
pub(super) enum Transaction {
    Sqlite(SqliteTransaction<'static>),
    Postgres(PgTransaction<'static>),
}

/// Does the same on either database: the code is written once and compiled for both.
macro_rules! on_either {
    ($transaction:expr, $either:ident => $code:expr) => {
        match $transaction {
            Transaction::Sqlite($either) => $code,
            Transaction::Postgres($either) => $code,
        }
    };
}

/// The statements are put together from names in [`TABLES`](super::table::TABLES); values are bound.
impl Transaction {
    /// One that sees the lab as it is at one moment.
    pub(super) async fn to_read(store: &Store) -> Result<Self, StoreError> {
        Ok(match store {
            Store::Sqlite(store) => Self::Sqlite(store.snapshot().await?),
            Store::Postgres(store) => Self::Postgres(store.snapshot().await?),
        })
    }

    pub(super) async fn to_write(store: &Store) -> Result<Self, StoreError> {
        Ok(match store {
            Store::Sqlite(store) => Self::Sqlite(store.write().await?),
            Store::Postgres(store) => Self::Postgres(store.write().await?),
        })
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        on_either!(self, it => it.commit().await.map_err(failed))
    }

    /// How many rows there are.
    pub(super) async fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {}", table.name));
        let count: i64 =
            on_either!(self, it => sqlx::query_scalar(sql).fetch_one(&mut **it).await.map_err(failed)?);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// So many rows at most, in the order of the key, behind this one.
    pub(super) async fn read(
        &mut self,
        table: &Table,
        after: Option<&Vec<Value>>,
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        on_either!(self, it => {
            let mut query = QueryBuilder::new(format!("SELECT {} FROM {}", table.list(), table.name));
            if let Some(after) = after {
                query.push(format!(" WHERE ({}) > (", table.key_list()));
                let mut key = query.separated(", ");
                for value in after.iter().take(table.key).cloned() {
                    match value {
                        Value::Text(text) => key.push_bind(text),
                        Value::Number(number) => key.push_bind(number),
                        Value::Flag(flag) => key.push_bind(flag),
                        Value::Bytes(bytes) => key.push_bind(bytes),
                    };
                }
                query.push(")");
            }
            query.push(format!(" ORDER BY {} LIMIT {limit}", table.key_list()));
            let rows = query.build().fetch_all(&mut **it).await.map_err(failed)?;
            rows.iter()
                .map(|row| {
                    let value = |(name, kind): &(&str, Kind)| {
                        Ok(match kind {
                            Kind::Text => Value::Text(row.try_get(*name)?),
                            Kind::Number => Value::Number(row.try_get(*name)?),
                            Kind::Flag => Value::Flag(row.try_get(*name)?),
                            Kind::Bytes => Value::Bytes(row.try_get(*name)?),
                        })
                    };
                    table.columns.iter().map(value).collect::<Result<_, _>>().map_err(failed)
                })
                .collect()
        })
    }

    /// Adds rows, one at least.
    pub(super) async fn add(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        on_either!(self, it => {
            let mut query = QueryBuilder::new(format!("INSERT INTO {} ({}) ", table.name, table.list()));
            query.push_values(rows, |mut row, values| {
                for value in values {
                    match value {
                        Value::Text(text) => row.push_bind(text),
                        Value::Number(number) => row.push_bind(number),
                        Value::Flag(flag) => row.push_bind(flag),
                        Value::Bytes(bytes) => row.push_bind(bytes),
                    };
                }
            });
            query.build().execute(&mut **it).await.map_err(failed)?;
        });
        Ok(())
    }
}

/// As in both stores: no message carries a value.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn failed(error: sqlx::Error) -> StoreError {
    StoreError(error.to_string())
}
