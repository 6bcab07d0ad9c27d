use labgate_domain::ports::{FeedPosition, SessionChanges};

use crate::statement::Statement;

/// Returns the present position, and the changes since the earlier one, one more than can be named at most.
/// Without changes there is one row that holds the position alone.
pub(crate) fn since(position: Option<&FeedPosition>) -> Statement {
    Statement::new(in_dialect!(CHANGES_SINCE))
        .bind(position.map(|position| position.0.as_str()))
        .bind(i64::try_from(SessionChanges::MOST).unwrap_or(i64::MAX).saturating_add(1))
}

/// Deletes what has been kept long enough, by the database's own clock: it also dates the changes.
pub(crate) fn delete_old() -> Statement {
    let kept_for = i64::try_from(SessionChanges::KEPT_FOR.as_secs()).unwrap_or(i64::MAX);
    Statement::new(in_dialect!(DELETE_OLD_CHANGES)).bind(kept_for)
}
