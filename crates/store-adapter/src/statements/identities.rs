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

const MOVE_ALL: &str = "
    UPDATE external_identities SET issuer = $2, successor = NULL, successor_until = NULL WHERE issuer = $1";

const TO_MOVE: &str = "
    SELECT 'account ' || i.account_id AS place, i.account_id, accounts.username, i.subject, there.account_id AS there
    FROM external_identities AS i JOIN accounts ON accounts.id = i.account_id
    LEFT JOIN external_identities AS there ON there.issuer = $2 AND there.subject = i.subject
    WHERE i.issuer = $1
    ORDER BY accounts.username, i.subject";

/// The identities that give way, at a time, to those of an issuer.
macro_rules! gives_way {
    () => {
        "account_id = $1 AND successor = $2 AND successor_until > $3"
    };
}

const OPENS_FURTHER: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM credentials WHERE account_id = $1)
        OR (SELECT count(*) FROM external_identities WHERE account_id = $1)
            > (SELECT count(*) FROM external_identities WHERE ",
    gives_way!(),
    " AND NOT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND role = 'admin'))"
);

const REMOVE_GIVING_WAY: &str = concat!("DELETE FROM external_identities WHERE ", gives_way!());

const LET_GIVE_WAY: &str = "
    UPDATE external_identities SET successor = $2, successor_until = $3 WHERE issuer = $1";

const SUCCESSIONS: &str = "
    SELECT 'account ' || a.id AS place, a.id, a.username, a.email,
        a.role = 'admin' OR EXISTS (SELECT 1 FROM credentials WHERE account_id = a.id)
            OR EXISTS (SELECT 1 FROM external_identities WHERE account_id = a.id AND issuer <> $1
                AND (successor IS NULL OR successor <> $2)) AS needs_proof
    FROM accounts AS a
    WHERE EXISTS (SELECT 1 FROM external_identities WHERE account_id = a.id AND issuer = $1)
    ORDER BY a.username";

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
    Statement::new(MOVE_ALL).bind(from.as_str()).bind(to.as_str())
}

/// Asks whether a password opens the account, or an identity that does not give way to this issuer. An
/// administrator's gives way to none.
pub(crate) fn open_further(account: AccountId, issuer: &Issuer, at: Timestamp) -> Statement {
    Statement::new(OPENS_FURTHER).bind(account).bind(issuer.as_str()).bind(at)
}

/// Removes the identities of an account that give way to this issuer.
pub(crate) fn remove_giving_way(account: AccountId, issuer: &Issuer, at: Timestamp) -> Statement {
    Statement::new(REMOVE_GIVING_WAY).bind(account).bind(issuer.as_str()).bind(at)
}

/// Lets all identities of an issuer give way to those of another.
pub(crate) fn let_give_way(from: &Issuer, to: &Issuer, until: Timestamp) -> Statement {
    Statement::new(LET_GIVE_WAY).bind(from.as_str()).bind(to.as_str()).bind(until)
}

/// Lists the accounts that an issuer opens, and whether they are to be proved at another one.
pub(crate) fn successions(from: &Issuer, to: &Issuer) -> Statement {
    Statement::new(SUCCESSIONS).bind(from.as_str()).bind(to.as_str())
}

/// Removes all identities of an account.
pub(crate) fn remove_all(account: AccountId) -> Statement {
    Statement::new("DELETE FROM external_identities WHERE account_id = $1").bind(account)
}
