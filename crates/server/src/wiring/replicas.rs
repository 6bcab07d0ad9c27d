//! Comparing the settings of the lab's replicas.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use labgate_domain::world::{Clock, Entropy as _};
use labgate_store::{RunningReplica, Store};

use super::background::every;
use crate::configuration::SharedSettings;
use crate::logging;
use crate::world::OsEntropy;

/// The interval at which a replica says that it runs, and looks at the others. It is well below
/// [`RunningReplica::SEEN_FOR`].
const INTERVAL: Duration = Duration::from_mins(1);

/// This replica, as it states itself to the others through the database.
pub(super) struct Replica {
    store: Store,
    clock: Arc<dyn Clock>,
    settings: SharedSettings,
    stated: RunningReplica,
    /// The settings that were last seen to differ.
    differing: BTreeSet<String>,
}

impl Replica {
    pub(super) fn new(store: Store, settings: SharedSettings, clock: Arc<dyn Clock>) -> Self {
        let mut id = [0; 16];
        OsEntropy.fill(&mut id);
        let stated = RunningReplica {
            id: BASE64_URL_SAFE_NO_PAD.encode(id),
            settings: settings.fingerprints().clone(),
        };
        Self { store, clock, settings, stated, differing: BTreeSet::new() }
    }

    /// Returns what the database has of this replica.
    pub(super) fn stated(&self) -> &RunningReplica {
        &self.stated
    }

    /// Compares every minute.
    pub(super) async fn keep_comparing(mut self) {
        let mut ticks = every(INTERVAL);
        loop {
            ticks.tick().await;
            self.compare().await;
        }
    }

    /// Says that this replica runs, and logs the settings that differ from another one's, unless they are those
    /// of the last time.
    pub(super) async fn compare(&mut self) {
        let others = match self.store.note_replica(&self.stated, self.clock.now()).await {
            Ok(others) => others,
            Err(error) => {
                let error = error.to_string();
                return tracing::warn!(error, "the settings of the other replicas are not known");
            }
        };
        let differing = others.iter().flat_map(|other| self.settings.differing(&other.settings));
        let differing: BTreeSet<String> = differing.map(str::to_owned).collect();
        if differing == self.differing {
            return;
        }
        if differing.is_empty() {
            logging::replicas_agree();
        } else {
            logging::replicas_differ(&differing.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        }
        self.differing = differing;
    }
}

#[cfg(test)]
mod tests {
    use labgate_store::Location;

    use super::super::tests::configuration;
    use super::*;
    use crate::logging::LogFormat;
    use crate::logging::testing::log_of;
    use crate::world::SystemClock;

    #[test]
    fn a_difference_is_logged_once_for_each_change_and_without_values() {
        let folder = tempfile::tempdir().unwrap();
        let replica = |store: &Store, more: &[(&str, &str)]| {
            let settings = configuration(folder.path(), more).shared;
            Replica::new(store.clone(), settings, Arc::new(SystemClock))
        };
        let idle = ("LABGATE_SESSION__IDLE_LIMIT", "77m");
        let lifetime = ("LABGATE_SESSION__TOKEN_LIFETIME", "7m");
        // On one thread, for the log of a test is that of its thread.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let log = log_of("info", LogFormat::Json, || {
            runtime.block_on(async {
                let store = Store::open(&Location::Sqlite(folder.path().join("labgate.db"))).await.unwrap();
                let mut one = replica(&store, &[]);
                one.compare().await;
                for more in [&[][..], &[idle], &[idle], &[idle, lifetime]] {
                    let settings = replica(&store, more).stated.settings;
                    let other = RunningReplica { id: "other".to_owned(), settings };
                    store.note_replica(&other, SystemClock.now()).await.unwrap();
                    one.compare().await;
                }
                let other = RunningReplica { id: "other".to_owned(), settings: [].into() };
                store.forget_replica(&other).await.unwrap();
                one.compare().await;
                store.close().await;
            });
        });
        let told: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told = told.iter().filter(|line| line["event"].is_string());
        let told: Vec<_> =
            told.map(|line| (line["event"].as_str().unwrap(), line["settings"].as_str())).collect();
        assert_eq!(
            told,
            [
                ("replicas_differ", Some("session.idle_limit")),
                ("replicas_differ", Some("session.idle_limit, session.token_lifetime")),
                ("replicas_agree", None),
            ]
        );
        assert!(!log.contains("77m"), "{log}");
    }
}
