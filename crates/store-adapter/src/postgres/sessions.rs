use std::net::IpAddr;

use async_trait::async_trait;
use labgate_domain::people::AccountId;
use labgate_domain::ports::{SessionStore, StoreError};
use labgate_domain::protocol::{IdTokenHint, Issuer, Malformed, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::sealed::Sealed;
use labgate_domain::session::{ExternalSession, Recheck, Session, SessionId, UserAgent};
use labgate_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgExecutor, Postgres};

use super::record::{Record, list};
use super::{PostgresStore, failed};

const ADD: &str = "
    INSERT INTO sessions
        (id, account_id, provider, issuer, subject, provider_session, id_token_hint, user_agent, address, groups,
         authentication_methods, authenticated_at, created_at, last_seen_at, expires_at, ended_at,
         refresh_token, recheck_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";

/// Whole sessions.
macro_rules! whole {
    () => {
        "sessions.ctid::text AS place, id, account_id, provider, issuer, subject, provider_session, id_token_hint,
             user_agent, address, groups, authentication_methods, authenticated_at, created_at, last_seen_at,
             expires_at, ended_at, refresh_token, recheck_at "
    };
}

macro_rules! select {
    ($which:literal) => {
        concat!("SELECT ", whole!(), "FROM sessions ", $which)
    };
}

/// Ends the live ones among these sessions. They are locked in the order of their ids first: of two statements that end
/// some of the same, neither then waits for the other in a circle.
macro_rules! end {
    ($which:literal, at $at:literal) => {
        concat!(
            "WITH ending AS (SELECT id FROM sessions WHERE ended_at IS NULL AND ",
            $which,
            " ORDER BY id FOR NO KEY UPDATE)
             UPDATE sessions SET ended_at = ",
            $at,
            ", id_token_hint = NULL, refresh_token = NULL, recheck_at = NULL
             FROM ending WHERE sessions.id = ending.id
             RETURNING sessions.ctid::text AS place, sessions.id, sessions.account_id"
        )
    };
}

const FIND: &str = select!("WHERE id = $1");

const LIST_OF: &str = select!(
    "WHERE account_id = $1 AND ended_at IS NULL AND expires_at > $2
     ORDER BY created_at DESC, id"
);

const TOUCH: &str = "
    UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2 AND ended_at IS NULL";

const END: &str = "
    UPDATE sessions SET ended_at = $2, id_token_hint = NULL, refresh_token = NULL, recheck_at = NULL
    WHERE id = $1 AND ended_at IS NULL";

/// What another replica is taking at this moment is passed over.
const TAKE_DUE: &str = concat!(
    "WITH due AS (
         SELECT id AS due_id FROM sessions
         WHERE provider = $1 AND recheck_at <= $2 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3
         ORDER BY recheck_at, id LIMIT $5
         FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE sessions SET recheck_at = $4 FROM due WHERE id = due_id RETURNING ",
    whole!()
);

const KEEP_ANSWER: &str = "
    UPDATE sessions SET groups = $2, refresh_token = $3, recheck_at = $4 WHERE id = $1 AND ended_at IS NULL";

const END_ALL_OF: &str = end!("account_id = $1 AND ($2::text IS NULL OR id <> $2)", at "$3");

const END_ALL_FROM_SESSION: &str =
    end!("issuer = $1 AND provider_session = $2 AND ($3::text IS NULL OR subject = $3)", at "$4");

const END_ALL_FROM_SUBJECT: &str = end!("issuer = $1 AND subject = $2", at "$3");

/// What somebody else is changing at this moment goes next time.
const DELETE_EXPIRED: &str = "
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE expires_at < $1 FOR UPDATE SKIP LOCKED
    )";

