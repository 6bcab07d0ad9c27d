//! The external identities that open accounts.

use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::{AccountId, DisplayName};
use labgate_domain::ports::StoreError;
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, PgPool, Postgres};

use crate::postgres::failed;
use crate::postgres::record::list;

const FIND_ACCOUNT: &str = "
    SELECT a.ctid::text AS place, a.id, a.username, a.email, a.name, a.role, a.status, a.created_at
    FROM external_identities AS i JOIN accounts AS a ON a.id = i.account_id
    WHERE i.issuer = $1 AND i.subject = $2";

const OWNER: &str = "
    SELECT account_id FROM external_identities WHERE issuer = $1 AND subject = $2";

const ADD: &str = "
    INSERT INTO external_identities
        (issuer, subject, account_id, first_sign_in_at, last_sign_in_at,
         email, email_verified, name, groups, authentication_methods, authenticated_at)
    VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10)";

const RECORD_SIGN_IN: &str = "
    UPDATE external_identities
    SET last_sign_in_at = greatest(last_sign_in_at, $4), email = $5, email_verified = $6, name = $7, groups = $8,
        authentication_methods = $9, authenticated_at = $10
    WHERE issuer = $1 AND subject = $2 AND account_id = $3";

/// The row of the account that the identity opens.
pub(super) async fn find_account(
    readers: &PgPool,
    issuer: &Issuer,
    subject: &Subject,
) -> Result<Option<PgRow>, StoreError> {
    sqlx::query(FIND_ACCOUNT)
        .bind(issuer.as_str())
        .bind(subject.as_str())
        .fetch_optional(readers)
        .await
        .map_err(failed)
}

/// The id, as text, of the account that the identity opens.
pub(super) async fn owner(
    connection: &mut PgConnection,
    identity: &ExternalIdentity,
) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar(OWNER)
        .bind(identity.issuer.as_str())
        .bind(identity.subject.as_str())
        .fetch_optional(connection)
        .await
        .map_err(failed)
}

/// Lets the identity, which opens none yet, open an account.
pub(super) async fn add(
    connection: &mut PgConnection,
    account: AccountId,
    identity: &ExternalIdentity,
    at: Timestamp,
) -> Result<(), StoreError> {
    let add = statement(ADD, account, identity, at);
    add.execute(connection).await.map_err(failed)?;
    Ok(())
}

/// Keeps what the provider said; answers whether the identity opens this account.
pub(super) async fn record_sign_in(
    connection: &mut PgConnection,
    account: AccountId,
    identity: &ExternalIdentity,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let record = statement(RECORD_SIGN_IN, account, identity, at);
    let recorded = record.execute(connection).await.map_err(failed)?;
    Ok(recorded.rows_affected() == 1)
}

/// The statement with $1 to $4 the identity, its account and the time, $5 to $10 what the provider said.
fn statement<'q>(
    sql: &'static str,
    account: AccountId,
    identity: &ExternalIdentity,
    at: Timestamp,
) -> Query<'q, Postgres, PgArguments> {
    let (email, verified) = match &identity.email {
        EmailClaim::Missing | EmailClaim::Malformed => (None, false),
        EmailClaim::Stated { address, verified } => (Some(address.as_str()), *verified),
    };
    sqlx::query(sql)
        .bind(identity.issuer.as_str())
        .bind(identity.subject.as_str())
        .bind(account.to_string())
        .bind(at.as_unix_seconds())
        .bind(email)
        .bind(verified)
        .bind(identity.name.as_ref().map(DisplayName::as_str))
        .bind(list(&identity.groups))
        .bind(list(&identity.authentication_methods))
        .bind(identity.authenticated_at.map(Timestamp::as_unix_seconds))
}
