//! The tasks in the background, but for the keys' and the revalidations'.

use std::sync::Arc;
use std::time::Duration;

use labgate_domain::ports::IdentityProvider;
use labgate_domain::sign_in::SignIn;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::logging::SummingLog;
use crate::remedies::remedy;

/// The interval at which expired sessions and attempts are deleted.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_mins(10);

/// The interval at which equal refusals are told as a number.
const SUMS_INTERVAL: Duration = Duration::from_mins(1);

pub(super) async fn tell_sums(log: Arc<SummingLog>) {
    let mut ticks = every(SUMS_INTERVAL);
    loop {
        ticks.tick().await;
        log.tell_sums();
    }
}

pub(super) async fn forget_expired(sign_in: Arc<SignIn>) {
    let mut ticks = every(HOUSEKEEPING_INTERVAL);
    loop {
        ticks.tick().await;
        match sign_in.housekeeping().forget_expired().await {
            Ok((sessions, attempts)) => {
                tracing::debug!(sessions, attempts, "expired sessions and attempts deleted");
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(error, "expired sessions and attempts could not be deleted");
            }
        }
    }
}

/// Fetches the provider's metadata, so that the first sign-in does not wait for it and a failure is logged at
/// once.
pub(super) async fn warm_up(provider: Arc<dyn IdentityProvider>) {
    let id = provider.description().id;
    let id = id.as_str();
    match provider.authorization_server().await {
        Ok(server) => {
            tracing::info!(provider = id, issuer = server.issuer.as_str(), "external sign-in is ready");
        }
        Err(error) => {
            tracing::warn!(
                provider = id,
                code = error.code().as_str(),
                error = error.to_string(),
                remedy = remedy(error.code()),
                "external sign-in is not ready; the next sign-in asks the provider again"
            );
        }
    }
}

/// Returns ticks that start one interval from now, and do not accumulate while the machine sleeps.
pub(super) fn every(interval: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
