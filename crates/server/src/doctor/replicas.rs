//! The settings of the replicas that run, which the database has.

use std::collections::BTreeSet;

use labgate_domain::ForeignText;
use labgate_domain::time::Timestamp;
use labgate_store::running_replicas;

use super::finding::Outcome;
use crate::configuration::Configuration;

/// Compares the settings of this configuration with those that the running replicas state.
pub(super) async fn examine(configuration: &Configuration, now: Timestamp) -> Outcome {
    let database = &configuration.database;
    let replicas = match running_replicas(database, now).await {
        Ok(replicas) => replicas,
        Err(error) => {
            let reason = ForeignText::new(&error.to_string());
            return Outcome::of("replicas_unknown", &[("reason", &reason)]);
        }
    };
    let count = replicas.len();
    if count == 0 {
        return Outcome::of("replicas_none", &[("database", database)]);
    }
    let differing = replicas.iter().map(|replica| configuration.shared.differing(&replica.settings));
    let differing: Vec<_> = differing.filter(|names| !names.is_empty()).collect();
    let others = differing.len();
    let settings: Vec<_> = differing.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect();
    if settings.is_empty() {
        return Outcome::of("replicas", &[("count", &count)]);
    }
    let settings = settings.join(", ");
    Outcome::of("replicas_differ", &[("others", &others), ("count", &count), ("settings", &settings)])
}
