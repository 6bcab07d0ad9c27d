use labgate_domain::people::AccountId;
use labgate_domain::protocol::{IdTokenHint, Issuer, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{Recheck, Session, SessionId, UserAgent};
use labgate_domain::time::Timestamp;

use crate::sql::Sql;
use crate::statement::Statement;

const ADD: &str = "
    INSERT INTO sessions
        (id, account_id, provider, issuer, subject, provider_session, id_token_hint, user_agent, address, groups,
         authentication_methods, authenticated_at, created_at, last_seen_at, expires_at, ended_at,
         refresh_token, recheck_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";

const FIND: Sql = select!("sessions", session_columns!(), "FROM sessions WHERE id = $1");

const LIST_OF: Sql = select!(
    "sessions",
    session_columns!(),
    "FROM sessions WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
     ORDER BY created_at DESC, id"
);

const TOUCH: &str = "
    UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2 AND ended_at IS NULL";

const END: &str = "
    UPDATE sessions SET ended_at = $2, id_token_hint = NULL, refresh_token = NULL, recheck_at = NULL
    WHERE id = $1 AND ended_at IS NULL";

const KEEP_ANSWER: &str = "
    UPDATE sessions SET groups = $2, refresh_token = $3, recheck_at = $4 WHERE id = $1 AND ended_at IS NULL";

pub(crate) fn add(session: &Session) -> Statement {
    let external = session.external.as_ref();
    let recheck = external.and_then(|external| external.recheck.as_ref());
    Statement::new(ADD)
        .bind(session.id)
        .bind(session.account)
        .bind(external.map(|external| external.provider.as_str()))
        .bind(external.map(|external| external.issuer.as_str()))
        .bind(external.map(|external| external.subject.as_str()))
        .bind(external.and_then(|external| external.id.as_ref()).map(ProviderSessionId::as_str))
        .bind(external.and_then(|external| external.id_token_hint.as_ref()).map(IdTokenHint::as_str))
        .bind(session.user_agent.as_ref().map(UserAgent::as_str))
        .bind(session.address.map(|address| address.to_string()))
        .bind(session.groups.as_slice())
        .bind(session.authentication_methods.as_slice())
        .bind(session.authenticated_at)
        .bind(session.created_at)
        .bind(session.last_seen_at)
        .bind(session.expires_at)
        .bind(session.ended_at)
        .bind(recheck.map(|recheck| recheck.refresh_token.as_str()))
        .bind(recheck.map(|recheck| recheck.due_at))
}

pub(crate) fn find(id: SessionId) -> Statement {
    Statement::new(FIND).bind(id)
}

pub(crate) fn list_of(account: AccountId, now: Timestamp) -> Statement {
    Statement::new(LIST_OF).bind(account).bind(now)
}

pub(crate) fn touch(id: SessionId, at: Timestamp) -> Statement {
    Statement::new(TOUCH).bind(id).bind(at)
}

pub(crate) fn end(id: SessionId, at: Timestamp) -> Statement {
    Statement::new(END).bind(id).bind(at)
}

/// Ends all sessions of an account but one, and returns their ids.
pub(crate) fn end_all_of(account: AccountId, except: Option<SessionId>, at: Timestamp) -> Statement {
    Statement::new(in_dialect!(END_ALL_OF)).bind(account).bind(except).bind(at)
}

/// Ends the sessions of a session at the provider, and returns their ids and accounts.
pub(crate) fn end_all_from_session(
    issuer: &Issuer,
    session: &ProviderSessionId,
    subject: Option<&Subject>,
    at: Timestamp,
) -> Statement {
    Statement::new(in_dialect!(END_ALL_FROM_SESSION))
        .bind(issuer.as_str())
        .bind(session.as_str())
        .bind(subject.map(Subject::as_str))
        .bind(at)
}

/// Ends the sessions of a subject at the provider, and returns their ids and accounts.
pub(crate) fn end_all_from_subject(issuer: &Issuer, subject: &Subject, at: Timestamp) -> Statement {
    Statement::new(in_dialect!(END_ALL_FROM_SUBJECT)).bind(issuer.as_str()).bind(subject.as_str()).bind(at)
}

/// Postpones the session revalidations that are due, and returns the sessions.
pub(crate) fn take_due(
    provider: &ProviderId,
    now: Timestamp,
    seen_after: Timestamp,
    again_at: Timestamp,
    at_most: u32,
) -> Statement {
    Statement::new(in_dialect!(TAKE_DUE))
        .bind(provider.as_str())
        .bind(now)
        .bind(seen_after)
        .bind(again_at)
        .bind(i64::from(at_most))
}

/// Keeps the answer to a session revalidation.
pub(crate) fn keep_answer(id: SessionId, groups: &[String], recheck: Option<&Recheck>) -> Statement {
    Statement::new(KEEP_ANSWER)
        .bind(id)
        .bind(groups)
        .bind(recheck.map(|recheck| recheck.refresh_token.as_str()))
        .bind(recheck.map(|recheck| recheck.due_at))
}

pub(crate) fn delete_expired(before: Timestamp) -> Statement {
    Statement::new(in_dialect!(DELETE_EXPIRED_SESSIONS)).bind(before)
}
