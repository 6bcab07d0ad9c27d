use async_trait::async_trait;

use super::StoreError;
use crate::access_token::{AccessToken, AccessTokenHash, AccessTokenId};
use crate::people::AccountId;
use crate::protocol::{Issuer, Subject};
use crate::session::SessionId;
use crate::time::Timestamp;

/// The access tokens. What ends one, or changes what it says, stands in the feed of changes
/// ([`SessionStore::changes_since`](super::SessionStore::changes_since)) under its id.
///
/// A token goes with its account and with the identity that it was made with, and with all others of the
/// account when that is disabled, loses a role or gets an initial password.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AccessTokenStore: Send + Sync {
    /// Adds a token, if its account is active, has the role that the scope takes and less than `at_most` tokens
    /// that have not expired, its identity opens that account and has come in since it was refused last, and
    /// `session` is one of the account that has not ended. Atomically: what takes the account's tokens away, or
    /// ends that session first, either comes first and is seen, or comes later and finds the token. The account's
    /// expired tokens are deleted.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn create(
        &self,
        token: &AccessToken,
        hash: &AccessTokenHash,
        session: SessionId,
        at_most: u32,
    ) -> Result<AccessTokenCreation, StoreError>;

    /// Returns the token whose text has this hash, valid or not.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find(&self, hash: &AccessTokenHash) -> Result<Option<AccessToken>, StoreError>;

    /// Returns the tokens of an account, expired ones too, newest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn list_of(&self, account: AccountId) -> Result<Vec<AccessToken>, StoreError>;

    /// Moves the time of the last use forward to `at`; never back.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn touch(&self, id: AccessTokenId, at: Timestamp) -> Result<(), StoreError>;

    /// Deletes a token of this account, and returns it; `None` when the account has no such token.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn revoke(&self, account: AccountId, id: AccessTokenId) -> Result<Option<AccessToken>, StoreError>;

    /// Keeps what a provider says of an identity at `at`, in all tokens that were made with it and know nothing
    /// newer: its groups, where the admission rules let it in; `None` where they do not. A sign-in keeps it by itself
    /// ([`IdentityStore::record_sign_in`](super::IdentityStore::record_sign_in)).
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn keep_admission<'a>(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        groups: Option<&'a [String]>,
        at: Timestamp,
    ) -> Result<(), StoreError>;
}

/// The result of adding an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokenCreation {
    /// The token was added.
    Created,
    /// The account, its identity or the session does not permit it, or not any longer.
    Refused,
    /// The account has too many tokens.
    TooMany,
}
