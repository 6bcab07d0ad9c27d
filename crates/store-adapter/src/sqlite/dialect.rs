//! The statements that SQLite takes in words of its own.

/// Filters as [`postgres::dialect::LIKELY_PAGE`](crate::postgres::dialect::LIKELY_PAGE) does. `LIKE` could
/// use no index either.
pub(crate) const LIKELY_PAGE: &str = concat!(
    "SELECT 'row ' || accounts.rowid AS place, ",
    account_columns!(),
    "FROM accounts
     WHERE id > $1 AND (instr(lower(concat_ws(' ', username, email, name)), $3) > 0
         OR length(concat_ws(' ', username, email, name)) <> octet_length(concat_ws(' ', username, email, name)))
     ORDER BY id LIMIT $2"
);

/// The table has no `rowid`: the place is that of the account.
pub(crate) const IDENTITIES: &str = "
    SELECT 'the account in row ' || a.rowid AS place,
        i.issuer, i.subject, i.email, i.first_sign_in_at, i.last_sign_in_at
    FROM external_identities AS i JOIN accounts AS a ON a.id = i.account_id
    WHERE i.account_id = $1
    ORDER BY i.first_sign_in_at, i.issuer, i.subject";

pub(crate) const TAKE_DUE: &str = concat!(
    "UPDATE sessions SET recheck_at = $4
     WHERE provider = $1 AND recheck_at IS NOT NULL AND ended_at IS NULL AND expires_at > $2
     AND (issuer, subject) IN (
         SELECT issuer, subject FROM sessions
         WHERE provider = $1 AND recheck_at <= $2 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3
         ORDER BY recheck_at, id LIMIT $5)
     RETURNING 'row ' || rowid AS place, ",
    session_columns!()
);

pub(crate) const DELETE_EXPIRED_SESSIONS: &str = "
    DELETE FROM sessions WHERE expires_at < $1";

pub(crate) const DELETE_EXPIRED_ATTEMPTS: &str = "
    DELETE FROM spent_attempts WHERE keep_until < $1";

/// The position is the number of the last change and the time, in a JSON array. A number that is not there yet
/// was given by another file under this name.
pub(crate) const CHANGES_SINCE: &str = "
    WITH here AS (
        SELECT coalesce(max(seq), 0) AS number FROM sqlite_sequence WHERE name = 'changes'
    ), earlier AS (
        SELECT json_extract($1, '$[0]') AS number, json_extract($1, '$[1]') AS at
    )
    SELECT 'the feed' AS place, json_array(here.number, unixepoch()) AS position,
        coalesce(earlier.number <= here.number AND earlier.at > unixepoch() - $3, FALSE) AS reaches_back,
        c.session_id, c.account_id, (SELECT revision FROM services_revision) AS services
    FROM here, earlier LEFT JOIN changes AS c ON c.number > earlier.number
    LIMIT $2";

pub(crate) const DELETE_OLD_CHANGES: &str = "
    DELETE FROM changes WHERE at < unixepoch() - $1";

pub(crate) const ADD_SESSION: &str = add_session!();

pub(crate) const ACCEPT_TERMS: &str = accept_terms!("");
