mod administration;
mod credentials;
mod identities;
mod linking;

use async_trait::async_trait;
use labgate_domain::identity::{ExternalIdentity, LinkedIdentity};
use labgate_domain::people::{
    Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, PasswordHash, Role, Username,
};
use labgate_domain::ports::{
    AccountChange, AccountCreation, AccountPage, AccountStore, AdministrationStore, CredentialStore,
    FirstAdministrator, IdentityLink, IdentityRemoval, IdentityStore, ProfileUpdate, StoreError,
};
use labgate_domain::protocol::{Issuer, Malformed, Subject};
use labgate_domain::session::SessionId;
use labgate_domain::time::Timestamp;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::record::Record;
use super::sessions;
use super::{PostgresStore, failed, lock, unchanged};

const FIND: &str = "
    SELECT ctid::text AS place, id, username, email, name, role, status, created_at FROM accounts WHERE id = $1";

const FIND_BY_NAME: &str = "
    SELECT ctid::text AS place, id, username, email, name, role, status, created_at
    FROM accounts WHERE username = $1 OR email = $1";

/// Usernames and e-mail addresses are one set of names: an address that is somebody's username is somebody's.
const NAME_IS_ANOTHERS: &str = "
    SELECT EXISTS (
        SELECT 1 FROM accounts WHERE id <> $1 AND (username IN ($2, $3) OR email IN ($2, $3))
    )";

const ADD: &str = "
    INSERT INTO accounts (id, username, email, name, role, status, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const TAKE_OVER_PROFILE: &str = "
    UPDATE accounts SET email = coalesce($2, email), name = coalesce(name, $3) WHERE id = $1";

const SET_NAME: &str = "
    UPDATE accounts SET name = $2 WHERE id = $1";

/// Without an account: no row.
const EMAIL: &str = "
    SELECT email FROM accounts WHERE id = $1";

/// Before anything that belongs to it, as [`administration::delete`] does: otherwise the two could wait for each other.
const KEEP: &str = "
    SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE";

/// What asks before it writes does both in one transaction. Nobody else changes who may use the lab between the questions
/// and the answers (`PostgresStore::write`), so the unique indexes have nothing left to refuse.
#[async_trait]
impl AccountStore for PostgresStore {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(FIND).bind(id.to_string()).fetch_optional(&self.pool).await.map_err(failed)?;
        row.as_ref().map(account).transpose()
    }

    async fn find_by_name(&self, name: &Username) -> Result<Option<Account>, StoreError> {
        let row =
            sqlx::query(FIND_BY_NAME).bind(name.as_str()).fetch_optional(&self.pool).await.map_err(failed)?;
        row.as_ref().map(account).transpose()
    }

    async fn create_local<'a>(
        &self,
        account: &Account,
        credential: Option<&'a Credential>,
    ) -> Result<AccountCreation, StoreError> {
        let mut transaction = self.write().await?;
        if name_is_taken(&mut transaction, account).await? {
            return unchanged(transaction, AccountCreation::NameTaken).await;
        }
        add(&mut transaction, account).await?;
        if let Some(credential) = credential {
            credentials::set(&mut *transaction, account.id, credential).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(AccountCreation::Created)
    }

    async fn set_name<'a>(&self, id: AccountId, name: Option<&'a DisplayName>) -> Result<(), StoreError> {
        sqlx::query(SET_NAME)
            .bind(id.to_string())
            .bind(name.map(DisplayName::as_str))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM accounts LIMIT 1").fetch_optional(&self.pool).await.map_err(failed)?;
        Ok(())
    }
}

#[async_trait]
impl IdentityStore for PostgresStore {
    async fn find_by_identity(
        &self,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Account>, StoreError> {
        let row = identities::find_account(&self.pool, issuer, subject).await?;
        row.as_ref().map(account).transpose()
    }

    async fn create(
        &self,
        account: &Account,
        identity: &ExternalIdentity,
    ) -> Result<AccountCreation, StoreError> {
        let mut transaction = self.write().await?;
        if identities::owner(&mut transaction, identity).await?.is_some() {
            return unchanged(transaction, AccountCreation::IdentityTaken).await;
        }
        if name_is_taken(&mut transaction, account).await? {
            return unchanged(transaction, AccountCreation::NameTaken).await;
        }
        add(&mut transaction, account).await?;
        identities::add(&mut transaction, account.id, identity, account.created_at).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(AccountCreation::Created)
    }

    async fn record_sign_in<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: Option<&'a EmailAddress>,
        at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        // Nearly every sign-in brings the address that is there already: those need not wait for each other. Were it changed
        // at this moment, that sign-in comes last, and its address stays.
        let known: Option<Option<String>> = sqlx::query_scalar(EMAIL)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        let new_email = email.filter(|email| known.flatten().as_deref() != Some(email.as_str()));

        let mut transaction = self.pool.begin().await.map_err(failed)?;
        if new_email.is_some() {
            lock(&mut transaction).await?;
        }
        sqlx::query(KEEP).bind(id.to_string()).execute(&mut *transaction).await.map_err(failed)?;
        if !identities::record_sign_in(&mut transaction, id, identity, at).await? {
            let error = StoreError("the identity is not linked to the account".to_owned());
            return unchanged(transaction, Err(error)).await?;
        }
        let taken = match new_email {
            Some(email) => name_is_anothers(&mut transaction, id, email.as_str(), None).await?,
            None => false,
        };
        sqlx::query(TAKE_OVER_PROFILE)
            .bind(id.to_string())
            .bind(new_email.filter(|_| !taken).map(EmailAddress::as_str))
            .bind(identity.name.as_ref().map(DisplayName::as_str))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(if taken { ProfileUpdate::EmailTaken } else { ProfileUpdate::Done })
    }