/// Each write is a single statement, which is a transaction of its own.
#[async_trait]
impl SessionStore for PostgresStore {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        let external = session.external.as_ref();
        let recheck = external.and_then(|external| external.recheck.as_ref());
        sqlx::query(ADD)
            .bind(session.id.to_string())
            .bind(session.account.to_string())
            .bind(external.map(|external| external.provider.as_str()))
            .bind(external.map(|external| external.issuer.as_str()))
            .bind(external.map(|external| external.subject.as_str()))
            .bind(external.and_then(|external| external.id.as_ref()).map(ProviderSessionId::as_str))
            .bind(external.and_then(|external| external.id_token_hint.as_ref()).map(IdTokenHint::as_str))
            .bind(session.user_agent.as_ref().map(UserAgent::as_str))
            .bind(session.address.map(|address| address.to_string()))
            .bind(list(&session.groups))
            .bind(list(&session.authentication_methods))
            .bind(session.authenticated_at.as_unix_seconds())
            .bind(session.created_at.as_unix_seconds())
            .bind(session.last_seen_at.as_unix_seconds())
            .bind(session.expires_at.as_unix_seconds())
            .bind(session.ended_at.map(Timestamp::as_unix_seconds))
            .bind(recheck.map(|recheck| recheck.refresh_token.as_str()))
            .bind(recheck.map(|recheck| recheck.due_at.as_unix_seconds()))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query(FIND).bind(id.to_string()).fetch_optional(&self.pool).await.map_err(failed)?;
        row.as_ref().map(session).transpose()
    }

    async fn touch(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(TOUCH)
            .bind(id.to_string())
            .bind(at.as_unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(END)
            .bind(id.to_string())
            .bind(at.as_unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn list_of(&self, account: AccountId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let rows = sqlx::query(LIST_OF)
            .bind(account.to_string())
            .bind(now.as_unix_seconds())
            .fetch_all(&self.pool)
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
        end_all_of(&self.pool, account, except, at).await
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
            (Some(session), subject) => sqlx::query(END_ALL_FROM_SESSION)
                .bind(issuer.as_str())
                .bind(session.as_str())
                .bind(subject.map(Subject::as_str)),
            (None, Some(subject)) => {
                sqlx::query(END_ALL_FROM_SUBJECT).bind(issuer.as_str()).bind(subject.as_str())
            }
        };
        let ended = end.bind(at.as_unix_seconds()).fetch_all(&self.pool).await.map_err(failed)?;
        let whose = |row| {
            let record = Record::new("sessions", row);
            Ok((record.parsed("id", SessionId::parse)?, record.parsed("account_id", AccountId::parse)?))
        };
        ended.iter().map(whose).collect()
    }

    async fn take_due(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        seen_after: Timestamp,
        again_at: Timestamp,
        at_most: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let rows = sqlx::query(TAKE_DUE)
            .bind(provider.as_str())
            .bind(now.as_unix_seconds())
            .bind(seen_after.as_unix_seconds())
            .bind(again_at.as_unix_seconds())
            .bind(i64::from(at_most))
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter().map(session).collect()
    }

    async fn keep_answer<'a>(
        &self,
        id: SessionId,
        groups: &'a [String],
        recheck: Option<&'a Recheck>,
    ) -> Result<(), StoreError> {
        sqlx::query(KEEP_ANSWER)
            .bind(id.to_string())
            .bind(list(groups))
            .bind(recheck.map(|recheck| recheck.refresh_token.as_str()))
            .bind(recheck.map(|recheck| recheck.due_at.as_unix_seconds()))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn delete_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        let deleted = sqlx::query(DELETE_EXPIRED)
            .bind(before.as_unix_seconds())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(deleted.rows_affected())
    }
}

/// The session in a row that was selected whole.
/// Ends all sessions of an account but one, within whatever transaction there is.
pub(super) async fn end_all_of(
    executor: impl PgExecutor<'_>,
    account: AccountId,
    except: Option<SessionId>,
    at: Timestamp,
) -> Result<Vec<SessionId>, StoreError> {
    let ended = sqlx::query::<Postgres>(END_ALL_OF)
        .bind(account.to_string())
        .bind(except.map(|id| id.to_string()))
        .bind(at.as_unix_seconds())
        .fetch_all(executor)
        .await
        .map_err(failed)?;
    ended.iter().map(|row| Record::new("sessions", row).parsed("id", SessionId::parse)).collect()
}

fn session(row: &PgRow) -> Result<Session, StoreError> {
    let record = Record::new("sessions", row);
    // Anything may stand there, so it is cut to what may be kept, rather than refused.
    let user_agent = record.parsed_if_present("user_agent", |text| Ok(UserAgent::new(text)))?.flatten();
    Ok(Session {
        id: record.parsed("id", SessionId::parse)?,
        account: record.parsed("account_id", AccountId::parse)?,
        external: external(record)?,
        user_agent,
        address: record.parsed_if_present("address", address)?,
        groups: record.texts("groups")?,
        authentication_methods: record.texts("authentication_methods")?,
        authenticated_at: record.time("authenticated_at")?,
        created_at: record.time("created_at")?,
        last_seen_at: record.time("last_seen_at")?,
        expires_at: record.time("expires_at")?,
        ended_at: record.time_if_present("ended_at")?,
    })
}

/// Where the session in a row began; nowhere else than here when no provider is named.
fn external(record: Record<'_>) -> Result<Option<ExternalSession>, StoreError> {
    let Some(provider) = record.parsed_if_present("provider", ProviderId::parse)? else {
        return Ok(None);
    };
    Ok(Some(ExternalSession {
        provider,
        issuer: record.parsed("issuer", Issuer::parse)?,
        subject: record.parsed("subject", Subject::parse)?,
        id: record.parsed_if_present("provider_session", ProviderSessionId::parse)?,
        id_token_hint: record.parsed_if_present("id_token_hint", IdTokenHint::parse)?,
        recheck: recheck(record)?,
    }))
}

fn recheck(record: Record<'_>) -> Result<Option<Recheck>, StoreError> {
    let refresh_token = record.parsed_if_present("refresh_token", Sealed::parse)?;
    let due_at = record.time_if_present("recheck_at")?;
    Ok(refresh_token.zip(due_at).map(|(refresh_token, due_at)| Recheck { refresh_token, due_at }))
}

fn address(text: &str) -> Result<IpAddr, Malformed> {
    text.parse().map_err(|_| Malformed("address"))
}
