//! The accept loop.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::{App, Peer, paths};

/// How many connections are open at most; further ones wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 1024;
/// How long a client may take to send a request's head.
const HEAD_TIME_LIMIT: Duration = Duration::from_secs(10);
/// How large a request's head may be, in bytes.
const MAX_HEAD_LEN: usize = 64 * 1024;
/// How large a request's body may be, in bytes: forms of a few fields.
const MAX_BODY_LEN: usize = 64 * 1024;
/// How long a client may take to send a body.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long requests under way may take when the server stops.
const DRAIN_TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long accepting pauses when the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the application on this listener until `shutdown` is done; then finishes the requests under way, for at most
/// ten seconds.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    // HTTP/1 only: telling the versions apart would wait for a client's first bytes without any limit, and proxies speak
    // it to what is behind them.
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_LIMIT).max_buf_size(MAX_HEAD_LEN);
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);

    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            (permit, accepted) = accepted => match accepted {
                Ok((stream, address)) => (permit, stream, Peer(address.ip())),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Without it small answers wait for the client's acknowledgement; that it fails is no reason to refuse.
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let app = app.clone();
            async move { Ok::<_, Infallible>(answer(&app, request, peer).await.map(Full::new)) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            // A client that breaks the protocol or goes away is its own affair.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }

    drop(listener);
    if tokio::time::timeout(DRAIN_TIME_LIMIT, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests under way were cut off");
    }
}

/// Reads the body, if there is one, and has the application answer.
async fn answer(app: &App, request: Request<Incoming>, peer: Peer) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    // A proxy's sub-request announces the body of the request that it holds, and does not send it.
    let takes_a_body = parts.method == Method::POST && parts.uri.path() != paths::VERIFY;
    let body = if body.is_end_stream() || !takes_a_body {
        Bytes::new()
    } else {
        match tokio::time::timeout(BODY_TIME_LIMIT, Limited::new(body, MAX_BODY_LEN).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return refused(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => return refused(StatusCode::REQUEST_TIMEOUT),
        }
    };
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(peer);
    app.handle(request).await
}

/// A request that was not read to its end gets a status and nothing else, and its connection closes.
fn refused(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
