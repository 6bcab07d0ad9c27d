//! Serving the mock over TCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::mock_core::Core;
use crate::reply;

/// The largest request body, in bytes.
const MAX_BODY: usize = 1024 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Keeps an accept that fails, for lack of file descriptors say, from spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that stops, with its connections, when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) fn spawn(listener: TcpListener, address: SocketAddr, core: Arc<Core>) -> Self {
        Self { address, accepting: tokio::spawn(accept(listener, core)) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Connections live in the set, which ends them when it is dropped with this future.
async fn accept(listener: TcpListener, core: Arc<Core>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&core)));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, core: Arc<Core>) {
    let service = service_fn(move |request| answer(Arc::clone(&core), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    // A connection that breaks is the other side's affair.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(core: Arc<Core>, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let response = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => core.handle(Request::from_parts(parts, body.to_bytes())).await,
        Err(_) => reply::text(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large, or broke off."),
    };
    Ok(response.map(Full::new))
}
