use std::time::Duration;

use labgate_domain::ports::{FeedPosition, SessionChanges};

use crate::statement::Statement;

/// Returns the present position, whether the feed reaches back to the earlier one, and the changes since, one
/// more than can be named at most. Without changes there is one row.
pub(crate) fn since(position: Option<&FeedPosition>) -> Statement {
    Statement::new(in_dialect!(CHANGES_SINCE))
        .bind(position.map(|position| position.0.as_str()))
        .bind(i64::try_from(SessionChanges::MOST).unwrap_or(i64::MAX).saturating_add(1))
        .bind(seconds(SessionChanges::OLDEST))
}

/// Deletes what has been kept long enough, by the database's own clock: it also dates the changes.
pub(crate) fn delete_old() -> Statement {
    Statement::new(in_dialect!(DELETE_OLD_CHANGES)).bind(seconds(SessionChanges::KEPT_FOR))
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}
