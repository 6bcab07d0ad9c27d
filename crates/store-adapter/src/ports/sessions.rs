use std::time::Duration;

use async_trait::async_trait;
use labgate_domain::people::AccountId;
use labgate_domain::ports::{Changed, FeedPosition, SessionChanges, SessionStore, StoreError};
use labgate_domain::protocol::{Issuer, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{Recheck, Session, SessionId};
use labgate_domain::time::Timestamp;
use tokio::time::timeout;

use crate::Store;
use crate::rows;
use crate::statements::{changes, sessions};

/// The longest wait for the feed of changes: every check of that second waits along.
const FEED_PATIENCE: Duration = Duration::from_secs(1);

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        self.writer().await?.execute(sessions::add(session)).await?;
        Ok(())
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.reader().await?.find(sessions::find(id), rows::session).await
    }

    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.writer().await?.execute(sessions::touch(id, at)).await?;
        Ok(())
    }

    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.writer().await?.execute(sessions::end(id, at)).await?;
        Ok(())
    }

    async fn list_of(&self, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.reader().await?.list(sessions::list_of(account, now), rows::session).await
    }

    async fn end_all_of(
        &self,
        account: AccountId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.writer().await?.list(sessions::end_all_of(account, except, at), rows::session_id).await
    }

    async fn end_all_from<'a>(
        &self,
        issuer: &Issuer,
        session: Option<&'a ProviderSessionId>,
        subject: Option<&'a Subject>,
        at: Timestamp,
    ) -> Result<Vec<(SessionId, AccountId)>, StoreError> {
        let end = match (session, subject) {
            (None, None) => return Ok(Vec::new()),
            (Some(session), subject) => sessions::end_all_from_session(issuer, session, subject, at),
            (None, Some(subject)) => sessions::end_all_from_subject(issuer, subject, at),
        };
        self.writer().await?.list(end, rows::session_and_account).await
    }

    async fn take_due(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        seen_after: Timestamp,
        again_at: Timestamp,
        at_most: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let take = sessions::take_due(provider, now, seen_after, again_at, at_most);
        self.writer().await?.list(take, rows::session).await
    }

    async fn keep_answer<'a>(
        &self,
        id: SessionId,
        groups: &'a [String],
        recheck: Option<&'a Recheck>,
    ) -> Result<(), StoreError> {
        self.writer().await?.execute(sessions::keep_answer(id, groups, recheck)).await?;
        Ok(())
    }

    async fn changes_since<'a>(
        &self,
        position: Option<&'a FeedPosition>,
    ) -> Result<SessionChanges, StoreError> {
        let answer =
            async { self.reader().await?.list(changes::since(position), rows::position_and_change).await };
        let rows = timeout(FEED_PATIENCE, answer).await.map_err(|_| {
            StoreError(format!("the database did not answer within {} s", FEED_PATIENCE.as_secs()))
        })??;
        let (positions, changed): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let position =
            positions.into_iter().next().ok_or_else(|| StoreError("the feed is empty".to_owned()))?;
        let changed: Vec<Changed> = changed.into_iter().flatten().collect();
        Ok(SessionChanges { position, changed: (changed.len() <= SessionChanges::MOST).then_some(changed) })
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        writer.execute(changes::delete_old()).await?;
        writer.execute(sessions::delete_expired(before)).await
    }
}
