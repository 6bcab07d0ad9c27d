use async_trait::async_trait;
use labgate_domain::identity::{EmailClaim, ExternalIdentity};
use labgate_domain::people::{Account, AccountId, AccountStatus, DisplayName, EmailAddress, Role, Username};
use labgate_domain::ports::{AccountCreation, AccountStore, ProfileUpdate, StoreError};
use labgate_domain::protocol::{Issuer, Malformed, Subject};
use labgate_domain::time::Timestamp;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Sqlite, SqliteConnection};

use super::record::{Record, list};
use super::{SqliteStore, failed};

const FIND: &str = "
    SELECT rowid, id, username, email, name, role, status, created_at FROM accounts WHERE id = ?1";

const FIND_BY_IDENTITY: &str = "
    SELECT a.rowid AS rowid, a.id, a.username, a.email, a.name, a.role, a.status, a.created_at
    FROM external_identities AS i JOIN accounts AS a ON a.id = i.account_id
    WHERE i.issuer = ?1 AND i.subject = ?2";

const IDENTITY_IS_LINKED: &str = "
    SELECT EXISTS (SELECT 1 FROM external_identities WHERE issuer = ?1 AND subject = ?2)";

/// Usernames and e-mail addresses are one set of names: an address that is somebody's username is somebody's.
const NAME_IS_ANOTHERS: &str = "
    SELECT EXISTS (
        SELECT 1 FROM accounts WHERE id <> ?1 AND (username IN (?2, ?3) OR email IN (?2, ?3))
    )";

const ADD_ACCOUNT: &str = "
    INSERT INTO accounts (id, username, email, name, role, status, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const ADD_IDENTITY: &str = "
    INSERT INTO external_identities
        (issuer, subject, account_id, first_sign_in_at, last_sign_in_at,
         email, email_verified, name, groups, authentication_methods, authenticated_at)
    VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const RECORD_SIGN_IN: &str = "
    UPDATE external_identities
    SET last_sign_in_at = max(last_sign_in_at, ?4), email = ?5, email_verified = ?6, name = ?7, groups = ?8,
        authentication_methods = ?9, authenticated_at = ?10
    WHERE issuer = ?1 AND subject = ?2 AND account_id = ?3";

const TAKE_OVER_PROFILE: &str = "
    UPDATE accounts SET email = coalesce(?2, email), name = coalesce(?3, name) WHERE id = ?1";

#[async_trait]
impl AccountStore for SqliteStore {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let row =
            sqlx::query(FIND).bind(id.to_string()).fetch_optional(&self.readers).await.map_err(failed)?;
        row.as_ref().map(account).transpose()
    }

    async fn find_by_identity(
        &self,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(FIND_BY_IDENTITY)
            .bind(issuer.as_str())
            .bind(subject.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(account).transpose()
    }

    async fn create(
        &self,
        account: &Account,
        identity: &ExternalIdentity,
    ) -> Result<AccountCreation, StoreError> {
        // Nobody else writes between the questions and the answers, so the unique indexes have nothing left to refuse.
        let mut transaction = self.write().await?;
        if identity_is_linked(&mut transaction, identity).await? {
            return Ok(AccountCreation::IdentityTaken);
        }
        let email = account.email.as_ref();
        if name_is_anothers(&mut transaction, account.id, account.username.as_str(), email).await? {
            return Ok(AccountCreation::NameTaken);
        }

        sqlx::query(ADD_ACCOUNT)
            .bind(account.id.to_string())
            .bind(account.username.as_str())
            .bind(email.map(EmailAddress::as_str))
            .bind(account.name.as_ref().map(DisplayName::as_str))
            .bind(account.role.as_str())
            .bind(account.status.as_str())
            .bind(account.created_at.as_unix_seconds())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        identity_statement(ADD_IDENTITY, account.id, identity, account.created_at)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(AccountCreation::Created)
    }

    async fn record_sign_in(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: &EmailAddress,
        at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        let mut transaction = self.write().await?;
        let recorded = identity_statement(RECORD_SIGN_IN, id, identity, at)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        if recorded.rows_affected() == 0 {
            return Err(StoreError("the identity is not linked to the account".to_owned()));
        }

        let taken = name_is_anothers(&mut transaction, id, email.as_str(), None).await?;
        sqlx::query(TAKE_OVER_PROFILE)
            .bind(id.to_string())
            .bind((!taken).then_some(email.as_str()))
            .bind(identity.name.as_ref().map(DisplayName::as_str))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(if taken { ProfileUpdate::EmailTaken } else { ProfileUpdate::Done })
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM accounts LIMIT 1").fetch_optional(&self.readers).await.map_err(failed)?;
        Ok(())
    }
}

async fn identity_is_linked(
    connection: &mut SqliteConnection,
    identity: &ExternalIdentity,
) -> Result<bool, StoreError> {
    sqlx::query_scalar(IDENTITY_IS_LINKED)
        .bind(identity.issuer.as_str())
        .bind(identity.subject.as_str())
        .fetch_one(connection)
        .await
        .map_err(failed)
}

async fn name_is_anothers(
    connection: &mut SqliteConnection,
    id: AccountId,
    name: &str,
    email: Option<&EmailAddress>,
) -> Result<bool, StoreError> {
    sqlx::query_scalar(NAME_IS_ANOTHERS)
        .bind(id.to_string())
        .bind(name)
        .bind(email.map_or(name, EmailAddress::as_str))
        .fetch_one(connection)
        .await
        .map_err(failed)
}

/// The statement with ?1 to ?4 the identity, its account and the time, ?5 to ?10 what the provider said.
fn identity_statement<'q>(
    sql: &'static str,
    account: AccountId,
    identity: &ExternalIdentity,
    at: Timestamp,
) -> Query<'q, Sqlite, SqliteArguments> {
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

fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    let record = Record::new("accounts", row);
    Ok(Account {
        id: record.parsed("id", AccountId::parse)?,
        username: record.parsed("username", Username::parse)?,
        email: record.parsed_if_present("email", EmailAddress::parse)?,
        name: record
            .parsed_if_present("name", |name| DisplayName::new(name).ok_or(Malformed("display name")))?,
        role: record.parsed("role", Role::parse)?,
        status: record.parsed("status", AccountStatus::parse)?,
        created_at: record.time("created_at")?,
    })
}
