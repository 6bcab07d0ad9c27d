//! The tables. Both databases have the same ones with the same columns, and sort texts byte for byte.

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The number of columns of the primary key.
    pub(super) key: usize,
    /// The columns by their kinds, those of the primary key first.
    columns: &'static [(Kind, &'static str)],
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
        key: 1,
        columns: &[(Text, "id username email name role status groups"), (Number, "created_at")],
    },
    Table {
        name: "terms_acceptances",
        key: 2,
        columns: &[(Text, "account_id version digest"), (Number, "accepted_at")],
    },
    Table { name: "credentials", key: 1, columns: &[(Text, "account_id hash"), (Flag, "must_change")] },
    Table {
        name: "external_identities",
        key: 2,
        columns: &[
            (Text, "issuer subject account_id email name groups authentication_methods successor"),
            (Number, "authenticated_at first_sign_in_at last_sign_in_at successor_until refused_at"),
            (Flag, "email_verified"),
        ],
    },
    Table {
        name: "sessions",
        key: 1,
        columns: &[
            (Text, "id account_id provider issuer subject provider_session id_token_hint refresh_token"),
            (Text, "user_agent address groups authentication_methods"),
            (Number, "authenticated_at created_at last_seen_at expires_at ended_at recheck_at"),
        ],
    },
    Table { name: "services", key: 1, columns: &[(Text, "id definition")] },
    Table {
        name: "access_tokens",
        key: 1,
        columns: &[
            (Text, "id account_id name scope issuer subject groups"),
            (Bytes, "hash"),
            (Flag, "admitted"),
            (Number, "told_at made_at expires_at last_used_at"),
        ],
    },
    Table { name: "spent_attempts", key: 1, columns: &[(Bytes, "id"), (Number, "keep_until")] },
];

impl Table {
    /// Returns the columns with their kinds, those of the primary key first.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, Kind)> {
        self.columns.iter().flat_map(|(kind, names)| names.split(' ').map(|name| (name, *kind)))
    }

    /// Lists the names of the columns, for a statement.
    pub(super) fn list(&self) -> String {
        self.columns().map(|column| column.0).collect::<Vec<_>>().join(", ")
    }

    /// Lists the names of the key's columns.
    pub(super) fn key_list(&self) -> String {
        self.columns().take(self.key).map(|column| column.0).collect::<Vec<_>>().join(", ")
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
                AND t.name NOT IN ('_sqlx_migrations', 'sqlite_sequence', 'changes', 'readiness', 'replicas',
                    'services_revision')";
        let mut snapshot = store.snapshot().await.unwrap();
        let there: Vec<String> =
            snapshot.list(Statement::new(columns), |row| Ok(row.value(0).unwrap())).await.unwrap();
        let there = BTreeSet::from_iter(there);
        let copied = TABLES.iter().flat_map(|table| {
            table.columns().enumerate().map(|(number, (column, _))| {
                let key = if number < table.key { " key" } else { "" };
                format!("{}.{column}{key}", table.name)
            })
        });
        assert_eq!(copied.collect::<BTreeSet<_>>(), there);
    }
}
