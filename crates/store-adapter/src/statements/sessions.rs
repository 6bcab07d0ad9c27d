use labgate_domain::people::AccountId;
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use crate::sql::Sql;
use crate::statement::Statement;

const END_ALL_OF: Sql = end_sessions!("account_id = $2 AND (CAST($3 AS text) IS NULL OR id <> $3)");

/// Ends all sessions of an account but one, and returns their ids.
pub(crate) fn end_all_of(account: AccountId, except: Option<SessionId>, at: Timestamp) -> Statement {
    Statement::new(END_ALL_OF).bind(at).bind(account).bind(except)
}
