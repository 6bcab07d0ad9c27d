use async_trait::async_trait;

use super::StoreError;
use crate::identity::ExternalIdentity;
use crate::people::{Account, AccountId, EmailAddress};
use crate::protocol::{Issuer, Subject};
use crate::time::Timestamp;

/// The accounts of the lab and the external identities linked to them.
///
/// Usernames and e-mail addresses are one set of names: an address that is another account's username is taken.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The account with this id.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// The account that this (issuer, subject) is linked to; compared byte for byte.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find_by_identity(
        &self,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Account>, StoreError>;

    /// Adds an account together with the external identity that opens it, both or neither, atomically. Two calls at once
    /// for one identity or one name MUST give one account: the other call learns which was taken.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was added then.
    async fn create(
        &self,
        account: &Account,
        identity: &ExternalIdentity,
    ) -> Result<AccountCreation, StoreError>;

    /// Records that the person signed in by this identity, and takes over its name, if it has one, and this e-mail
    /// address. An address that another account has is left out, the rest is done.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn record_sign_in(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: &EmailAddress,
        at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError>;

    /// Whether the store answers.
    ///
    /// # Errors
    /// When it does not.
    async fn check(&self) -> Result<(), StoreError>;
}

/// How adding an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountCreation {
    /// It is there now.
    Created,
    /// The identity is linked to an account already.
    IdentityTaken,
    /// An account with this username or e-mail address is there already.
    NameTaken,
}

/// How taking over a profile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileUpdate {
    /// Everything was taken over.
    Done,
    /// The e-mail address is another account's; it was left as it was.
    EmailTaken,
}
