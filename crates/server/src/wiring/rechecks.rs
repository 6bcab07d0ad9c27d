use std::sync::Arc;
use std::time::Duration;

use labgate_domain::provider::ProviderId;
use labgate_domain::sign_in::SignIn;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::every;

/// How often it is looked for sessions about which a provider is to be asked again: much more often than each of them is.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long the end may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tasks that ask providers again about the people whom they have signed in. Each provider has one of its own: one that is
/// down keeps the others from nothing.
pub(super) struct Rechecks {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Rechecks {
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), stop: watch::Sender::new(false) }
    }

    pub(super) fn begin(&mut self, sign_in: Arc<SignIn>, provider: ProviderId) {
        self.tasks.spawn(recheck(sign_in, provider, self.stop.subscribe()));
    }

    /// Finishes what is under way: a refresh token that was spent, and whose successor nobody kept, would end a session.
    pub(super) async fn end(mut self) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("a provider that was asked again about somebody did not answer before the end");
        }
    }
}

async fn recheck(sign_in: Arc<SignIn>, provider: ProviderId, mut stop: watch::Receiver<bool>) {
    let mut ticks = every(INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => return,
        }
        while !*stop.borrow() {
            match sign_in.revalidation().revalidate(&provider).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    let provider = provider.as_str();
                    tracing::error!(provider, error = error.to_string(), "sessions could not be rechecked");
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
    async fn the_end_waits_for_what_is_under_way() {
        let mut rechecks = Rechecks::new();
        let mut stop = rechecks.stop.subscribe();
        let (done, is_done) = tokio::sync::oneshot::channel();
        rechecks.tasks.spawn(async move {
            stop.changed().await.unwrap();
            // Something that a task is still doing when it is told to stop.
            tokio::task::yield_now().await;
            done.send(()).unwrap();
        });
        rechecks.end().await;
        assert_eq!(is_done.await, Ok(()));
    }

    #[tokio::test]
    async fn a_task_that_panicked_keeps_the_end_from_nothing() {
        let mut rechecks = Rechecks::new();
        rechecks.tasks.spawn(async { panic!("as a test wants") });
        rechecks.end().await;
    }
}
