use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::{AccountId, DisplayName};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;

use crate::statement::Statement;

const OWNER: &str = "
    SELECT account_id FROM external_identities WHERE issuer = $1 AND subject = $2";

const ADD: &str = "
    INSERT INTO external_identities
        (issuer, subject, account_id, first_sign_in_at, last_sign_in_at,
         email, email_verified, name, groups, authentication_methods, authenticated_at)
    VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10)";

const RECORD_SIGN_IN: &str = "
    UPDATE external_identities
    SET last_sign_in_at = CASE WHEN last_sign_in_at < $4 THEN $4 ELSE last_sign_in_at END, email = $5,
        email_verified = $6, name = $7, groups = $8, authentication_methods = $9, authenticated_at = $10
    WHERE issuer = $1 AND subject = $2 AND account_id = $3";

const REMOVE: &str = "
    DELETE FROM external_identities WHERE account_id = $1 AND issuer = $2 AND subject = $3";

const TO_MOVE: &str = "
    SELECT 'account ' || i.account_id AS place, i.account_id, accounts.username, i.subject, there.account_id AS there
    FROM external_identities AS i JOIN accounts ON accounts.id = i.account_id
    LEFT JOIN external_identities AS there ON there.issuer = $2 AND there.subject = i.subject
    WHERE i.issuer = $1
    ORDER BY accounts.username, i.subject";

/// Finds the id of the account that an identity opens.
pub(crate) fn owner(identity: &ExternalIdentity) -> Statement {
    Statement::new(OWNER).bind(identity.issuer.as_str()).bind(identity.subject.as_str())
}

/// Links an identity that is linked to no account.
pub(crate) fn add(account: AccountId, identity: &ExternalIdentity, at: Timestamp) -> Statement {
    with_identity(ADD, account, identity, at)
}

/// Keeps the claims of an identity that opens this account.
pub(crate) fn record_sign_in(account: AccountId, identity: &ExternalIdentity, at: Timestamp) -> Statement {
    with_identity(RECORD_SIGN_IN, account, identity, at)
}

/// Binds the identity, its account and the time to `$1` to `$4`, and the provider's claims to `$5` to `$10`.
fn with_identity(
    sql: &'static str,
    account: AccountId,
    identity: &ExternalIdentity,
    at: Timestamp,
) -> Statement {
    let (email, verified) = match &identity.email {
        EmailClaim::Missing | EmailClaim::Malformed => (None, false),
        EmailClaim::Stated { address, verified } => (Some(address.as_str()), *verified),
    };
    Statement::new(sql)
        .bind(identity.issuer.as_str())
        .bind(identity.subject.as_str())
        .bind(account)
        .bind(at)
        .bind(email)
        .bind(verified)
        .bind(identity.name.as_ref().map(DisplayName::as_str))
        .bind(identity.groups.as_slice())
        .bind(identity.authentication_methods.as_slice())
        .bind(identity.authenticated_at)
}

pub(crate) fn remove(account: AccountId, issuer: &Issuer, subject: &Subject) -> Statement {
    Statement::new(REMOVE).bind(account).bind(issuer.as_str()).bind(subject.as_str())
}

/// Lists the identities of an issuer with the names of their accounts, and with the accounts that the same
/// subjects open at another issuer.
pub(crate) fn to_move(from: &Issuer, to: &Issuer) -> Statement {
    Statement::new(TO_MOVE).bind(from.as_str()).bind(to.as_str())
}

/// Gives the identities of an issuer to another.
pub(crate) fn move_all(from: &Issuer, to: &Issuer) -> Statement {
    let move_all = "UPDATE external_identities SET issuer = $2 WHERE issuer = $1";
    Statement::new(move_all).bind(from.as_str()).bind(to.as_str())
}

/// Removes all identities of an account.
pub(crate) fn remove_all(account: AccountId) -> Statement {
    Statement::new("DELETE FROM external_identities WHERE account_id = $1").bind(account)
}
