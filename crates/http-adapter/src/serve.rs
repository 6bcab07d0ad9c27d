//! The accept loop.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use crate::connection::attend;
use crate::seats::Seats;
use crate::{App, Peer, Tls};

/// The time for requests under way when the server stops.
const DRAIN_TIME_LIMIT: Duration = Duration::from_secs(10);
/// The pause in accepting when the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A socket that accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// At an IP address.
    Tcp(TcpListener),
    /// At a path. A client counts as `127.0.0.1`: it is on this machine.
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A connection.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Listener {
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, IpAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Without it small answers wait for the client's acknowledgement; that it fails is no reason to
                // refuse.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), address.ip()))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Ipv4Addr::LOCALHOST.into()))
            }
        }
    }
}

/// Serves the application on this listener, over TLS if there is a certificate, until `shutdown` is done; then
/// finishes the requests under way, for at most ten seconds.
pub async fn serve(listener: Listener, tls: Option<Arc<Tls>>, app: App, shutdown: impl Future<Output = ()>) {
    let seats = Seats::new(app.trusted_proxies());
    let mut shutdown = std::pin::pin!(shutdown);

    loop {
        let accepted = async { (seats.free().await, listener.accept().await) };
        let (free, stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            (free, accepted) = accepted => match accepted {
                Ok((stream, peer)) => (free, stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Some(seat) = free.and_then(|free| seats.take(free, peer)) else {
            tracing::debug!(%peer, "a connection was refused: the peer has its share");
            continue;
        };
        tokio::spawn(attend(stream, tls.clone(), app.clone(), Peer(peer), seat));
    }

    drop(listener);
    // Work goes on for clients that have hung up, and holds their seats.
    if tokio::time::timeout(DRAIN_TIME_LIMIT, seats.clear()).await.is_err() {
        tracing::warn!("requests under way were cut off");
    }
}
