//! The signals to a running server.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals: `SIGINT` and `SIGTERM` to stop, `SIGHUP` to read the keys and the certificate again. From its making on none of
/// them ends the process by itself.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

#[cfg(unix)]
impl Signals {
    /// Begins to receive signals.
    pub(super) fn receive() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Completes at the next signal to stop.
    pub(super) async fn stop(&mut self) {
        self.stop_or(|| {}).await;
    }

    /// Completes at the next signal to stop, and reloads at each `SIGHUP` until then.
    pub(super) async fn stop_or(&mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => {
                    tracing::info!("SIGHUP: the keys are read again, and the TLS certificate; settings change with a restart");
                    reload();
                }
            }
        }
    }
}

/// The signal to stop.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Begins to receive signals.
    pub(super) fn receive() -> io::Result<Self> {
        Ok(Self)
    }

    /// Completes at the next signal to stop.
    pub(super) async fn stop(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Completes at the next signal to stop.
    pub(super) async fn stop_or(&mut self, _: impl Fn()) {
        self.stop().await;
    }
}
