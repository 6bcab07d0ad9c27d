use async_trait::async_trait;
use labgate_domain::people::{Account, AccountId, AccountStatus, Credential, GroupPatch, Role, Username};
use labgate_domain::ports::{
    AccountChange, AccountPage, AccountRenaming, AdministrationStore, FirstAdministrator, GroupChange,
    IdentityMove, IdentitySuccession, StoreError,
};
use labgate_domain::protocol::Issuer;
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::connection::{Transaction, failed};
use crate::postgres;
use crate::rows;
use crate::statement::Statement;
use crate::statements::{access_tokens, accounts, credentials, identities, sessions};

/// The number of accounts read at a time during a search.
const CHUNK: usize = 1000;

#[async_trait]
impl AdministrationStore for Store {
    async fn create_first_administrator(
        &self,
        account: &Account,
        credential: &Credential,
    ) -> Result<FirstAdministrator, StoreError> {
        let mut transaction = self.begin().await?;
        if transaction.holds(accounts::has_administrator()).await? {
            return transaction.undo(FirstAdministrator::AlreadyThere).await;
        }
        if transaction.holds(accounts::names_are_taken(account)).await? {
            return transaction.undo(FirstAdministrator::NameTaken).await;
        }
        for statement in accounts::add(account) {
            transaction.execute(statement).await?;
        }
        transaction.execute(credentials::set(account.id, credential)).await?;
        transaction.commit(FirstAdministrator::Created).await
    }

    async fn has_administrator(&self) -> Result<bool, StoreError> {
        self.reader().await?.holds(accounts::has_administrator()).await
    }

    async fn list<'a>(
        &self,
        search: Option<&'a str>,
        mut after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // One more than asked for tells whether there are more.
        let wanted = limit.saturating_add(1);
        let chunk = if search.is_some() { CHUNK } else { wanted };
        // Both databases know the case of ASCII letters only. PostgreSQL takes no NUL.
        let ascii =
            search.filter(|search| search.is_ascii() && !search.contains('\0')).map(str::to_ascii_lowercase);
        let mut accounts = Vec::new();
        loop {
            let page = accounts::page(after, chunk, ascii.as_deref());
            let page = self.reader().await?.list(page, rows::account).await?;
            let is_last = page.len() < chunk;
            after = page.last().map(|account| account.id);
            accounts.extend(page.into_iter().filter(|it| search.is_none_or(|search| it.is_found_by(search))));
            if accounts.len() >= wanted || is_last {
                let more = accounts.len() > limit;
                accounts.truncate(limit);
                return Ok(AccountPage { accounts, more });
            }
        }
    }

    async fn set_status(
        &self,
        id: AccountId,
        status: AccountStatus,
        at: Timestamp,
    ) -> Result<AccountChange, StoreError> {
        change(self, id, status == AccountStatus::Active, accounts::set_status(id, status), at).await
    }

    async fn set_role(&self, id: AccountId, role: Role, at: Timestamp) -> Result<AccountChange, StoreError> {
        change(self, id, role == Role::Admin, accounts::set_role(id, role), at).await
    }

    async fn rename(&self, id: AccountId, name: &Username) -> Result<AccountRenaming, StoreError> {
        let mut transaction = self.begin().await?;
        if transaction.holds(accounts::username_is_taken(id, name)).await? {
            return transaction.undo(AccountRenaming::NameTaken).await;
        }
        if transaction.execute(accounts::rename(id, name)).await? == 0 {
            return transaction.undo(AccountRenaming::NotFound).await;
        }
        transaction.commit(AccountRenaming::Renamed).await
    }

    async fn change_groups(&self, id: AccountId, patch: &GroupPatch) -> Result<GroupChange, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(before) = transaction.find(accounts::groups(id), rows::local_groups).await? else {
            return transaction.undo(GroupChange::NotFound).await;
        };
        let after = match before.patched(patch) {
            Ok(after) => after,
            Err(error) => return transaction.undo(GroupChange::TooMany(error)).await,
        };
        transaction.execute(accounts::set_groups(id, &after)).await?;
        transaction.commit(GroupChange::Done { before, after }).await
    }

    async fn delete(&self, id: AccountId) -> Result<AccountChange, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(refusal) = refusal(&mut transaction, id, false).await? {
            return transaction.undo(refusal).await;
        }
        if let Transaction::Postgres(transaction) = &mut transaction {
            postgres::lock_sessions_of(transaction, id).await?;
        }
        transaction.execute(accounts::delete(id)).await?;
        transaction.commit(AccountChange::Done).await
    }

    async fn move_identities(
        &self,
        from: &Issuer,
        to: &Issuer,
        dry_run: bool,
        at: Timestamp,
    ) -> Result<Vec<IdentityMove>, StoreError> {
        let mut transaction = self.begin().await?;
        let moves = transaction.list(identities::to_move(from, to), rows::identity_move).await?;
        if dry_run || from == to || moves.iter().any(IdentityMove::is_blocked) {
            return transaction.undo(moves).await;
        }
        for it in moves.iter().filter(|it| it.there.is_some()) {
            transaction.execute(identities::remove(it.account, from, &it.subject)).await?;
        }
        transaction.execute(access_tokens::suspend_all_of(from)).await?;
        transaction.execute(identities::move_all(from, to)).await?;
        for it in &moves {
            transaction.execute(sessions::end_all_of(it.account, None, at)).await?;
        }
        transaction.commit(moves).await
    }

    async fn let_give_way(
        &self,
        from: &Issuer,
        to: &Issuer,
        until: Timestamp,
        dry_run: bool,
    ) -> Result<Vec<IdentitySuccession>, StoreError> {
        let mut transaction = self.begin().await?;
        let successions =
            transaction.list(identities::successions(from, to), rows::identity_succession).await?;
        if dry_run || from == to {
            return transaction.undo(successions).await;
        }
        transaction.execute(identities::let_give_way(from, to, until)).await?;
        transaction.commit(successions).await
    }
}

/// Changes an account. The last active administrator is only changed in a way that takes nothing away; what
/// takes something away ends the account's sessions, and deletes its access tokens.
async fn change(
    store: &Store,
    id: AccountId,
    takes_nothing: bool,
    statement: Statement,
    at: Timestamp,
) -> Result<AccountChange, StoreError> {
    let mut transaction = store.begin().await?;
    if let Some(refusal) = refusal(&mut transaction, id, takes_nothing).await? {
        return transaction.undo(refusal).await;
    }
    transaction.execute(statement).await?;
    if !takes_nothing {
        transaction.execute(sessions::end_all_of(id, None, at)).await?;
        transaction.execute(access_tokens::delete_all_of(id)).await?;
    }
    transaction.commit(AccountChange::Done).await
}

/// Returns the reason not to change the account, if there is one. In the transaction that changes it, so that
/// two administrators cannot demote each other at once.
async fn refusal(
    transaction: &mut Transaction,
    id: AccountId,
    keeps_administrator: bool,
) -> Result<Option<AccountChange>, StoreError> {
    let is_last = accounts::is_last_administrator(id);
    Ok(match transaction.find(is_last, |row| row.value(0).map_err(failed)).await? {
        None => Some(AccountChange::NotFound),
        Some(true) if !keeps_administrator => Some(AccountChange::LastAdministrator),
        Some(_) => None,
    })
}
