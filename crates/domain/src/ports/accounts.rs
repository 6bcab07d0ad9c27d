#![cfg_attr(
    any(test, feature = "mocks"),
    expect(clippy::ref_option_ref, reason = "in what mockall generates")
)]

use async_trait::async_trait;

use super::StoreError;
use crate::identity::{ExternalIdentity, LinkedIdentity};
use crate::people::{
    Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, PasswordHash, Role, Username,
};
use crate::protocol::{Issuer, Subject};
use crate::session::SessionId;
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

    /// Records that the person signed in by this identity, and takes over this e-mail address, if there is one that can be
    /// trusted, and its name, if the account has none: what somebody calls themselves here stays. An address that another
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

    /// Changes what a person wants to be called by people; `None` is by the username. Without an account nothing happens.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn set_name<'a>(&self, id: AccountId, name: Option<&'a DisplayName>) -> Result<(), StoreError>;

    /// The account that this is the username or the e-mail address of.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find_by_name(&self, name: &Username) -> Result<Option<Account>, StoreError>;

    /// What opens the account with a password, if anything does.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn credential(&self, id: AccountId) -> Result<Option<Credential>, StoreError>;

    /// Adds an account that a password opens, or that nothing opens yet, atomically.
    /// [`AccountCreation::IdentityTaken`] is no answer to this.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was added then.
    async fn create_local<'a>(
        &self,
        account: &Account,
        credential: Option<&'a Credential>,
    ) -> Result<AccountCreation, StoreError>;

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

    /// Whether there is an administrator, disabled or not.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn has_administrator(&self) -> Result<bool, StoreError>;

    /// Replaces the hash of the present password by a better one of the same password, while this is still it. Answers
    /// whether it was replaced.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn strengthen_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Replaces the password, while this is still its hash (two changes at once must not undo each other), and ends all
    /// sessions of the account; both or neither, whatever happens to the process. Answers which sessions ended; `None` is
    /// that it was not replaced.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was changed then.
    async fn change_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        only_if: &PasswordHash,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError>;

    /// Gives the account this password, whatever opened it so far, and ends all its sessions. From one that had a password
    /// the identities are taken. All of it or nothing. Answers which sessions ended; `None` is that there is no such
    /// account.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was changed then.
    async fn reset_credential(
        &self,
        id: AccountId,
        credential: &Credential,
        at: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError>;

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

/// How linking an identity ended.
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

/// How taking an identity from an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityRemoval {
    /// It opens the account no more.
    Removed,
    /// It did not open the account.
    NotFound,
    /// Nothing else opens the account.
    LastCredential,
}

/// How taking over a profile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileUpdate {
    /// Everything was taken over.
    Done,
    /// The e-mail address is another account's; it was left as it was.
    EmailTaken,
}

/// How making the first administrator ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdministrator {
    /// It is there now.
    Created,
    /// There is an administrator already.
    AlreadyThere,
    /// An account with this username or e-mail address is there already.
    NameTaken,
}

/// How changing an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// It is changed, or was so already.
    Done,
    /// There is no such account.
    NotFound,
    /// It is the last active administrator: nobody could administer the lab any more.
    LastAdministrator,
}

/// A part of the list of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Whether there are more after them.
    pub more: bool,
}
