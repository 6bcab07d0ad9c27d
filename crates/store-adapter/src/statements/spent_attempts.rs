use labgate_domain::sealed::SealId;
use labgate_domain::time::Timestamp;

use crate::statement::Statement;

const SPEND: &str = "
    INSERT INTO spent_attempts (id, keep_until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";

pub(crate) fn spend(id: SealId, until: Timestamp) -> Statement {
    Statement::new(SPEND).bind(id).bind(until)
}

pub(crate) fn is_spent(id: SealId) -> Statement {
    Statement::new("SELECT EXISTS (SELECT 1 FROM spent_attempts WHERE id = $1)").bind(id)
}

pub(crate) fn delete_expired(now: Timestamp) -> Statement {
    Statement::new(in_dialect!(DELETE_EXPIRED_ATTEMPTS)).bind(now)
}
