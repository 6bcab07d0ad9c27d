//! The counters of failed logins, for rate limiting. [`labgate_domain::rate_limit`] says how they count.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use labgate_domain::ports::{LoginAttempt, Permit, StoreError, Throttle};
use labgate_domain::rate_limit::{self, Counter, FailureCount, Tally, ThrottleKey};
use labgate_domain::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::PostgresDatabase;
use crate::connection::{Pooled, failed};
use crate::row::{Record, Row};
use crate::statement::Statement;

/// One after the other, in this order: every attempt has the kinds in the same one. Locks on rows would not
/// do: of many first attempts at once each would find no row.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key";

const FIND: &str = "
    SELECT 'row ' || ctid AS place, key, failures, last, until FROM failure_counts WHERE key = ANY ($1)";

const KEEP: &str = "
    INSERT INTO failure_counts (key, kind, failures, last, until, expires_at)
    SELECT * FROM unnest($1::bytea[], $2::text[], $3::double precision[], $4::bigint[], $5::bigint[], $6::bigint[])
    ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, last = excluded.last, until = excluded.until,
        expires_at = excluded.expires_at";

const FORGET: &str = "
    DELETE FROM failure_counts WHERE key = ANY ($1)";

/// Counters that another transaction is changing at this moment are deleted the next time.
const DELETE_EXPIRED: &str = "
    DELETE FROM failure_counts WHERE key IN (
        SELECT key FROM failure_counts WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED
    )";

const KINDS: &str = "
    SELECT DISTINCT kind FROM failure_counts";

/// Deletes those of a kind that would be forgotten first, when there are too many of it: a flood of made-up
/// names, each with an attempt or two, displaces no name that somebody guesses for.
const DELETE_SURPLUS: &str = "
    DELETE FROM failure_counts WHERE key IN (
        SELECT key FROM failure_counts WHERE kind = $1 ORDER BY expires_at DESC OFFSET $2 FOR UPDATE SKIP LOCKED
    )";

/// The number of counters kept of each kind, some 20 MB. Every replica deletes the surplus after so many
/// attempts.
const CAPACITY: i64 = 100_000;
const ATTEMPTS_BETWEEN_CLEANUPS: u32 = 256;

#[async_trait]
impl Throttle for PostgresDatabase {
    async fn admit(&self, attempt: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError> {
        let decide = |tallies: &mut [Tally]| rate_limit::admit(tallies, now);
        let permit = self.count(&attempt, now, decide).await?;
        let attempts = self.attempts.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if attempts.is_multiple_of(ATTEMPTS_BETWEEN_CLEANUPS) {
            let mut connection = Pooled::Postgres(self.writer().await?);
            for counter in attempt.counters() {
                delete_surplus(&mut connection, counter.key.kind().as_str()).await?;
            }
        }
        Ok(permit)
    }

    async fn record_success(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&attempt, now, rate_limit::record_success).await
    }

    async fn cancel(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&attempt, now, rate_limit::cancel).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut connection = Pooled::Postgres(self.writer().await?);
        let mut deleted = connection.execute(Statement::new(DELETE_EXPIRED).bind(now)).await?;
        let kinds: Vec<String> =
            connection.list(Statement::new(KINDS), |row| row.value(0).map_err(failed)).await?;
        for kind in kinds {
            deleted = deleted.saturating_add(delete_surplus(&mut connection, &kind).await?);
        }
        Ok(deleted)
    }
}

impl PostgresDatabase {
    /// Counts as `change` says, while no other transaction touches these counters.
    async fn count<T>(
        &self,
        attempt: &LoginAttempt,
        now: Timestamp,
        change: impl FnOnce(&mut [Tally]) -> T + Send,
    ) -> Result<T, StoreError>
    where
        T: Send,
    {
        let mut transaction = self.begin_plainly().await?;
        let mut tallies = tallies(&mut transaction, attempt.counters()).await?;
        let before = tallies.clone();
        let answer = change(&mut tallies);
        if tallies != before {
            update(&mut transaction, &tallies, now).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(answer)
    }
}

async fn delete_surplus(connection: &mut Pooled, kind: &str) -> Result<u64, StoreError> {
    connection.execute(Statement::new(DELETE_SURPLUS).bind(kind).bind(CAPACITY)).await
}

/// Returns the counts of these counters, and locks them until the transaction ends.
async fn tallies(connection: &mut PgConnection, counters: Vec<Counter>) -> Result<Vec<Tally>, StoreError> {
    let locks: Vec<i64> = counters.iter().map(lock_of).collect();
    sqlx::query(LOCK).bind(locks).execute(&mut *connection).await.map_err(failed)?;
    let keys: Vec<_> = counters.iter().map(|counter| counter.key.digest().as_slice()).collect();
    let rows = sqlx::query(FIND).bind(keys).fetch_all(&mut *connection).await.map_err(failed)?;
    let rows: Vec<Row> = rows.into_iter().map(Row::Postgres).collect();
    let tally = |counter: &Counter| {
        let is_its =
            |row: &&Row| row.value::<&[u8]>("key").is_ok_and(|key| key == counter.key.digest().as_slice());
        let Some(row) = rows.iter().find(is_its) else {
            return Ok(Tally { counter: *counter, count: FailureCount::default() });
        };
        let record = Record::new("failure_counts", row);
        let (failures, last, until) =
            (record.value("failures")?, record.time("last")?, record.time("until")?);
        Ok(Tally { counter: *counter, count: FailureCount::from_store(failures, last, until) })
    };
    counters.iter().map(tally).collect()
}

/// Keeps these counts, and deletes those that are over.
async fn update(connection: &mut PgConnection, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError> {
    let kept =
        |tally: &Tally| Kept { key: tally.counter.key, count: tally.count, expires_at: tally.expires_at() };
    let (over, kept): (Vec<Kept>, Vec<Kept>) =
        tallies.iter().map(kept).partition(|kept| kept.expires_at <= now);
    if !over.is_empty() {
        let keys: Vec<_> = over.iter().map(|over| over.key.digest().as_slice()).collect();
        sqlx::query(FORGET).bind(keys).execute(&mut *connection).await.map_err(failed)?;
    }
    keep(&mut *connection, &kept).await
}

/// A row of the table.
struct Kept {
    key: ThrottleKey,
    count: FailureCount,
    expires_at: Timestamp,
}

async fn keep(executor: impl PgExecutor<'_>, rows: &[Kept]) -> Result<(), StoreError> {
    let times = |time: fn(&Kept) -> Timestamp| -> Vec<i64> {
        rows.iter().map(|row| time(row).as_unix_seconds()).collect()
    };
    sqlx::query(KEEP)
        .bind(rows.iter().map(|row| row.key.digest().as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.key.kind().as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.count.failures()).collect::<Vec<_>>())
        .bind(times(|row| row.count.last()))
        .bind(times(|row| row.count.until()))
        .bind(times(|row| row.expires_at))
        .execute(executor)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Returns the number that the counter is locked by. Two counters that share one wait for each other, and no
/// more.
fn lock_of(counter: &Counter) -> i64 {
    counter.key.digest().first_chunk().copied().map_or(0, i64::from_be_bytes)
}
