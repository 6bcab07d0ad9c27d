//! One connection, and its limits.

mod own_errors;

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use self::own_errors::OwnErrors;
use crate::route_table::Body;
use crate::seats::Seat;
use crate::{App, HttpErrorCode, Peer, Tls};

/// The time for a TLS handshake.
const HANDSHAKE_TIME_LIMIT: Duration = Duration::from_secs(10);
/// The time for the first request's head.
const FIRST_HEAD_TIME_LIMIT: Duration = Duration::from_secs(10);
/// The time that a connection may be idle between requests, the next one's head included. Proxies keep theirs
/// for up to 60 seconds: if ours were closed first, one of their requests would now and then meet a closing
/// connection.
const IDLE_TIME_LIMIT: Duration = Duration::from_secs(75);
/// The largest head of a request, in bytes.
const MAX_HEAD_LEN: usize = 64 * 1024;
/// The largest body of a request, in bytes: forms of a few fields.
const MAX_BODY_LEN: usize = 64 * 1024;
/// The time for a body.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(10);
/// The time that a client may leave an answer unread.
const STALL_TIME_LIMIT: Duration = Duration::from_secs(30);
/// The lifetime of a connection; the answer to the first request after that asks the client for another one.
const LIFETIME: Duration = Duration::from_hours(1);
/// The time that is left then for a last request, all other limits together.
const LAST_REQUEST_TIME_LIMIT: Duration = Duration::from_mins(3);

/// The number of a request on its connection, from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nth(pub(crate) u32);

/// Answers the requests of this connection, after a handshake if it is one of TLS, until either side closes it, a
/// limit is exceeded, or its seat is wanted back.
pub(crate) async fn attend(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    tls: Option<Arc<Tls>>,
    app: App,
    peer: Peer,
    seat: Seat,
) {
    let io = Unstalled::new(io);
    let Some(tls) = tls else { return answer_all(io, app, peer, seat).await };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(HANDSHAKE_TIME_LIMIT, tls.accept(io)) => shaken,
        () = seat.wanted_back() => return,
    };
    match shaken {
        Ok(Ok(io)) => answer_all(io, app, peer, seat).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a connection was closed: its TLS handshake took too long"),
    }
}

/// Answers the requests of this connection in plain text.
async fn answer_all(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: App,
    peer: Peer,
    seat: Seat,
) {
    // HTTP/1 only: telling the versions apart would wait for a client's first bytes without any limit, and
    // proxies speak it to what is behind them.
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(IDLE_TIME_LIMIT).max_buf_size(MAX_HEAD_LEN);

    let began = Instant::now();
    let heard = Arc::new(Notify::new());
    let has_asked = Arc::new(AtomicBool::new(false));
    let service = {
        let (heard, has_asked) = (Arc::clone(&heard), Arc::clone(&has_asked));
        let (app, seat) = (app.clone(), seat.clone());
        let requests = AtomicU32::new(0);
        service_fn(move |mut request: Request<Incoming>| {
            heard.notify_one();
            has_asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(Nth(requests.fetch_add(1, Ordering::Relaxed).saturating_add(1)));
            // All work for a client holds its seat.
            request.extensions_mut().insert(seat.clone());
            seat.work();
            let (app, seat) = (app.clone(), seat.clone());
            async move {
                let mut response = answer(&app, request).await;
                seat.rest();
                if began.elapsed() >= LIFETIME || seat.is_scarce() || app.is_leaving() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(Full::new))
            }
        })
    };
    let silence = async {
        if tokio::time::timeout(FIRST_HEAD_TIME_LIMIT, heard.notified()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    let io = OwnErrors::new(io, move |code| app.refuse_unread(code, peer));
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(io), service));
    let mut silence = std::pin::pin!(silence);
    let mut too_long = std::pin::pin!(tokio::time::sleep(LIFETIME + LAST_REQUEST_TIME_LIMIT));
    loop {
        tokio::select! {
            // A client that breaks the protocol or goes away is its own affair.
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = seat.wanted_back() => {
                // With a part of its first request, it would be kept until that is whole.
                if !has_asked.load(Ordering::Relaxed) {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
            () = silence.as_mut() => {
                tracing::debug!("a connection was closed: no request came");
                return;
            }
            () = too_long.as_mut() => {
                tracing::debug!("a connection was closed: it had been open for too long");
                return;
            }
        }
    }
}

/// Reads the body, if there is one, and has the application answer.
async fn answer(app: &App, request: Request<Incoming>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    if is_malformed(&parts) {
        return closing(app.refuse(&parts, HttpErrorCode::BadRequest));
    }
    let takes_a_body = || app.find(&parts).is_ok_and(|found| found.route.body != Body::Unread);
    let body = if body.is_end_stream() || !takes_a_body() {
        Ok(Bytes::new())
    } else {
        match tokio::time::timeout(BODY_TIME_LIMIT, Limited::new(body, MAX_BODY_LEN).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(_)) => Err(HttpErrorCode::BodyTooLarge),
            Err(_) => Err(HttpErrorCode::BodyTooSlow),
        }
    };
    match body {
        Ok(body) => app.handle(Request::from_parts(parts, body)).await,
        // The rest of the body would be taken for the next request: this connection is over.
        Err(code) => closing(app.refuse(&parts, code)),
    }
}

fn closing(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Returns whether another program on the way could take the request for another one: it names no host or
/// several (RFC 9112 section 3.2), or its body has another coding than `chunked` alone (section 6.1).
fn is_malformed(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let is_host = |host: &HeaderValue| {
        let host = host.to_str().ok().filter(|host| !host.contains('@'));
        host.is_some_and(|host| host.parse::<Authority>().is_ok())
    };
    let names_its_host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host),
        (None, None) => parts.version < Version::HTTP_11,
        _ => false,
    };
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    let is_readable = codings.next().is_none_or(is_chunked) && codings.next().is_none();
    !names_its_host || !is_readable
}

/// A stream that fails to write when nothing has been taken for [`STALL_TIME_LIMIT`]; each byte that is taken
/// starts the time anew.
struct Unstalled<S> {
    stream: S,
    /// Runs while the other side takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstalled<S> {
    fn new(stream: S) -> Self {
        Self { stream, stall: None }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall = None;
            return polled;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_TIME_LIMIT)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, polled)
    }
}

#[cfg(test)]
mod tests;