    async fn claim(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError> {
        linking::claim(self, id, identity, at).await
    }

    async fn link<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        credential: Option<&'a PasswordHash>,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError> {
        linking::link(self, id, identity, credential, at).await
    }

    async fn unlink(
        &self,
        id: AccountId,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<IdentityRemoval, StoreError> {
        linking::unlink(self, id, issuer, subject).await
    }

    async fn identities(&self, id: AccountId) -> Result<Vec<LinkedIdentity>, StoreError> {
        linking::list(&self.pool, id).await
    }
}

#[async_trait]
impl CredentialStore for PostgresStore {
    async fn credential(&self, id: AccountId) -> Result<Option<Credential>, StoreError> {
        credentials::find(&self.pool, id).await
    }

    async fn strengthen_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
    ) -> Result<bool, StoreError> {
        credentials::replace(&self.pool, id, credential, only_if).await
    }

    async fn change_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let mut transaction = self.write().await?;
        if !credentials::replace(&mut *transaction, id, credential, only_if).await? {
            return unchanged(transaction, None).await;
        }
        let ended = sessions::end_all_of(&mut *transaction, id, None, at).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Some(ended))
    }

    async fn reset_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let mut transaction = self.write().await?;
        let had_one = credentials::find(&mut *transaction, id).await?.is_some();
        if !credentials::set(&mut *transaction, id, credential).await? {
            return unchanged(transaction, None).await;
        }
        if had_one {
            linking::remove_all(&mut *transaction, id).await?;
        }
        let ended = sessions::end_all_of(&mut *transaction, id, None, at).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Some(ended))
    }
}

#[async_trait]
impl AdministrationStore for PostgresStore {
    async fn create_first_administrator(
        &self,
        account: &Account,
        credential: &Credential,
    ) -> Result<FirstAdministrator, StoreError> {
        let mut transaction = self.write().await?;
        if administration::has_administrator(&mut *transaction).await? {
            return unchanged(transaction, FirstAdministrator::AlreadyThere).await;
        }
        if name_is_taken(&mut transaction, account).await? {
            return unchanged(transaction, FirstAdministrator::NameTaken).await;
        }
        add(&mut transaction, account).await?;
        credentials::set(&mut *transaction, account.id, credential).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(FirstAdministrator::Created)
    }

    async fn has_administrator(&self) -> Result<bool, StoreError> {
        administration::has_administrator(&self.pool).await
    }

    async fn list<'a>(
        &self,
        search: Option<&'a str>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, StoreError> {
        administration::list(&self.pool, search, after, limit).await
    }

    async fn set_status(&self, id: AccountId, status: AccountStatus) -> Result<AccountChange, StoreError> {
        administration::set_status(self, id, status).await
    }

    async fn set_role(&self, id: AccountId, role: Role) -> Result<AccountChange, StoreError> {
        administration::set_role(self, id, role).await
    }

    async fn delete(&self, id: AccountId) -> Result<AccountChange, StoreError> {
        administration::delete(self, id).await
    }
}

async fn name_is_taken(connection: &mut PgConnection, account: &Account) -> Result<bool, StoreError> {
    name_is_anothers(connection, account.id, account.username.as_str(), account.email.as_ref()).await
}

async fn name_is_anothers(
    connection: &mut PgConnection,
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

async fn add(connection: &mut PgConnection, account: &Account) -> Result<(), StoreError> {
    sqlx::query(ADD)
        .bind(account.id.to_string())
        .bind(account.username.as_str())
        .bind(account.email.as_ref().map(EmailAddress::as_str))
        .bind(account.name.as_ref().map(DisplayName::as_str))
        .bind(account.role.as_str())
        .bind(account.status.as_str())
        .bind(account.created_at.as_unix_seconds())
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

/// The account in a row that was selected whole.
fn account(row: &PgRow) -> Result<Account, StoreError> {
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
