//! Reading files again that are in use: the keys, and the server's certificate.

use std::sync::Arc;

use labgate_domain::sign_in::SignIn;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use tokio::sync::Notify;

use super::background::every;
use super::live_keys::{KEYS_INTERVAL, LiveKeys};
use super::live_tls::LiveTls;
use crate::systemd;

/// The files in use.
pub(super) struct LiveFiles {
    pub(super) keys: LiveKeys,
    pub(super) tls: Option<LiveTls>,
}

impl LiveFiles {
    /// Reads the files again every minute, and when the bell rings.
    pub(super) async fn keep_up_to_date(
        self,
        clock: Arc<dyn Clock>,
        sign_in: Arc<SignIn>,
        bell: Arc<Notify>,
    ) {
        let files = Arc::new(self);
        let mut ticks = every(KEYS_INTERVAL);
        loop {
            let is_asked_for = tokio::select! {
                _ = ticks.tick() => false,
                () = bell.notified() => true,
            };
            let (files, now) = (Arc::clone(&files), clock.now());
            match tokio::task::spawn_blocking(move || files.read_again(now)).await {
                Ok(true) => sign_in.requests().forget_checks(),
                Ok(false) => {}
                Err(error) => tracing::error!(error = error.to_string(), "reading the files again failed"),
            }
            if is_asked_for {
                systemd::ready();
            }
        }
    }

    /// Reads the files again, and returns whether other keys than before are trusted.
    fn read_again(&self, now: Timestamp) -> bool {
        if let Some(tls) = &self.tls {
            tls.read_again(now);
        }
        self.keys.read_again(now)
    }
}
