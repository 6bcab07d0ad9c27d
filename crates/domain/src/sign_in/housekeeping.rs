use super::SignIn;
use crate::ports::StoreError;

impl SignIn {
    /// Deletes what has expired, and answers how many sessions and attempts that were. To be called now and then.
    ///
    /// # Errors
    /// When the store failed; the rest goes next time.
    pub async fn forget_expired(&self) -> Result<(u64, u64), StoreError> {
        let now = self.ports.clock.now();
        let sessions = self.ports.sessions.delete_expired(now).await?;
        let attempts = self.ports.spent_attempts.delete_expired(now).await?;
        self.ports.throttle.delete_expired(now).await?;
        Ok((sessions, attempts))
    }

    /// Whether people can be signed in at all: the store answers. A provider that is down does not count, for it
    /// recovers by itself and sessions live on.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn check_readiness(&self) -> Result<(), StoreError> {
        self.ports.accounts.check().await
    }
}
