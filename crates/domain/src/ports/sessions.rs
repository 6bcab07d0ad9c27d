use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use super::services::ServicesRevision;
use crate::people::{AccountId, Role};
use crate::protocol::{IdTokenHint, Issuer, ProviderSessionId, Subject};
use crate::provider::ProviderId;
use crate::session::{NextRevalidation, Session, SessionId};
use crate::time::Timestamp;

/// A position in the feed of changes. Its text means something to the store alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPosition(pub String);

/// A session or an account that has changed, so that an earlier check of it holds no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// The session has ended, was deleted, or has other groups; or the access token that this id stands for was
    /// revoked, or lost or regained its admission, or has other groups.
    Session(SessionId),
    /// The account was deleted, has another status, role, name or address, has other local groups, or has
    /// accepted other terms of service.
    Account(AccountId),
}

/// A stretch of the feed of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChanges {
    /// The end of the stretch.
    pub position: FeedPosition,
    /// What has changed, in no order and perhaps more than once; `None` if that cannot be told: there was no
    /// position, it is too old or of another database, or too much has changed.
    pub changed: Option<Vec<Changed>>,
    /// The revision of the added services.
    pub services: ServicesRevision,
}

impl SessionChanges {
    /// The oldest position, by the store's clock, from which changes are told.
    pub const OLDEST: Duration = Duration::from_mins(30);
    /// The time for which a change stays in the feed, counted from the beginning of its transaction.
    pub const KEPT_FOR: Duration = Duration::from_hours(24);
    /// The most changes that are named at once.
    pub const MOST: usize = 10_000;
}

/// The terms on which a session is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTerms {
    /// The role that its account must have.
    pub role: Role,
    /// The most sessions of its account, this one included; at least one.
    pub at_most: u32,
    /// The time before which the last renewal of a session makes it one that is no longer live.
    pub seen_after: Timestamp,
}

/// The sessions of the lab.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Adds a session if its account is active and has the role of the terms, atomically: what disables or
    /// demotes the account either comes first and is seen, or comes later and finds the session. Returns whether
    /// it was added.
    ///
    /// In the same transaction the account's sessions beyond the most that it may have end, at the time at which
    /// the added one began: first those that are no longer live, then the oldest.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn create(&self, session: &Session, terms: SessionTerms) -> Result<bool, StoreError>;

    /// Returns the session with this id, live or not.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Moves the time of the last renewal forward to `at`; never back, and never for an ended session.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError>;

    /// Ends the session, and forgets its [`IdTokenHint`](crate::protocol::IdTokenHint) and its
    /// [`NextRevalidation`]. An ended or unknown session does not change.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError>;

    /// Returns the sessions of an account that have not been ended and have their absolute limit after `now`,
    /// newest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn list_of(&self, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError>;

    /// Ends all sessions of an account but `except`, atomically, and returns them.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn end_all_of(
        &self,
        account: AccountId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Ends the sessions that began at this issuer with this session of its own (and this subject, if given),
    /// or without one all that began with this subject; with neither none. Atomically, and returns them.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn end_all_from<'a>(
        &self,
        issuer: &Issuer,
        session: Option<&'a ProviderSessionId>,
        subject: Option<&'a Subject>,
        at: Timestamp,
    ) -> Result<Vec<(SessionId, AccountId)>, StoreError>;

    /// Takes people for session revalidation at this provider, and returns all their sessions that began
    /// there and have a [`NextRevalidation`]. A person, which is an issuer with a subject, is taken for a
    /// session that is [due](NextRevalidation::due_at) by `now` and was renewed after `seen_after`; the
    /// longest overdue first, at most `at_most` people. Only sessions count that have not been ended and have
    /// their absolute limit after `now`. Each that is returned is due again at `again_at`, atomically: of any
    /// number of concurrent calls, on any replicas, one gets a person.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn take_due(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        seen_after: Timestamp,
        again_at: Timestamp,
        at_most: u32,
    ) -> Result<Vec<Session>, StoreError>;

    /// Keeps the result of a revalidation: the person's groups, the newer hint for the sign-out, if there is
    /// one, and the refresh token for the next revalidation, if any. An ended session does not change.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn keep_answer<'a>(
        &self,
        id: SessionId,
        groups: &'a [String],
        newer_hint: Option<&'a IdTokenHint>,
        revalidation: Option<&'a NextRevalidation>,
    ) -> Result<(), StoreError>;

    /// Returns what has changed since a position in the feed of changes, and where the feed stands. A call
    /// that begins after a change was committed, on any replica or by a command, tells it.
    ///
    /// # Errors
    /// When the store cannot answer within a second.
    async fn changes_since<'a>(
        &self,
        position: Option<&'a FeedPosition>,
    ) -> Result<SessionChanges, StoreError>;

    /// Deletes the sessions with an absolute limit before `before`, and returns their number. Changes that
    /// have been kept long enough go with them.
    ///
    /// # Errors
    /// When the store cannot answer.
    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError>;
}
