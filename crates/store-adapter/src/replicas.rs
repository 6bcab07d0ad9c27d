//! The replicas that run on a database, each with what it states about its settings. The domain does not know
//! them.

use std::collections::BTreeMap;
use std::time::Duration;

use labgate_domain::ports::StoreError;
use labgate_domain::time::Timestamp;

use crate::row::{Record, Row};
use crate::sql::Sql;
use crate::statement::Statement;
use crate::{Location, OpenError, Store, as_it_is};

/// A running replica of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningReplica {
    /// The id, which each start makes anew.
    pub id: String,
    /// A fingerprint of each setting that all replicas must have alike, by the setting's name.
    pub settings: BTreeMap<String, String>,
}

impl RunningReplica {
    /// The time for which a replica counts as running after it was seen last, unless it says that it stops.
    pub const SEEN_FOR: Duration = Duration::from_mins(15);
}

const RUNNING: Sql = select!("replicas", "id, settings FROM replicas WHERE seen_at >= $1 ORDER BY id");

const NOTE: &str = "
    INSERT INTO replicas (id, settings, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, seen_at = excluded.seen_at";

impl Store {
    /// Notes that a replica runs at this time, and returns the others that do. Those that were not seen for
    /// [`RunningReplica::SEEN_FOR`] are forgotten.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_replica(
        &self,
        replica: &RunningReplica,
        now: Timestamp,
    ) -> Result<Vec<RunningReplica>, StoreError> {
        let forget = Statement::new("DELETE FROM replicas WHERE seen_at < $1").bind(oldest(now));
        let settings = serde_json::json!(replica.settings).to_string();
        let note = Statement::new(NOTE).bind(&*replica.id).bind(settings).bind(now);
        let mut writer = self.writer().await?;
        writer.execute(forget).await?;
        writer.execute(note).await?;
        let mut running = writer.list(running(now), read).await?;
        running.retain(|other| other.id != replica.id);
        Ok(running)
    }

    /// Forgets a replica that stops.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_replica(&self, replica: &RunningReplica) -> Result<(), StoreError> {
        let forget = Statement::new("DELETE FROM replicas WHERE id = $1").bind(&*replica.id);
        self.writer().await?.execute(forget).await.map(drop)
    }
}

/// Returns the replicas that run on a database at this time. The database is left as it is, its schema too; one
/// that does not exist has none.
///
/// # Errors
/// When the database cannot be reached or read. No error repeats a password.
pub async fn running_replicas(location: &Location, now: Timestamp) -> Result<Vec<RunningReplica>, OpenError> {
    match location {
        Location::Sqlite(path) if !path.exists() => Ok(Vec::new()),
        location => as_it_is::list(location, running(now), read).await,
    }
}

fn running(now: Timestamp) -> Statement {
    Statement::new(RUNNING).bind(oldest(now))
}

fn oldest(now: Timestamp) -> Timestamp {
    now.minus(RunningReplica::SEEN_FOR)
}

fn read(row: &Row) -> Result<RunningReplica, StoreError> {
    let row = Record::new("replicas", row);
    Ok(RunningReplica { id: row.value("id")?, settings: row.object("settings")? })
}
