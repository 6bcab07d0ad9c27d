//! The accept loop.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::connection::{Seat, attend};
use crate::{App, Peer};

/// The most connections that are open; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: u32 = 1024;
/// The time for requests under way when the server stops.
const DRAIN_TIME_LIMIT: Duration = Duration::from_secs(10);
/// The pause in accepting when the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the application on this listener until `shutdown` is done; then finishes the requests under way,
/// for at most ten seconds.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let mut shutdown = std::pin::pin!(shutdown);

    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (permit.map(Seat::from), listener.accept().await)
        };
        let (seat, stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            (seat, accepted) = accepted => match accepted {
                Ok((stream, address)) => (seat, stream, Peer(address.ip())),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Without it small answers wait for the client's acknowledgement; that it fails is no reason to
        // refuse.
        let _ = stream.set_nodelay(true);
        tokio::spawn(attend(stream, app.clone(), peer, seat, graceful.watcher()));
    }

    drop(listener);
    let finished = async {
        graceful.shutdown().await;
        // Work goes on for clients that have hung up, and holds their seats.
        let _ = permits.acquire_many(MAX_CONNECTIONS).await;
    };
    if tokio::time::timeout(DRAIN_TIME_LIMIT, finished).await.is_err() {
        tracing::warn!("requests under way were cut off");
    }
}
