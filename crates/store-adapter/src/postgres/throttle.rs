//! What is counted of guessing. How, and what it means, is for [`labgate_domain::rate_limit`] to say.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use labgate_domain::ports::{LoginAttempt, Permit, StoreError, Throttle};
use labgate_domain::rate_limit::{self, Counter, FailureCount, Tally};
use labgate_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{PgTransaction, Row as _};

use super::record::Record;
use super::{PostgresStore, failed};

/// One after the other, as they stand there: every try has the kinds in the same order. Locks on rows would not do: of many
/// first tries at once each would find none.
const LOCK: &str = "
    SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key";

const IS_KNOWN: &str = "
    SELECT EXISTS (SELECT 1 FROM failure_counts WHERE key = $1 AND expires_at > $2)";

const FIND: &str = "
    SELECT ctid::text AS place, key, failures, last, until FROM failure_counts WHERE key = ANY ($1)";

const KEEP: &str = "
    INSERT INTO failure_counts (key, kind, failures, last, until, expires_at)
    SELECT * FROM unnest($1::bytea[], $2::text[], $3::double precision[], $4::bigint[], $5::bigint[], $6::bigint[])
    ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, last = excluded.last, until = excluded.until,
        expires_at = excluded.expires_at";

const FORGET: &str = "
    DELETE FROM failure_counts WHERE key = ANY ($1)";

/// What somebody else is changing at this moment goes next time.
const DELETE_EXPIRED: &str = "
    DELETE FROM failure_counts WHERE key IN (
        SELECT key FROM failure_counts WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED
    )";

const KINDS: &str = "
    SELECT DISTINCT kind FROM failure_counts";

/// Those of a kind that were touched longest ago, when there are too many of it.
const DELETE_SURPLUS: &str = "
    DELETE FROM failure_counts WHERE key IN (
        SELECT key FROM failure_counts WHERE kind = $1 ORDER BY last DESC OFFSET $2 FOR UPDATE SKIP LOCKED
    )";

/// How many of each kind are kept, some 20 MB; every replica looks after so many tries whether there are more.
const CAPACITY: i64 = 100_000;
const TRIES_BETWEEN_LOOKS: u32 = 256;

#[async_trait]
impl Throttle for PostgresStore {
    async fn admit(&self, guess: LoginAttempt, now: Timestamp) -> Result<Permit, StoreError> {
        let decide = |tallies: &mut [Tally]| rate_limit::admit(tallies, now);
        let admission = self.count(&guess, now, decide).await?;
        if self.tries.fetch_add(1, Ordering::Relaxed) % TRIES_BETWEEN_LOOKS == TRIES_BETWEEN_LOOKS - 1 {
            for counter in guess.counters(false) {
                self.delete_surplus(counter.key.kind().as_str()).await?;
            }
        }
        Ok(admission)
    }

    async fn record_success(&self, guess: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&guess, now, rate_limit::record_success).await?;
        let Some(key) = guess.known_key() else { return Ok(()) };
        sqlx::query(KEEP)
            .bind([key.digest().as_slice()])
            .bind([key.kind().as_str()])
            .bind([0.0])
            .bind([now.as_unix_seconds()])
            .bind([now.as_unix_seconds()])
            .bind([rate_limit::known_until(now).as_unix_seconds()])
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn cancel(&self, guess: LoginAttempt, now: Timestamp) -> Result<(), StoreError> {
        self.count(&guess, now, rate_limit::cancel).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let expired = sqlx::query(DELETE_EXPIRED).bind(now.as_unix_seconds()).execute(&self.pool).await;
        let mut deleted = expired.map_err(failed)?.rows_affected();
        let kinds: Vec<String> = sqlx::query_scalar(KINDS).fetch_all(&self.pool).await.map_err(failed)?;
        for kind in kinds {
            deleted = deleted.saturating_add(self.delete_surplus(&kind).await?);
        }
        Ok(deleted)
    }
}

impl PostgresStore {
    /// Counts as `change` says, while nobody else touches these counters.
    async fn count<T>(
        &self,
        guess: &LoginAttempt,
        now: Timestamp,
        change: impl FnOnce(&mut [Tally]) -> T + Send,
    ) -> Result<T, StoreError>
    where
        T: Send,
    {
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        let known = match guess.known_key() {
            None => false,
            Some(key) => sqlx::query_scalar(IS_KNOWN)
                .bind(key.digest().as_slice())
                .bind(now.as_unix_seconds())
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed)?,
        };
        let mut tallies = tallies(&mut transaction, guess.counters(known)).await?;
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
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(deleted.rows_affected())
    }
}

/// What these counters have counted; until the transaction ends they are ours.
async fn tallies(
    transaction: &mut PgTransaction<'_>,
    counters: Vec<Counter>,
) -> Result<Vec<Tally>, StoreError> {
    let locks: Vec<i64> = counters.iter().map(lock_of).collect();
    sqlx::query(LOCK).bind(locks).execute(&mut **transaction).await.map_err(failed)?;
    let keys: Vec<_> = counters.iter().map(|counter| counter.key.digest().as_slice()).collect();
    let rows = sqlx::query(FIND).bind(keys).fetch_all(&mut **transaction).await.map_err(failed)?;
    let tally = |counter: &Counter| {
        let is_its = |row: &&_| key_of(row) == Some(counter.key.digest().as_slice());
        let count = match rows.iter().find(is_its) {
            None => FailureCount::default(),
            Some(row) => {
                let record = Record::new("failure_counts", row);
                FailureCount::from_store(
                    record.number("failures")?,
                    record.time("last")?,
                    record.time("until")?,
                )
            }
        };
        Ok(Tally { counter: *counter, count })
    };
    counters.iter().map(tally).collect()
}

async fn keep(
    transaction: &mut PgTransaction<'_>,
    tallies: &[Tally],
    now: Timestamp,
) -> Result<(), StoreError> {
    let (over, kept): (Vec<Tally>, Vec<Tally>) = tallies.iter().partition(|tally| tally.expires_at() <= now);
    let keys = |tallies: &[Tally]| -> Vec<Vec<u8>> {
        tallies.iter().map(|tally| tally.counter.key.digest().to_vec()).collect()
    };
    let times = |time: fn(&Tally) -> Timestamp| -> Vec<i64> {
        kept.iter().map(|tally| time(tally).as_unix_seconds()).collect()
    };
    if !over.is_empty() {
        sqlx::query(FORGET).bind(keys(&over)).execute(&mut **transaction).await.map_err(failed)?;
    }
    sqlx::query(KEEP)
        .bind(keys(&kept))
        .bind(kept.iter().map(|tally| tally.counter.key.kind().as_str()).collect::<Vec<_>>())
        .bind(kept.iter().map(|tally| tally.count.failures()).collect::<Vec<_>>())
        .bind(times(|tally| tally.count.last()))
        .bind(times(|tally| tally.count.until()))
        .bind(times(Tally::expires_at))
        .execute(&mut **transaction)
        .await
        .map_err(failed)?;
    Ok(())
}

/// The number that the counter is locked by: that two share one costs no more than waiting for each other.
fn lock_of(counter: &Counter) -> i64 {
    counter.key.digest().first_chunk().copied().map_or(0, i64::from_be_bytes)
}

fn key_of(row: &PgRow) -> Option<&[u8]> {
    row.try_get("key").ok()
}
