use async_trait::async_trait;
use labgate_domain::people::AccountId;
use labgate_domain::ports::{SessionStore, StoreError};
use labgate_domain::provider::ProviderId;
use labgate_domain::session::{Session, SessionId};
use labgate_domain::time::Timestamp;
use sqlx::sqlite::SqliteRow;

use super::record::{Record, list};
use super::{SqliteStore, failed};

const ADD: &str = "
    INSERT INTO sessions
        (id, account_id, provider, groups, authentication_methods, authenticated_at, created_at, last_seen_at,
         expires_at, ended_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const FIND: &str = "
    SELECT rowid, id, account_id, provider, groups, authentication_methods, authenticated_at, created_at,
        last_seen_at, expires_at, ended_at
    FROM sessions WHERE id = ?1";

const LIST_OF: &str = "
    SELECT rowid, id, account_id, provider, groups, authentication_methods, authenticated_at, created_at,
        last_seen_at, expires_at, ended_at
    FROM sessions WHERE account_id = ?1 AND ended_at IS NULL AND expires_at > ?2
    ORDER BY created_at DESC, id";

const TOUCH: &str = "
    UPDATE sessions SET last_seen_at = ?2 WHERE id = ?1 AND last_seen_at < ?2 AND ended_at IS NULL";

const END: &str = "
    UPDATE sessions SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL";

const END_ALL_OF: &str = "
    UPDATE sessions SET ended_at = ?3
    WHERE account_id = ?1 AND ended_at IS NULL AND (?2 IS NULL OR id <> ?2)
    RETURNING rowid, id";

const DELETE_EXPIRED: &str = "
    DELETE FROM sessions WHERE expires_at < ?1";

/// Each write is a single statement, which is a transaction of its own.
#[async_trait]
impl SessionStore for SqliteStore {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        sqlx::query(ADD)
            .bind(session.id.to_string())
            .bind(session.account.to_string())
            .bind(session.provider.as_ref().map(ProviderId::as_str))
            .bind(list(&session.groups))
            .bind(list(&session.authentication_methods))
            .bind(session.authenticated_at.as_unix_seconds())
            .bind(session.created_at.as_unix_seconds())
            .bind(session.last_seen_at.as_unix_seconds())
            .bind(session.expires_at.as_unix_seconds())
            .bind(session.ended_at.map(Timestamp::as_unix_seconds))
            .execute(&self.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let row =
            sqlx::query(FIND).bind(id.to_string()).fetch_optional(&self.readers).await.map_err(failed)?;
        row.as_ref().map(session).transpose()
    }

    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(TOUCH)
            .bind(id.to_string())
            .bind(at.as_unix_seconds())
            .execute(&self.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(END)
            .bind(id.to_string())
            .bind(at.as_unix_seconds())
            .execute(&self.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn list_of(&self, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let rows = sqlx::query(LIST_OF)
            .bind(account.to_string())
            .bind(now.as_unix_seconds())
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.iter().map(session).collect()
    }

    async fn end_all_of(
        &self,
        account: AccountId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let ended = sqlx::query(END_ALL_OF)
            .bind(account.to_string())
            .bind(except.map(|id| id.to_string()))
            .bind(at.as_unix_seconds())
            .fetch_all(&self.writer)
            .await
            .map_err(failed)?;
        ended.iter().map(|row| Record::new("sessions", row).parsed("id", SessionId::parse)).collect()
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let deleted = sqlx::query(DELETE_EXPIRED)
            .bind(before.as_unix_seconds())
            .execute(&self.writer)
            .await
            .map_err(failed)?;
        Ok(deleted.rows_affected())
    }
}

fn session(row: &SqliteRow) -> Result<Session, StoreError> {
    let record = Record::new("sessions", row);
    Ok(Session {
        id: record.parsed("id", SessionId::parse)?,
        account: record.parsed("account_id", AccountId::parse)?,
        provider: record.parsed_if_present("provider", ProviderId::parse)?,
        groups: record.texts("groups")?,
        authentication_methods: record.texts("authentication_methods")?,
        authenticated_at: record.time("authenticated_at")?,
        created_at: record.time("created_at")?,
        last_seen_at: record.time("last_seen_at")?,
        expires_at: record.time("expires_at")?,
        ended_at: record.time_if_present("ended_at")?,
    })
}
