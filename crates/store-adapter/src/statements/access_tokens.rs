use labgate_domain::access_token::{AccessToken, AccessTokenHash};
use labgate_domain::people::AccountId;
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;

use crate::sql::Sql;
use crate::statement::Statement;

const ADD: &str = "
    INSERT INTO access_tokens
        (id, hash, account_id, name, scope, issuer, subject, groups, admitted, told_at, made_at, expires_at,
         last_used_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// Asks whether an account is active and an administrator's, if it must be, and has the identity, if one is
/// named, which was not refused.
const MAY_HAVE: &str = "
    SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND status = 'active' AND (role = 'admin' OR NOT $4))
        AND (CAST($2 AS text) IS NULL OR EXISTS (
            SELECT 1 FROM external_identities
            WHERE issuer = $2 AND subject = $3 AND account_id = $1 AND refused_at IS NULL))";

macro_rules! session {
    () => {
        "SELECT 1 FROM sessions WHERE id = $1 AND account_id = $2 AND ended_at IS NULL AND expires_at > $3"
    };
}

/// Asks whether a session of the account goes on. In PostgreSQL whoever ends it waits for the token.
const GOES_ON: Sql = Sql {
    sqlite: concat!("SELECT EXISTS (", session!(), ")"),
    postgres: concat!("SELECT EXISTS (", session!(), " FOR SHARE)"),
};

const IS_FULL: &str = "
    SELECT count(*) >= $2 FROM access_tokens WHERE account_id = $1";

const DELETE_EXPIRED: &str = "
    DELETE FROM access_tokens WHERE account_id = $1 AND expires_at <= $2";

/// The tokens of an identity that know nothing newer.
macro_rules! not_newer {
    () => {
        "issuer = $1 AND subject = $2 AND told_at <= $3"
    };
}

const SAYS_SOMETHING: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM access_tokens WHERE ",
    not_newer!(),
    ") OR EXISTS (SELECT 1 FROM external_identities WHERE issuer = $1 AND subject = $2
        AND (refused_at IS NULL) <> $4)"
);

const KEEP_REFUSAL: &str = "
    UPDATE external_identities SET refused_at = $4
    WHERE issuer = $1 AND subject = $2 AND coalesce(refused_at <= $3, TRUE)
        AND ($4 IS NULL OR last_sign_in_at <= $3)";

macro_rules! delete_scope {
    () => {
        "DELETE FROM access_tokens WHERE scope = $1"
    };
}

macro_rules! forget_service {
    () => {
        "UPDATE access_tokens SET scope = trim(replace(' ' || scope || ' ', ' ' || $1 || ' ', ' '))
        WHERE ' ' || scope || ' ' LIKE '% ' || $1 || ' %'"
    };
}

macro_rules! unless_added {
    () => {
        " AND NOT EXISTS (SELECT 1 FROM services WHERE id = $1)"
    };
}

const DELETE_SCOPE: &str = delete_scope!();
const DELETE_SCOPE_OF_NEW: &str = concat!(delete_scope!(), unless_added!());
const FORGET_SERVICE: &str = forget_service!();
const FORGET_NEW_SERVICE: &str = concat!(forget_service!(), unless_added!());

const KEEP_ADMISSION: &str = concat!(
    "UPDATE access_tokens SET groups = coalesce($4, groups), admitted = $5, told_at = $3 WHERE ",
    not_newer!()
);

pub(crate) fn add(token: &AccessToken, hash: &AccessTokenHash) -> Statement {
    let (issuer, subject) = identity(token);
    Statement::new(ADD)
        .bind(token.id)
        .bind(*hash)
        .bind(token.account)
        .bind(token.name.as_str())
        .bind(token.scope.to_string())
        .bind(issuer)
        .bind(subject)
        .bind(token.groups.as_slice())
        .bind(token.is_admitted)
        .bind(token.told_at)
        .bind(token.made_at)
        .bind(token.expires_at)
        .bind(token.last_used_at)
}

pub(crate) fn may_have(token: &AccessToken) -> Statement {
    let (issuer, subject) = identity(token);
    Statement::new(MAY_HAVE).bind(token.account).bind(issuer).bind(subject).bind(token.scope.has_admin())
}

pub(crate) fn goes_on(session: SessionId, token: &AccessToken) -> Statement {
    Statement::new(GOES_ON).bind(session).bind(token.account).bind(token.made_at)
}

fn identity(token: &AccessToken) -> (Option<&str>, Option<&str>) {
    token.identity.as_ref().map(|(issuer, subject)| (issuer.as_str(), subject.as_str())).unzip()
}

/// Asks whether an account has so many tokens.
pub(crate) fn is_full(account: AccountId, at_most: u32) -> Statement {
    Statement::new(IS_FULL).bind(account).bind(i64::from(at_most))
}

/// Deletes the tokens of an account that have expired.
pub(crate) fn delete_expired(account: AccountId, now: Timestamp) -> Statement {
    Statement::new(DELETE_EXPIRED).bind(account).bind(now)
}

/// Deletes all tokens of an account.
pub(crate) fn delete_all_of(account: AccountId) -> Statement {
    Statement::new("DELETE FROM access_tokens WHERE account_id = $1").bind(account)
}

/// Keeps the groups of an identity that is admitted, in the tokens that were made with it; or that it is not.
pub(crate) fn keep_admission(
    issuer: &Issuer,
    subject: &Subject,
    groups: Option<&[String]>,
    at: Timestamp,
) -> [Statement; 2] {
    let refused_at = groups.is_none().then_some(at);
    [
        about(KEEP_REFUSAL, issuer, subject, at).bind(refused_at),
        about(KEEP_ADMISSION, issuer, subject, at)
            .bind(groups.map(|groups| serde_json::Value::from(groups).to_string()))
            .bind(groups.is_some()),
    ]
}

/// Asks whether that changes anything.
pub(crate) fn says_something(issuer: &Issuer, subject: &Subject, admitted: bool, at: Timestamp) -> Statement {
    about(SAYS_SOMETHING, issuer, subject, at).bind(admitted)
}

/// Has the tokens of all identities of an issuer open nothing until their persons come in again.
pub(crate) fn suspend_all_of(issuer: &Issuer) -> Statement {
    Statement::new("UPDATE access_tokens SET admitted = $2 WHERE issuer = $1")
        .bind(issuer.as_str())
        .bind(false)
}

/// Takes a service out of all scopes: first deletes the tokens that open nothing else.
pub(crate) fn forget_service(id: &str) -> [Statement; 2] {
    [DELETE_SCOPE, FORGET_SERVICE].map(|sql| Statement::new(sql).bind(id))
}

/// The same for a service that is about to be added: tokens for another one had its id.
pub(crate) fn forget_unless_added(id: &str) -> [Statement; 2] {
    [DELETE_SCOPE_OF_NEW, FORGET_NEW_SERVICE].map(|sql| Statement::new(sql).bind(id))
}

fn about(sql: &'static str, issuer: &Issuer, subject: &Subject, at: Timestamp) -> Statement {
    Statement::new(sql).bind(issuer.as_str()).bind(subject.as_str()).bind(at)
}
