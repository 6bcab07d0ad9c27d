use async_trait::async_trait;
use labgate_domain::identity::{ExternalIdentity, LinkedIdentity};
use labgate_domain::people::{Account, AccountId, EmailAddress, PasswordHash};
use labgate_domain::ports::{
    AccountCreation, IdentityLink, IdentityRemoval, IdentityStore, ProfileUpdate, StoreError,
};
use labgate_domain::protocol::{Issuer, Subject};
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::connection::{Transaction, failed};
use crate::rows;
use crate::sql::Sql;
use crate::statement::Statement;
use crate::statements::{access_tokens, accounts, credentials, identities, sessions};

const FIND_ACCOUNT: Sql = select!(
    "accounts",
    account_columns!(),
    "FROM external_identities AS i JOIN accounts ON accounts.id = i.account_id
     WHERE i.issuer = $1 AND i.subject = $2"
);

#[async_trait]
impl IdentityStore for Store {
    async fn find_by_identity(
        &self,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Account>, StoreError> {
        let find = Statement::new(FIND_ACCOUNT).bind(issuer.as_str()).bind(subject.as_str());
        self.reader().await?.find(find, rows::account).await
    }

    async fn create(
        &self,
        account: &Account,
        identity: &ExternalIdentity,
    ) -> Result<AccountCreation, StoreError> {
        let mut transaction = self.begin().await?;
        if owner(&mut transaction, identity).await?.is_some() {
            return transaction.undo(AccountCreation::IdentityTaken).await;
        }
        if transaction.holds(accounts::names_are_taken(account)).await? {
            return transaction.undo(AccountCreation::NameTaken).await;
        }
        for statement in accounts::add(account) {
            transaction.execute(statement).await?;
        }
        transaction.execute(identities::add(account.id, identity, account.created_at)).await?;
        transaction.commit(AccountCreation::Created).await
    }

    async fn record_sign_in<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: Option<&'a EmailAddress>,
        at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        let (mut transaction, email) = self.begin_sign_in(id, email).await?;
        if transaction.execute(identities::record_sign_in(id, identity, at)).await? == 0 {
            let error = StoreError("the identity is not linked to the account".to_owned());
            return transaction.undo(Err(error)).await?;
        }
        let (issuer, subject, groups) = (&identity.issuer, &identity.subject, &*identity.groups);
        for keep in access_tokens::keep_admission(issuer, subject, Some(groups), at) {
            transaction.execute(keep).await?;
        }
        let taken = match email {
            Some(email) => transaction.holds(accounts::email_is_taken(id, email)).await?,
            None => false,
        };
        let email = email.filter(|_| !taken);
        transaction.execute(accounts::take_over_profile(id, email, identity.name.as_ref())).await?;
        transaction.commit(if taken { ProfileUpdate::EmailTaken } else { ProfileUpdate::Done }).await
    }

    async fn claim(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: &EmailAddress,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError> {
        let mut transaction = self.begin().await?;
        if !transaction.holds(accounts::is_active_with(id, email)).await?
            || transaction.holds(identities::open_further(id, &identity.issuer, at)).await?
        {
            return transaction.undo(IdentityLink::Refused).await;
        }
        if owner(&mut transaction, identity).await?.is_some() {
            return transaction.undo(IdentityLink::IdentityTaken).await;
        }
        // The account's row before those that belong to it, as a sign-in by one of these identities does.
        transaction.execute(accounts::take_over_profile(id, None, identity.name.as_ref())).await?;
        if transaction.execute(identities::remove_giving_way(id, &identity.issuer, at)).await? > 0 {
            transaction.execute(sessions::end_all_of(id, None, at)).await?;
        }
        transaction.execute(identities::add(id, identity, at)).await?;
        transaction.commit(IdentityLink::Linked).await
    }

    async fn link<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        credential: Option<&'a PasswordHash>,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError> {
        let mut transaction = self.begin().await?;
        if !transaction.holds(accounts::is_active(id)).await? {
            return transaction.undo(IdentityLink::Refused).await;
        }
        let present = transaction.find(credentials::find(id), rows::credential).await?;
        if present.as_ref().map(|present| &present.hash) != credential {
            return transaction.undo(IdentityLink::CredentialChanged).await;
        }
        match owner(&mut transaction, identity).await? {
            Some(owner) if owner == id.to_string() => return transaction.undo(IdentityLink::Linked).await,
            Some(_) => return transaction.undo(IdentityLink::IdentityTaken).await,
            None => transaction.execute(identities::add(id, identity, at)).await?,
        };
        transaction.commit(IdentityLink::Linked).await
    }

    async fn unlink(
        &self,
        id: AccountId,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<IdentityRemoval, StoreError> {
        let mut transaction = self.begin().await?;
        if transaction.execute(identities::remove(id, issuer, subject)).await? == 0 {
            return transaction.undo(IdentityRemoval::NotFound).await;
        }
        if !transaction.holds(credentials::opens(id)).await? {
            return transaction.undo(IdentityRemoval::LastCredential).await;
        }
        transaction.commit(IdentityRemoval::Removed).await
    }

    async fn identities(&self, id: AccountId) -> Result<Vec<LinkedIdentity>, StoreError> {
        let list = Statement::new(in_dialect!(IDENTITIES)).bind(id);
        self.reader().await?.list(list, rows::linked_identity).await
    }
}

/// Returns the id, as text, of the account that the identity opens.
async fn owner(
    transaction: &mut Transaction,
    identity: &ExternalIdentity,
) -> Result<Option<String>, StoreError> {
    transaction.find(identities::owner(identity), |row| row.value(0).map_err(failed)).await
}
