//! The tables. Both databases have the same ones with the same columns, and sort texts byte for byte.

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The columns, those of the primary key first.
    pub(super) columns: &'static [(&'static str, Kind)],
    /// The number of columns of the primary key.
    pub(super) key: usize,
}

/// The kind of the values of a column.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    Bytes,
}

use Kind::{Bytes, Flag, Number, Text};

/// Each table stands behind those that it refers to.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "accounts",
        columns: &[
            ("id", Text),
            ("username", Text),
            ("email", Text),
            ("name", Text),
            ("role", Text),
            ("status", Text),
            ("created_at", Number),
        ],
        key: 1,
    },
    Table {
        name: "credentials",
        columns: &[("account_id", Text), ("hash", Text), ("must_change", Flag)],
        key: 1,
    },
    Table {
        name: "external_identities",
        columns: &[
            ("issuer", Text),
            ("subject", Text),
            ("account_id", Text),
            ("email", Text),
            ("email_verified", Flag),
            ("name", Text),
            ("groups", Text),
            ("authentication_methods", Text),
            ("authenticated_at", Number),
            ("first_sign_in_at", Number),
            ("last_sign_in_at", Number),
        ],
        key: 2,
    },
    Table {
        name: "sessions",
        columns: &[
            ("id", Text),
            ("account_id", Text),
            ("provider", Text),
            ("issuer", Text),
            ("subject", Text),
            ("provider_session", Text),
            ("id_token_hint", Text),
            ("user_agent", Text),
            ("address", Text),
            ("groups", Text),
            ("authentication_methods", Text),
            ("authenticated_at", Number),
            ("created_at", Number),
            ("last_seen_at", Number),
            ("expires_at", Number),
            ("ended_at", Number),
            ("refresh_token", Text),
            ("recheck_at", Number),
        ],
        key: 1,
    },
    Table { name: "spent_attempts", columns: &[("id", Bytes), ("keep_until", Number)], key: 1 },
];

impl Table {
    /// Lists the names of the columns, for a statement.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|column| column.0).collect::<Vec<_>>().join(", ")
    }

    /// Lists the names of the key's columns.
    pub(super) fn key_list(&self) -> String {
        self.columns.iter().take(self.key).map(|column| column.0).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::statement::Statement;
    use crate::{Location, Store};

    #[tokio::test]
    async fn every_column_of_every_table_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("labgate.db"))).await.unwrap();
        let columns = "SELECT t.name || '.' || c.name || iif(c.pk > 0, ' key', '')
            FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
            WHERE t.type = 'table'
                AND t.name NOT IN ('_sqlx_migrations', 'sqlite_sequence', 'changes', 'readiness')";
        let mut snapshot = store.snapshot().await.unwrap();
        let there: Vec<String> =
            snapshot.list(Statement::new(columns), |row| Ok(row.value(0).unwrap())).await.unwrap();
        let there = BTreeSet::from_iter(there);
        let copied = TABLES.iter().flat_map(|table| {
            table.columns.iter().enumerate().map(|(number, (column, _))| {
                let key = if number < table.key { " key" } else { "" };
                format!("{}.{column}{key}", table.name)
            })
        });
        assert_eq!(copied.collect::<BTreeSet<_>>(), there);
    }
}
