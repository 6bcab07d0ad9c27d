use async_trait::async_trait;

use super::StoreError;
use crate::sign_in::Trail;

/// Stores the trails of finished sign-ins, for the operator to look up.
///
/// An adapter that answers questions about them can rely on this:
///
/// - [`Trail::reference`] is what a person quotes. It is random and short: two trails of different days may share one, so a
///   look-up answers all of them, newest first.
/// - [`Trail::ended_at`] is the order, and the time by which old trails are deleted. Trails of one second have no order among
///   themselves, and replicas may store them late.
/// - [`Trail::account`] finds the sign-ins of a person. A refused sign-in may have none.
///
/// Refused sign-ins come from outside in any number: an adapter MUST bound what it keeps. Of the forward-auth check only
/// renewals are stored, at most one in a token's life and replica.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait SignInRecords: Send + Sync {
    /// Stores a trail. The browser waits for the answer, so an adapter MUST NOT take long.
    ///
    /// # Errors
    /// When it was not stored; the sign-in goes on as if it were.
    async fn store(&self, trail: &Trail) -> Result<(), StoreError>;
}
