use async_trait::async_trait;
use labgate_domain::people::AccountId;
use labgate_domain::ports::{SessionStore, StoreError};
use labgate_domain::protocol::{Issuer, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{Recheck, Session, SessionId};
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::rows;
use crate::statements::sessions;

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

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.writer().await?.execute(sessions::delete_expired(before)).await
    }
}
