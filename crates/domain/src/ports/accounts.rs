use async_trait::async_trait;

use super::StoreError;
use crate::people::{AcceptedTerms, Account, AccountId, Credential, DisplayName, Username};

/// The accounts of the lab.
///
/// Usernames and e-mail addresses share one namespace: an address that is another account's username is
/// taken.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Returns the account with this id.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// Returns the account with this username or e-mail address.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find_by_name(&self, name: &Username) -> Result<Option<Account>, StoreError>;

    /// Adds an account with a password, or without any credential yet, atomically. It never answers
    /// [`AccountCreation::IdentityTaken`].
    ///
    /// # Errors
    /// When the store cannot answer; nothing was added then.
    async fn create_local<'a>(
        &self,
        account: &Account,
        credential: Option<&'a Credential>,
    ) -> Result<AccountCreation, StoreError>;

    /// Changes a person's name; `None` removes it. An unknown id changes nothing.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn set_name<'a>(&self, id: AccountId, name: Option<&'a DisplayName>) -> Result<(), StoreError>;

    /// Keeps which terms of service a person has accepted, beside other versions, and returns whether that changed
    /// something: the same version once more does not, and its first digest and time stay. An unknown id changes
    /// nothing.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn accept_terms(&self, id: AccountId, terms: &AcceptedTerms) -> Result<bool, StoreError>;

    /// Checks that the store answers and takes writes: it writes something.
    ///
    /// # Errors
    /// When the store does not answer, or cannot write.
    async fn check(&self) -> Result<(), StoreError>;
}

/// The result of adding an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountCreation {
    /// The account was added.
    Created,
    /// The identity is linked to an account already.
    IdentityTaken,
    /// Another account has this username or e-mail address.
    NameTaken,
}
