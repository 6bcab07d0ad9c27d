#![cfg_attr(
    any(test, feature = "mocks"),
    expect(clippy::ref_option_ref, reason = "in what mockall generates")
)]

use async_trait::async_trait;

use super::StoreError;
use crate::people::{Account, AccountId, AccountStatus, Credential, Role};

/// The administration of accounts. The last active administrator stays one, however many calls come at once.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AdministrationStore: Send + Sync {
    /// Adds the lab's first administrator, if there is no administrator yet. Of any number of calls at once, on whatever
    /// replica, at most one answers [`FirstAdministrator::Created`].
    ///
    /// # Errors
    /// When the store cannot answer; nothing was added then.
    async fn create_first_administrator(
        &self,
        account: &Account,
        credential: &Credential,
    ) -> Result<FirstAdministrator, StoreError>;

    /// Returns whether there is an administrator, disabled or not.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn has_administrator(&self) -> Result<bool, StoreError>;

    /// Accounts in the order of their ids, beginning after `after`; at most `limit`. With `search`, those in whose
    /// username, address or name it stands, whatever the case.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn list<'a>(
        &self,
        search: Option<&'a str>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, StoreError>;

    /// Switches an account on or off; never the last active administrator off, however many calls come at once.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn set_status(&self, id: AccountId, status: AccountStatus) -> Result<AccountChange, StoreError>;

    /// Changes what an account may do; never the last active administrator's.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn set_role(&self, id: AccountId, role: Role) -> Result<AccountChange, StoreError>;

    /// Deletes an account with all that belongs to it; never the last active administrator.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn delete(&self, id: AccountId) -> Result<AccountChange, StoreError>;
}

/// The result of making the first administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdministrator {
    /// It is there now.
    Created,
    /// There is an administrator already.
    AlreadyThere,
    /// An account with this username or e-mail address is there already.
    NameTaken,
}

/// The result of changing an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// It is changed, or was so already.
    Done,
    /// There is no such account.
    NotFound,
    /// It is the last active administrator: the lab would be without one.
    LastAdministrator,
}

/// A part of the list of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// There are more after them.
    pub more: bool,
}
