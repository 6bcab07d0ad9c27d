//! Which identities open an account. Questions and changes are one transaction, and nobody else changes accounts meanwhile.

use labgate_domain::identity::{ExternalIdentity, LinkedIdentity};
use labgate_domain::people::{AccountId, DisplayName, EmailAddress, PasswordHash};
use labgate_domain::ports::{IdentityLink, IdentityRemoval, StoreError};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;
use sqlx::{PgConnection, PgExecutor, PgPool, Postgres};

use super::{credentials, identities};
use crate::postgres::record::Record;
use crate::postgres::{PostgresStore, failed, unchanged};

const IS_ACTIVE: &str = "
    SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND status = 'active')";

const IS_OPENED: &str = "
    SELECT EXISTS (SELECT 1 FROM credentials WHERE account_id = $1)
        OR EXISTS (SELECT 1 FROM external_identities WHERE account_id = $1)";

const NAME_IF_NAMELESS: &str = "
    UPDATE accounts SET name = coalesce(name, $2) WHERE id = $1";

const REMOVE: &str = "
    DELETE FROM external_identities WHERE account_id = $1 AND issuer = $2 AND subject = $3";

const REMOVE_ALL: &str = "
    DELETE FROM external_identities WHERE account_id = $1";

const LIST: &str = "
    SELECT ctid::text AS place, issuer, subject, email, first_sign_in_at, last_sign_in_at
    FROM external_identities WHERE account_id = $1
    ORDER BY first_sign_in_at, issuer, subject";

/// Takes all identities from an account.
pub(super) async fn remove_all(executor: impl PgExecutor<'_>, id: AccountId) -> Result<(), StoreError> {
    sqlx::query::<Postgres>(REMOVE_ALL).bind(id.to_string()).execute(executor).await.map_err(failed)?;
    Ok(())
}

pub(super) async fn claim(
    store: &PostgresStore,
    id: AccountId,
    identity: &ExternalIdentity,
    at: Timestamp,
) -> Result<IdentityLink, StoreError> {
    let mut transaction = store.write().await?;
    if !holds(IS_ACTIVE, &mut transaction, id).await? || holds(IS_OPENED, &mut transaction, id).await? {
        return unchanged(transaction, IdentityLink::Refused).await;
    }
    if identities::owner(&mut transaction, identity).await?.is_some() {
        return unchanged(transaction, IdentityLink::IdentityTaken).await;
    }
    identities::add(&mut transaction, id, identity, at).await?;
    sqlx::query(NAME_IF_NAMELESS)
        .bind(id.to_string())
        .bind(identity.name.as_ref().map(DisplayName::as_str))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(IdentityLink::Linked)
}

pub(super) async fn link(
    store: &PostgresStore,
    id: AccountId,
    identity: &ExternalIdentity,
    credential: Option<&PasswordHash>,
    at: Timestamp,
) -> Result<IdentityLink, StoreError> {
    let mut transaction = store.write().await?;
    if !holds(IS_ACTIVE, &mut transaction, id).await? {
        return unchanged(transaction, IdentityLink::Refused).await;
    }
    let present = credentials::find(&mut *transaction, id).await?;
    if present.as_ref().map(|present| &present.hash) != credential {
        return unchanged(transaction, IdentityLink::CredentialChanged).await;
    }
    match identities::owner(&mut transaction, identity).await? {
        Some(owner) if owner == id.to_string() => return unchanged(transaction, IdentityLink::Linked).await,
        Some(_) => return unchanged(transaction, IdentityLink::IdentityTaken).await,
        None => identities::add(&mut transaction, id, identity, at).await?,
    }
    transaction.commit().await.map_err(failed)?;
    Ok(IdentityLink::Linked)
}

pub(super) async fn unlink(
    store: &PostgresStore,
    id: AccountId,
    issuer: &Issuer,
    subject: &Subject,
) -> Result<IdentityRemoval, StoreError> {
    let mut transaction = store.write().await?;
    let removed = sqlx::query(REMOVE)
        .bind(id.to_string())
        .bind(issuer.as_str())
        .bind(subject.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    if removed.rows_affected() == 0 {
        return unchanged(transaction, IdentityRemoval::NotFound).await;
    }
    if !holds(IS_OPENED, &mut transaction, id).await? {
        return unchanged(transaction, IdentityRemoval::LastCredential).await;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(IdentityRemoval::Removed)
}

pub(super) async fn list(readers: &PgPool, id: AccountId) -> Result<Vec<LinkedIdentity>, StoreError> {
    let rows = sqlx::query(LIST).bind(id.to_string()).fetch_all(readers).await.map_err(failed)?;
    let identity = |row| {
        let record = Record::new("external_identities", row);
        Ok(LinkedIdentity {
            issuer: record.parsed("issuer", Issuer::parse)?,
            subject: record.parsed("subject", Subject::parse)?,
            email: record.parsed_if_present("email", EmailAddress::parse)?,
            first_sign_in_at: record.time("first_sign_in_at")?,
            last_sign_in_at: record.time("last_sign_in_at")?,
        })
    };
    rows.iter().map(identity).collect()
}

/// The answer to a question about an account.
async fn holds(
    question: &'static str,
    connection: &mut PgConnection,
    id: AccountId,
) -> Result<bool, StoreError> {
    sqlx::query_scalar(question).bind(id.to_string()).fetch_one(connection).await.map_err(failed)
}
