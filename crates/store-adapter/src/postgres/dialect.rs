//! The statements that PostgreSQL takes in words of its own, most of them for their locks.

/// A page without the accounts in which this text, ASCII in lower case, cannot occur: those that are ASCII as
/// well and do not contain it. Of other letters the database does not know the case as the domain does
/// (`lower` under the collation "C").
pub(crate) const LIKELY_PAGE: &str = concat!(
    "SELECT 'row ' || accounts.ctid AS place, ",
    account_columns!(),
    "FROM accounts, LATERAL (SELECT lower(concat_ws(' ', username, email, name) COLLATE \"C\") AS texts) AS l
     WHERE id > $1 AND (strpos(texts, $3) > 0 OR length(texts) <> octet_length(texts)) ORDER BY id LIMIT $2"
);

pub(crate) const IDENTITIES: &str = "
    SELECT 'row ' || ctid AS place, issuer, subject, email, first_sign_in_at, last_sign_in_at
    FROM external_identities WHERE account_id = $1
    ORDER BY first_sign_in_at, issuer, subject";

/// Replicas take people one after the other: two that hold one session each of one person would wait for each
/// other. The lock on the sessions that are due makes the later one see what the earlier one has taken.
pub(crate) const TAKE_DUE: &str = concat!(
    "WITH turn AS MATERIALIZED (
         SELECT pg_advisory_xact_lock(hashtext('labgate revalidation'), hashtext($1))
     ), due AS (
         SELECT issuer AS due_issuer, subject AS due_subject FROM turn CROSS JOIN sessions
         WHERE provider = $1 AND recheck_at <= $2 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3
         ORDER BY recheck_at, id LIMIT $5
         FOR NO KEY UPDATE OF sessions SKIP LOCKED)
     UPDATE sessions SET recheck_at = $4
     WHERE provider = $1 AND recheck_at IS NOT NULL AND ended_at IS NULL AND expires_at > $2
     AND (issuer, subject) IN (SELECT due_issuer, due_subject FROM due)
     RETURNING 'row ' || sessions.ctid AS place, ",
    session_columns!()
);

/// Sessions that another transaction is changing at this moment are deleted the next time.
pub(crate) const DELETE_EXPIRED_SESSIONS: &str = "
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE expires_at < $1 FOR UPDATE SKIP LOCKED
    )";

/// Attempts that another replica is deleting at this moment are left to it.
pub(crate) const DELETE_EXPIRED_ATTEMPTS: &str = "
    DELETE FROM spent_attempts WHERE id IN (
        SELECT id FROM spent_attempts WHERE keep_until < $1 FOR UPDATE SKIP LOCKED
    )";

/// The position is a snapshot, the start of the server and the time, in a JSON array. A change is new if its
/// transaction had not been committed at the snapshot; no transaction older than the snapshot's first one can be
/// such. Another server may give the same numbers to other transactions, and one in recovery does not know which
/// are under way.
pub(crate) const CHANGES_SINCE: &str = "
    WITH earlier AS (
        SELECT ($1::jsonb ->> 0)::pg_snapshot AS snapshot, ($1::jsonb ->> 1)::float8 AS server,
            ($1::jsonb ->> 2)::float8 AS at
    ), here AS (
        SELECT pg_current_snapshot()::text AS snapshot,
            extract(epoch FROM pg_postmaster_start_time())::float8 AS server, extract(epoch FROM now())::float8 AS at
    )
    SELECT 'the feed' AS place, json_build_array(here.snapshot, here.server, here.at)::text AS position,
        coalesce(earlier.server = here.server AND earlier.at > here.at - $3 AND NOT pg_is_in_recovery(), FALSE)
            AS reaches_back,
        c.session_id, c.account_id, (SELECT revision FROM services_revision) AS services
    FROM here CROSS JOIN earlier LEFT JOIN changes AS c
        ON c.transaction >= pg_snapshot_xmin(earlier.snapshot)
        AND NOT pg_visible_in_snapshot(c.transaction, earlier.snapshot)
    LIMIT $2";

pub(crate) const DELETE_OLD_CHANGES: &str = "
    DELETE FROM changes WHERE at < now() - make_interval(secs => $1)";

/// The lock waits for a change of the account that is under way, and then looks at what it left; and for another
/// session of the account, so that each counts the one before.
pub(crate) const ADD_SESSION: &str = concat!(add_session!(), "FOR NO KEY UPDATE");

/// The lock waits for a deletion of the account that is under way.
pub(crate) const ACCEPT_TERMS: &str = accept_terms!("FOR KEY SHARE");
