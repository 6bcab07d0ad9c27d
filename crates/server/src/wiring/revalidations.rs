use std::sync::Arc;
use std::time::Duration;

use labgate_domain::provider::ProviderId;
use labgate_domain::sign_in::SignIn;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::background::every;

/// The interval at which due sessions are looked up: much shorter than that of session revalidation.
const INTERVAL: Duration = Duration::from_secs(30);
/// The time limit of [`Revalidations::end`]: a provider has ten seconds for each of the three requests of a
/// revalidation.
const PATIENCE: Duration = Duration::from_secs(30);

/// The background tasks of session revalidation. Each provider has its own task, so that one that is down
/// delays no other.
pub(super) struct Revalidations {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Revalidations {
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), stop: watch::Sender::new(false) }
    }

    pub(super) fn begin(&mut self, sign_in: Arc<SignIn>, provider: ProviderId) {
        self.tasks.spawn(revalidate(sign_in, provider, self.stop.subscribe()));
    }

    /// Returns the switch that lets no further revalidation begin.
    pub(super) fn stop(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Begins no further revalidation, and completes the one under way at each provider: a spent refresh token
    /// without its stored successor would end a session.
    pub(super) async fn end(mut self) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("session revalidation was interrupted: a provider did not answer before the end");
        }
    }
}

async fn revalidate(sign_in: Arc<SignIn>, provider: ProviderId, mut stop: watch::Receiver<bool>) {
    let mut ticks = every(INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => return,
        }
        while !*stop.borrow() {
            match sign_in.revalidation().revalidate(&provider, || !*stop.borrow()).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    let provider = provider.as_str();
                    tracing::error!(provider, error = error.to_string(), "session revalidation failed");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_running_revalidations() {
        let mut revalidations = Revalidations::new();
        let mut stop = revalidations.stop.subscribe();
        let (done, is_done) = tokio::sync::oneshot::channel();
        revalidations.tasks.spawn(async move {
            stop.changed().await.unwrap();
            // The work of a task that was told to stop.
            tokio::task::yield_now().await;
            done.send(()).unwrap();
        });
        revalidations.end().await;
        assert_eq!(is_done.await, Ok(()));
    }

    #[tokio::test]
    async fn a_panicked_task_does_not_delay_the_end() {
        let mut revalidations = Revalidations::new();
        revalidations.tasks.spawn(async { panic!("as a test wants") });
        revalidations.end().await;
    }
}
