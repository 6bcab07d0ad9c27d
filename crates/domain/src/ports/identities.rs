use async_trait::async_trait;

use super::AccountCreation;
use super::StoreError;
use crate::identity::{ExternalIdentity, LinkedIdentity};
use crate::people::{Account, AccountId, EmailAddress, PasswordHash};
use crate::protocol::{Issuer, Subject};
use crate::time::Timestamp;

/// The external identities of accounts.
///
/// The key of an identity is (issuer, subject).
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Returns the account that this (issuer, subject) is linked to; compared byte for byte.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find_by_identity(
        &self,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<Option<Account>, StoreError>;

    /// Adds an account together with its external identity, both or neither, atomically (JIT provisioning).
    /// Two concurrent calls for one identity or one name MUST give one account: the other call learns which
    /// was taken.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was added then.
    async fn create(
        &self,
        account: &Account,
        identity: &ExternalIdentity,
    ) -> Result<AccountCreation, StoreError>;

    /// Records a sign-in by this identity, and takes over this e-mail address, if it is trusted, and the
    /// identity's name, if the account has none: a name that the person chose stays. A username that is the
    /// former address follows it ([`Account::take_address`]). An address that another account has, as its
    /// address or its username, is left out, the rest is done. Access tokens that were made with the identity have
    /// its groups from then on, and are valid again if they were not for a lost admission.
    ///
    /// # Errors
    /// When the store cannot answer, or the identity is not linked to the account.
    async fn record_sign_in<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: Option<&'a EmailAddress>,
        at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError>;

    /// Links the identity to an active account that has this e-mail address and that nothing opens: neither a
    /// credential nor an identity, apart from those that give way to this issuer at this time
    /// ([`let_give_way`](super::AdministrationStore::let_give_way)); an administrator's do not. These are removed, and all sessions of the
    /// account end with them. All of that atomically, so that an account is claimed once. An account without a
    /// name takes the identity's.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was linked then.
    async fn claim(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: &EmailAddress,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError>;

    /// Links a further identity to an active account on proof of ownership, if the account's password is
    /// still the one of that moment: `credential`, or none. A change of the password is meant to lock out
    /// everyone who knew the old one.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was linked then.
    async fn link<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        credential: Option<&'a PasswordHash>,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError>;

    /// Unlinks an identity from an account; never the account's last credential, under any number of
    /// concurrent calls.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn unlink(
        &self,
        id: AccountId,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<IdentityRemoval, StoreError>;

    /// Returns the identities of an account, oldest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn identities(&self, id: AccountId) -> Result<Vec<LinkedIdentity>, StoreError>;
}

/// The result of linking an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityLink {
    /// The identity is linked to the account, or was so already.
    Linked,
    /// The identity is linked to another account.
    IdentityTaken,
    /// The account cannot be linked: it does not exist, is disabled, or (when claiming) has a credential
    /// already or another address.
    Refused,
    /// The account's password changed since its person proved ownership.
    CredentialChanged,
}

/// The result of unlinking an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityRemoval {
    /// The identity is unlinked.
    Removed,
    /// The identity was not linked to the account.
    NotFound,
    /// The identity is the account's last credential.
    LastCredential,
}

/// The result of taking over a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileUpdate {
    /// Everything was taken over.
    Done,
    /// Another account has the e-mail address; the old one stays.
    EmailTaken,
}
