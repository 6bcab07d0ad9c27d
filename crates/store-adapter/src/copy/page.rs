//! Pages of a table, on either database. The statements are put together from names in
//! [`TABLES`](super::table::TABLES); values are bound.

use labgate_domain::ports::StoreError;
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _};

use super::table::{Kind, Table};
use crate::connection::{Transaction, failed};
use crate::statement::Value;

/// Binds a value on either database, in a `$builder` of any kind.
macro_rules! push {
    ($builder:expr, $value:expr) => {
        match $value {
            Value::Text(text) => $builder.push_bind(text),
            Value::Number(number) => $builder.push_bind(number),
            Value::Flag(flag) => $builder.push_bind(flag),
            Value::Bytes(bytes) => $builder.push_bind(bytes),
        }
    };
}

/// Counts the rows of a table.
pub(super) async fn count(transaction: &mut Transaction, table: &Table) -> Result<u64, StoreError> {
    let sql = AssertSqlSafe(format!("SELECT count(*) FROM {}", table.name));
    let count: i64 =
        on_either!(transaction, it => sqlx::query_scalar(sql).fetch_one(&mut **it).await.map_err(failed)?);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Reads at most so many rows behind this one, in the order of the key.
pub(super) async fn read(
    transaction: &mut Transaction,
    table: &Table,
    after: Option<&Vec<Value>>,
    limit: usize,
) -> Result<Vec<Vec<Value>>, StoreError> {
    on_either!(transaction, it => {
        let mut query = QueryBuilder::new(format!("SELECT {} FROM {}", table.list(), table.name));
        if let Some(after) = after {
            query.push(format!(" WHERE ({}) > (", table.key_list()));
            let mut key = query.separated(", ");
            for value in after.iter().take(table.key).cloned() {
                push!(key, value);
            }
            query.push(")");
        }
        query.push(format!(" ORDER BY {} LIMIT {limit}", table.key_list()));
        let rows = query.build().fetch_all(&mut **it).await.map_err(failed)?;
        rows.iter()
            .map(|row| {
                let value = |(name, kind)| {
                    Ok(match kind {
                        Kind::Text => Value::Text(row.try_get(name)?),
                        Kind::Number => Value::Number(row.try_get(name)?),
                        Kind::Flag => Value::Flag(row.try_get(name)?),
                        Kind::Bytes => Value::Bytes(row.try_get(name)?),
                    })
                };
                table.columns().map(value).collect::<Result<_, _>>().map_err(failed)
            })
            .collect()
    })
}

/// Adds rows, at least one.
pub(super) async fn add(
    transaction: &mut Transaction,
    table: &Table,
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    on_either!(transaction, it => {
        let mut query = QueryBuilder::new(format!("INSERT INTO {} ({}) ", table.name, table.list()));
        query.push_values(rows, |mut row, values| {
            for value in values {
                push!(row, value);
            }
        });
        query.build().execute(&mut **it).await.map_err(failed)?;
    });
    Ok(())
}
