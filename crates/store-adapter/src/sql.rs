//! The text of the statements.

/// The text of a statement for either database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// Builds the text that both databases take as it is.
impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// Builds a query for columns of a table, and for the place of each row, which error messages name.
macro_rules! select {
    ($table:literal, $($rest:tt)*) => {
        $crate::sql::Sql {
            sqlite: concat!("SELECT 'row ' || ", $table, ".rowid AS place, ", $($rest)*),
            postgres: concat!("SELECT 'row ' || ", $table, ".ctid AS place, ", $($rest)*),
        }
    };
}

/// Builds a statement from the texts of this name in the dialects.
macro_rules! in_dialect {
    ($name:ident) => {
        $crate::sql::Sql {
            sqlite: $crate::sqlite::dialect::$name,
            postgres: $crate::postgres::dialect::$name,
        }
    };
}

/// Builds a statement that ends, at `$1`, the live ones among these sessions. PostgreSQL locks
/// them in the order of their ids first: of two statements that end some of the same, neither then waits for
/// the other in a circle.
macro_rules! end_sessions {
    ($which:literal) => {
        $crate::sql::Sql {
            sqlite: concat!(
                "UPDATE sessions
                 SET ended_at = $1, id_token_hint = NULL, refresh_token = NULL, recheck_at = NULL
                 WHERE ended_at IS NULL AND ",
                $which,
                " RETURNING 'row ' || rowid AS place, id, account_id"
            ),
            postgres: concat!(
                "WITH ending AS (SELECT id FROM sessions WHERE ended_at IS NULL AND ",
                $which,
                " ORDER BY id FOR NO KEY UPDATE)
                 UPDATE sessions
                 SET ended_at = $1, id_token_hint = NULL, refresh_token = NULL, recheck_at = NULL
                 FROM ending WHERE sessions.id = ending.id
                 RETURNING 'row ' || sessions.ctid AS place, sessions.id, sessions.account_id"
            ),
        }
    };
}

/// The columns of a whole account. Each line of `accepted_terms` is an acceptance: its time, digest and version.
macro_rules! account_columns {
    () => {
        "accounts.id, accounts.username, accounts.email, accounts.name, accounts.role, accounts.status,
         accounts.groups, accounts.created_at,
         (SELECT string_agg(t.accepted_at || ' ' || coalesce(t.digest, '-') || ' ' || t.version, '\n')
          FROM terms_acceptances AS t WHERE t.account_id = accounts.id) AS accepted_terms "
    };
}

/// Adds an acceptance of the terms of service, if its account is there. The first one of a version stays.
macro_rules! accept_terms {
    ($lock:literal) => {
        concat!(
            "INSERT INTO terms_acceptances (account_id, version, digest, accepted_at)
             SELECT id, $2, $3, $4 FROM accounts WHERE id = $1 ",
            $lock,
            " ON CONFLICT (account_id, version) DO NOTHING"
        )
    };
}

/// Adds a session, if its account is active and has a role.
macro_rules! add_session {
    () => {
        concat!(
            "INSERT INTO sessions (",
            session_columns!(),
            ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18
             FROM accounts WHERE accounts.id = $2 AND status = 'active' AND role = $19 "
        )
    };
}

/// The columns of a whole session.
macro_rules! session_columns {
    () => {
        "id, account_id, provider, issuer, subject, provider_session, id_token_hint, user_agent, address, groups,
         authentication_methods, authenticated_at, created_at, last_seen_at, expires_at, ended_at, refresh_token,
         recheck_at "
    };
}
