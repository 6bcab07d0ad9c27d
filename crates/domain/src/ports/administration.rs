use async_trait::async_trait;

use super::StoreError;
use crate::people::{
    Account, AccountId, AccountStatus, Credential, EmailAddress, GroupPatch, LocalGroups, Role,
    TooManyGroups, Username,
};
use crate::protocol::{Issuer, Subject};
use crate::time::Timestamp;

/// The administration of accounts. The last active administrator stays one, under any number of concurrent
/// calls.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AdministrationStore: Send + Sync {
    /// Adds the lab's first administrator, if there is no administrator yet. Of any number of concurrent
    /// calls, on any replicas, at most one answers [`FirstAdministrator::Created`].
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

    /// Returns at most `limit` accounts in the order of their ids, beginning after `after`. With `search`,
    /// only those that contain it in their username, address or name, in any case.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn list<'a>(
        &self,
        search: Option<&'a str>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<AccountPage, StoreError>;

    /// Enables or disables an account; never disables the last active administrator. The sessions of one that
    /// is disabled end with it, and its access tokens are deleted, atomically.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn set_status(
        &self,
        id: AccountId,
        status: AccountStatus,
        at: Timestamp,
    ) -> Result<AccountChange, StoreError>;

    /// Changes the role of an account; never of the last active administrator. The sessions of one that loses
    /// a role end with it, and its access tokens are deleted, atomically.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn set_role(&self, id: AccountId, role: Role, at: Timestamp) -> Result<AccountChange, StoreError>;

    /// Gives an account another username, unless that is another account's name or e-mail address. Its
    /// sessions go on.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn rename(&self, id: AccountId, name: &Username) -> Result<AccountRenaming, StoreError>;

    /// Changes the local groups of an account, and nothing else of it. Of concurrent changes none is lost.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was changed then.
    async fn change_groups(&self, id: AccountId, patch: &GroupPatch) -> Result<GroupChange, StoreError>;

    /// Deletes an account with all that belongs to it; never the last active administrator.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn delete(&self, id: AccountId) -> Result<AccountChange, StoreError>;

    /// Moves all identities of one issuer to another: the same subjects, with the same accounts. The sessions
    /// of their accounts end with it. All of that atomically, and only if no subject is there already with
    /// another account; one that is there with the same account takes the place of the old one. A dry run
    /// changes nothing, and returns the same.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was moved then.
    async fn move_identities(
        &self,
        from: &Issuer,
        to: &Issuer,
        dry_run: bool,
        at: Timestamp,
    ) -> Result<Vec<IdentityMove>, StoreError>;

    /// Lets the identities of one issuer give way, until this time, to the first ones of another issuer that
    /// claim their accounts by address ([`IdentityStore::claim`](super::IdentityStore::claim)). It replaces an
    /// earlier such call, and one with a time that has passed takes it back. A dry run changes nothing, and
    /// returns the same.
    ///
    /// # Errors
    /// When the store cannot answer; nothing was changed then.
    async fn let_give_way(
        &self,
        from: &Issuer,
        to: &Issuer,
        until: Timestamp,
        dry_run: bool,
    ) -> Result<Vec<IdentitySuccession>, StoreError>;
}

/// The result of creating the first administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAdministrator {
    /// The account was added.
    Created,
    /// There is an administrator already.
    AlreadyThere,
    /// Another account has this username or e-mail address.
    NameTaken,
}

/// The result of changing an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// The account is changed, or was so already.
    Done,
    /// There is no such account.
    NotFound,
    /// The account is the last active administrator, and the lab needs one.
    LastAdministrator,
}

/// The result of renaming an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountRenaming {
    /// The account has the name.
    Renamed,
    /// There is no such account.
    NotFound,
    /// Another account has this username or e-mail address.
    NameTaken,
}

/// The result of changing an account's local groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// The account has the groups of the change, or had them already.
    Done {
        /// The groups that it had.
        before: LocalGroups,
        /// The groups that it has.
        after: LocalGroups,
    },
    /// There is no such account.
    NotFound,
    /// It would have too many groups; nothing was changed.
    TooMany(TooManyGroups),
}

/// An identity of an issuer that gives its identities to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityMove {
    /// The account that it opens.
    pub account: AccountId,
    /// The username of that account.
    pub name: Username,
    /// The person's id at both issuers.
    pub subject: Subject,
    /// The account that the subject opens at the other issuer already.
    pub there: Option<AccountId>,
}

impl IdentityMove {
    /// Returns whether the move would take the identity at the other issuer from its account.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.there.is_some_and(|there| there != self.account)
    }
}

/// An account whose identity of one issuer gives way to an identity of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySuccession {
    /// The account.
    pub account: AccountId,
    /// Its username.
    pub name: Username,
    /// Its e-mail address, which the other issuer must state.
    pub email: Option<EmailAddress>,
    /// Whether it is an administrator's, or a password or an identity of a further issuer opens it, too.
    pub needs_proof: bool,
}

impl IdentitySuccession {
    /// Returns whether the address claims the account. Otherwise its person proves it by the other credential;
    /// without one, nothing opens the account.
    #[must_use]
    pub fn is_claimable(&self) -> bool {
        self.email.is_some() && !self.needs_proof
    }
}

/// A page of the list of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// Whether more accounts follow.
    pub more: bool,
}
