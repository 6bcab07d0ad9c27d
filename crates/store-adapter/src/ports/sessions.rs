use async_trait::async_trait;
use labgate_domain::people::AccountId;
use labgate_domain::ports::{Changed, FeedPosition, SessionChanges, SessionStore, SessionTerms, StoreError};
use labgate_domain::protocol::{IdTokenHint, Issuer, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{NextRevalidation, Session, SessionId, UserAgent};
use labgate_domain::time::Timestamp;

use crate::Store;
use crate::in_time::in_time;
use crate::rows;
use crate::sql::Sql;
use crate::statement::Statement;
use crate::statements::{changes, sessions};

const FIND: Sql = select!("sessions", session_columns!(), "FROM sessions WHERE id = $1");

const LIST_OF: Sql = select!(
    "sessions",
    session_columns!(),
    "FROM sessions WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
     ORDER BY created_at DESC, id"
);

const TOUCH: &str = "
    UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2 AND ended_at IS NULL";

const END: &str = "
    UPDATE sessions SET ended_at = $2, id_token_hint = NULL, refresh_token = NULL, recheck_at = NULL
    WHERE id = $1 AND ended_at IS NULL";

/// Of the others, the newest live ones stay, and as many as there is room for.
const END_SURPLUS: Sql = end_sessions!(
    "id IN (
         SELECT id FROM sessions WHERE account_id = $2 AND ended_at IS NULL AND id <> $4
         ORDER BY (expires_at > $1 AND last_seen_at > $3) DESC, created_at DESC, last_seen_at DESC, id
         LIMIT 9223372036854775807 OFFSET $5)"
);

const END_ALL_FROM_SESSION: Sql =
    end_sessions!("issuer = $2 AND provider_session = $3 AND (CAST($4 AS text) IS NULL OR subject = $4)");

const END_ALL_FROM_SUBJECT: Sql = end_sessions!("issuer = $2 AND subject = $3");

const KEEP_ANSWER: &str = "
    UPDATE sessions
    SET groups = $2, id_token_hint = coalesce($3, id_token_hint), refresh_token = $4, recheck_at = $5
    WHERE id = $1 AND ended_at IS NULL";

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, session: &Session, terms: SessionTerms) -> Result<bool, StoreError> {
        let external = session.external.as_ref();
        let revalidation = external.and_then(|external| external.revalidation.as_ref());
        let add = Statement::new(in_dialect!(ADD_SESSION))
            .bind(session.id)
            .bind(session.account)
            .bind(external.map(|external| external.provider.as_str()))
            .bind(external.map(|external| external.issuer.as_str()))
            .bind(external.map(|external| external.subject.as_str()))
            .bind(external.and_then(|external| external.id.as_ref()).map(ProviderSessionId::as_str))
            .bind(external.and_then(|external| external.id_token_hint.as_ref()).map(IdTokenHint::as_str))
            .bind(session.user_agent.as_ref().map(UserAgent::as_str))
            .bind(session.address.map(|address| address.to_string()))
            .bind(session.groups.as_slice())
            .bind(session.authentication_methods.as_slice())
            .bind(session.authenticated_at)
            .bind(session.created_at)
            .bind(session.last_seen_at)
            .bind(session.expires_at)
            .bind(session.ended_at)
            .bind(revalidation.map(|revalidation| revalidation.refresh_token.as_str()))
            .bind(revalidation.map(|revalidation| revalidation.due_at))
            .bind(terms.role.as_str());
        let mut transaction = self.begin_session().await?;
        if transaction.execute(add).await? == 0 {
            return transaction.undo(false).await;
        }
        let surplus = Statement::new(END_SURPLUS)
            .bind(session.created_at)
            .bind(session.account)
            .bind(terms.seen_after)
            .bind(session.id)
            .bind(i64::from(terms.at_most.max(1)) - 1);
        transaction.execute(surplus).await?;
        transaction.commit(true).await
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.reader().await?.find(Statement::new(FIND).bind(id), rows::session).await
    }

    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.writer().await?.execute(Statement::new(TOUCH).bind(id).bind(at)).await.map(drop)
    }

    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.writer().await?.execute(Statement::new(END).bind(id).bind(at)).await.map(drop)
    }

    async fn list_of(&self, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let list = Statement::new(LIST_OF).bind(account).bind(now);
        self.reader().await?.list(list, rows::session).await
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
        let by_session = Statement::new(END_ALL_FROM_SESSION).bind(at).bind(issuer.as_str());
        let by_subject = Statement::new(END_ALL_FROM_SUBJECT).bind(at).bind(issuer.as_str());
        let end = match (session, subject.map(Subject::as_str)) {
            (None, None) => return Ok(Vec::new()),
            (Some(session), subject) => by_session.bind(session.as_str()).bind(subject),
            (None, Some(subject)) => by_subject.bind(subject),
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
        let take = Statement::new(in_dialect!(TAKE_DUE))
            .bind(provider.as_str())
            .bind(now)
            .bind(seen_after)
            .bind(again_at)
            .bind(i64::from(at_most));
        self.writer().await?.list(take, rows::session).await
    }

    async fn keep_answer<'a>(
        &self,
        id: SessionId,
        groups: &'a [String],
        newer_hint: Option<&'a IdTokenHint>,
        revalidation: Option<&'a NextRevalidation>,
    ) -> Result<(), StoreError> {
        let keep = Statement::new(KEEP_ANSWER)
            .bind(id)
            .bind(groups)
            .bind(newer_hint.map(IdTokenHint::as_str))
            .bind(revalidation.map(|revalidation| revalidation.refresh_token.as_str()))
            .bind(revalidation.map(|revalidation| revalidation.due_at));
        self.writer().await?.execute(keep).await.map(drop)
    }

    async fn changes_since<'a>(
        &self,
        position: Option<&'a FeedPosition>,
    ) -> Result<SessionChanges, StoreError> {
        let rows = in_time(self.feed(), changes::since(position), rows::change).await?;
        let first = rows.first().ok_or_else(|| StoreError("the feed is empty".to_owned()))?;
        let (position, services) = (first.position.clone(), first.services.clone());
        let can_be_told = rows.len() <= SessionChanges::MOST && rows.iter().all(|row| row.can_be_told);
        let changed: Vec<Changed> = rows.into_iter().filter_map(|row| row.changed).collect();
        Ok(SessionChanges { position, changed: can_be_told.then_some(changed), services })
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut writer = self.writer().await?;
        writer.execute(changes::delete_old()).await?;
        writer.execute(Statement::new(in_dialect!(DELETE_EXPIRED_SESSIONS)).bind(before)).await
    }
}
