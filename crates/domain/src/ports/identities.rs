#![cfg_attr(
    any(test, feature = "mocks"),
    expect(clippy::ref_option_ref, reason = "in what mockall generates")
)]

use async_trait::async_trait;

use super::AccountCreation;
use super::StoreError;
use crate::identity::{ExternalIdentity, LinkedIdentity};
use crate::people::{Account, AccountId, EmailAddress, PasswordHash};
use crate::protocol::{Issuer, Subject};
use crate::time::Timestamp;

/// The external identities that open accounts.
///
/// The key of an identity is (issuer, subject).
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait IdentityStore: Send + Sync {
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

    /// Records that the person signed in by this identity, and takes over this e-mail address, if there is one that can be
    /// trusted, and its name, if the account has none: a name that the person chose here stays. An address that another
    /// account has is left out, the rest is done.
    ///
    /// # Errors
    /// When the store cannot answer, or the identity is not linked to the account (any more).
    async fn record_sign_in<'a>(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        email: Option<&'a EmailAddress>,
        at: Timestamp,
    ) -> Result<ProfileUpdate, StoreError>;

    /// Links the identity to an account that nothing opens yet: it has neither a credential nor an identity, and is
    /// active. All of that atomically, so that an invitation is claimed once. A name that the account has not is taken
    /// over from the identity.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was linked then.
    async fn claim(
        &self,
        id: AccountId,
        identity: &ExternalIdentity,
        at: Timestamp,
    ) -> Result<IdentityLink, StoreError>;

    /// Links a further identity to an active account, whose person has proved to be its owner, as long as its password is
    /// the one of that moment: `credential`, or none. Whoever changes or resets a password means to keep out who knew it.
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

    /// Takes an identity from an account; never the last thing that opens it, however many calls come at once.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn unlink(
        &self,
        id: AccountId,
        issuer: &Issuer,
        subject: &Subject,
    ) -> Result<IdentityRemoval, StoreError>;

    /// The identities that open an account, oldest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn identities(&self, id: AccountId) -> Result<Vec<LinkedIdentity>, StoreError>;
}

/// The result of linking an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityLink {
    /// It opens the account now, or did already.
    Linked,
    /// It opens another account.
    IdentityTaken,
    /// The account cannot be had so: it is not there, it is disabled, or (when claiming) something opens it already.
    Refused,
    /// The account's password is another one than it was when its person proved who they are.
    CredentialChanged,
}

/// The result of taking an identity from an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityRemoval {
    /// It opens the account no more.
    Removed,
    /// It did not open the account.
    NotFound,
    /// Nothing else opens the account.
    LastCredential,
}

/// The result of taking over a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileUpdate {
    /// Everything was taken over.
    Done,
    /// The e-mail address is another account's; it was left as it was.
    EmailTaken,
}
