use labgate_domain::access_token::{AccessToken, AccessTokenHash};
use labgate_domain::people::AccountId;
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;

use crate::statement::Statement;

const ADD: &str = "
    INSERT INTO access_tokens
        (id, hash, account_id, name, scope, issuer, subject, groups, admitted, made_at, expires_at, last_used_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// Asks whether an account is active and has the identity, if one is named.
const MAY_HAVE: &str = "
    SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND status = 'active')
        AND (CAST($2 AS text) IS NULL OR EXISTS (
            SELECT 1 FROM external_identities WHERE issuer = $2 AND subject = $3 AND account_id = $1))";

const IS_FULL: &str = "
    SELECT count(*) >= $2 FROM access_tokens WHERE account_id = $1";

const DELETE_EXPIRED: &str = "
    DELETE FROM access_tokens WHERE account_id = $1 AND expires_at <= $2";

/// The tokens of an identity that have other groups, or another admission.
macro_rules! other {
    () => {
        "issuer = $1 AND subject = $2 AND (admitted <> $4 OR groups <> coalesce($3, groups))"
    };
}

const HAVE_OTHER: &str = concat!("SELECT EXISTS (SELECT 1 FROM access_tokens WHERE ", other!(), ")");

const KEEP_ADMISSION: &str =
    concat!("UPDATE access_tokens SET groups = coalesce($3, groups), admitted = $4 WHERE ", other!());

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
        .bind(token.made_at)
        .bind(token.expires_at)
        .bind(token.last_used_at)
}

pub(crate) fn may_have(token: &AccessToken) -> Statement {
    let (issuer, subject) = identity(token);
    Statement::new(MAY_HAVE).bind(token.account).bind(issuer).bind(subject)
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
pub(crate) fn keep_admission(issuer: &Issuer, subject: &Subject, groups: Option<&[String]>) -> Statement {
    with_admission(KEEP_ADMISSION, issuer, subject, groups)
}

/// Asks whether that changes anything.
pub(crate) fn have_other(issuer: &Issuer, subject: &Subject, groups: Option<&[String]>) -> Statement {
    with_admission(HAVE_OTHER, issuer, subject, groups)
}

fn with_admission(
    sql: &'static str,
    issuer: &Issuer,
    subject: &Subject,
    groups: Option<&[String]>,
) -> Statement {
    Statement::new(sql)
        .bind(issuer.as_str())
        .bind(subject.as_str())
        .bind(groups.map(|groups| serde_json::Value::from(groups).to_string()))
        .bind(groups.is_some())
}
