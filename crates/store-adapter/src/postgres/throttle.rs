//! The counters of failed logins, for rate limiting. [`labgate_domain::rate_limit`] says how they count.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use labgate_domain::ports::{LoginAttempt, Permit, StoreError, Throttle};
use labgate_domain::rate_limit::{self, Counter, FailureCount, Tally};
use labgate_domain::time::Timestamp;
use sqlx::PgConnection;

use super::PostgresDatabase;
use crate::connection::failed;
use crate::row::{Record, Row};

/// One after the other, in this order: every attempt has the kinds in the same one. Locks on rows would not
/// do: of many first attempts at once each would find no row.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key";

const IS_KNOWN: &str = "
    SELECT EXISTS (SELECT 1 FROM failure_counts WHERE key = $1 AND expires_at > $2)";

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

/// Deletes those of a kind that were touched longest ago, when there are too many of it.
const DELETE_SURPLUS: &str = "
    DELETE FROM failure_counts WHERE key IN (
        SELECT key FROM failure_counts WHERE kind = $1 ORDER BY last DESC OFFSET $2 FOR UPDATE SKIP LOCKED
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
        if self.attempts.fetch_add(1, Ordering::Relaxed) % ATTEMPTS_BETWEEN_CLEANUPS
            == ATTEMPTS_BETWEEN_CLEANUPS - 1
        {
            for counter in attempt.counters(false) {
                self.delete_surplus(counter.key.kind().as_str()).await?;
            }
        }
        Ok(permit)
    }

    async fn record_success(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&attempt, now, rate_limit::record_success).await?;
        let Some(key) = attempt.known_key() else { return Ok(()) };
        sqlx::query(KEEP)
            .bind([key.digest().as_slice()])
            .bind([key.kind().as_str()])
            .bind([0.0])
            .bind([now.as_unix_seconds()])
            .bind([now.as_unix_seconds()])
            .bind([rate_limit::known_until(now).as_unix_seconds()])
            .execute(&self.writers)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn cancel(&self, attempt: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&attempt, now, rate_limit::cancel).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let expired = sqlx::query(DELETE_EXPIRED).bind(now.as_unix_seconds()).execute(&self.writers).await;
        let mut deleted = expired.map_err(failed)?.rows_affected();
        let kinds: Vec<String> = sqlx::query_scalar(KINDS).fetch_all(&self.writers).await.map_err(failed)?;
        for kind in kinds {
            deleted = deleted.saturating_add(self.delete_surplus(&kind).await?);
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
        let known = match attempt.known_key() {
            None => false,
            Some(key) => sqlx::query_scalar(IS_KNOWN)
                .bind(key.digest().as_slice())
                .bind(now.as_unix_seconds())
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed)?,
        };
        let mut tallies = tallies(&mut transaction, attempt.counters(known)).await?;
        let before = tallies.clone();
        let answer = change(&mut tallies);
        if tallies != before {
            keep(&mut transaction, &tallies, now).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(answer)
    }

    async fn delete_surplus(&self, kind: &str) -> Result<u64, StoreError> {
        let deleted = sqlx::query(DELETE_SURPLUS)
            .bind(kind)
            .bind(CAPACITY)
            .execute(&self.writers)
            .await
            .map_err(failed)?;
        Ok(deleted.rows_affected())
    }
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
        let count = match rows.iter().find(is_its) {
            None => FailureCount::default(),
            Some(row) => {
                let record = Record::new("failure_counts", row);
                FailureCount::from_store(
                    record.value("failures")?,
                    record.time("last")?,
                    record.time("until")?,
                )
            }
        };
        Ok(Tally { counter: *counter, count })
    };
    counters.iter().map(tally).collect()
}

async fn keep(connection: &mut PgConnection, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError> {
    let (over, kept): (Vec<Tally>, Vec<Tally>) = tallies.iter().partition(|tally| tally.expires_at() <= now);
    let keys = |tallies: &[Tally]| -> Vec<Vec<u8>> {
        tallies.iter().map(|tally| tally.counter.key.digest().to_vec()).collect()
    };
    let times = |time: fn(&Tally) -> Timestamp| -> Vec<i64> {
        kept.iter().map(|tally| time(tally).as_unix_seconds()).collect()
    };
    if !over.is_empty() {
        sqlx::query(FORGET).bind(keys(&over)).execute(&mut *connection).await.map_err(failed)?;
    }
    sqlx::query(KEEP)
        .bind(keys(&kept))
        .bind(kept.iter().map(|tally| tally.counter.key.kind().as_str()).collect::<Vec<_>>())
        .bind(kept.iter().map(|tally| tally.count.failures()).collect::<Vec<_>>())
        .bind(times(|tally| tally.count.last()))
        .bind(times(|tally| tally.count.until()))
        .bind(times(Tally::expires_at))
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Returns the number that the counter is locked by. Two counters that share one wait for each other, and no
/// more.
fn lock_of(counter: &Counter) -> i64 {
    counter.key.digest().first_chunk().copied().map_or(0, i64::from_be_bytes)
}
