//! The doctor in the place of services: it listens where the reverse proxy forwards their requests to, and sees what
//! arrives.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use labgate_domain::session::SessionToken;
use labgate_domain::world::Entropy as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http::PATIENCE;
use crate::world::OsEntropy;

/// A key of a WebSocket and the answer to it (RFC 6455 section 1.3).
pub(super) const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const WEBSOCKET_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The most connections at once: a proxy has few, and anybody on the machine can open one.
const MAX_CONNECTIONS: usize = 64;
/// The most requests with one mark that are kept.
const MAX_ARRIVED: usize = 16;
/// The most bytes that are sent back.
const MAX_MESSAGE: u64 = 256;

/// The doctor cannot stand in for a service.
#[derive(Debug, thiserror::Error)]
pub enum CannotStandIn {
    /// Its address cannot be listened at.
    #[error(
        "cannot listen at {address} in place of {service}: {error}; stop the service while the doctor stands in for it"
    )]
    Listen {
        /// The id of the service.
        service: String,
        /// The address.
        address: SocketAddr,
        /// The error.
        error: io::Error,
    },
    /// There are two addresses for it.
    #[error("{0} is there twice: the doctor stands in for a service at one address")]
    Twice(String),
}

/// Services that the doctor stands in for, and the session with which it asks for them. It listens until this is
/// dropped.
pub struct StandIns {
    pub(super) session: SessionToken,
    places: Vec<(String, SocketAddr)>,
    expected: Arc<Mutex<Expected>>,
    _listening: JoinSet<()>,
}

/// The requests that are the doctor's own.
#[derive(Default)]
struct Expected {
    /// Stands in the path of each; empty while none is expected.
    mark: String,
    arrived: Vec<Arrived>,
}

/// A request of the doctor's that arrived.
#[derive(Clone)]
pub(super) struct Arrived {
    /// The service in whose place it arrived.
    pub(super) service: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
}

impl fmt::Debug for StandIns {
    /// Without the session and without what has arrived with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIns").field("places", &self.places).finish_non_exhaustive()
    }
}

impl StandIns {
    /// Listens in place of these services.
    ///
    /// # Errors
    /// When one of the addresses is taken.
    pub async fn listen(
        services: Vec<(String, SocketAddr)>,
        session: SessionToken,
    ) -> Result<Self, CannotStandIn> {
        let expected = Arc::<Mutex<Expected>>::default();
        let mut places: Vec<(String, SocketAddr)> = Vec::new();
        let mut listening = JoinSet::new();
        for (service, address) in services {
            if places.iter().any(|(known, _)| *known == service) {
                return Err(CannotStandIn::Twice(service));
            }
            let listener = TcpListener::bind(address).await;
            let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
            let (address, listener) = bound.map_err(|error| {
                let service = service.clone();
                CannotStandIn::Listen { service, address, error }
            })?;
            listening.spawn(serve(listener, service.clone(), Arc::clone(&expected)));
            places.push((service, address));
        }
        Ok(Self { session, places, expected, _listening: listening })
    }

    /// Returns the services, each with the address at which the doctor stands in for it.
    #[must_use]
    pub fn places(&self) -> &[(String, SocketAddr)] {
        &self.places
    }

    /// Returns where the doctor stands in for this service.
    pub(super) fn place_of(&self, service: &str) -> Option<SocketAddr> {
        self.places.iter().find(|(known, _)| known == service).map(|(_, address)| *address)
    }

    /// Expects requests with a new mark, and no longer those with the one before.
    pub(super) fn expect(&self) -> String {
        let mark = random();
        *lock(&self.expected) = Expected { mark: mark.clone(), arrived: Vec::new() };
        mark
    }

    /// Returns the requests that have arrived with the mark.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        lock(&self.expected).arrived.clone()
    }
}

/// Returns a text that no other has sent before.
pub(super) fn random() -> String {
    let mut bytes = [0; 16];
    OsEntropy.fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes).replace(['-', '_'], "0")
}

// A poisoned lock is passed over: no code that holds it can panic half-way.
fn lock(expected: &Mutex<Expected>) -> MutexGuard<'_, Expected> {
    expected.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, service: String, expected: Arc<Mutex<Expected>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // It is one of that connection, or there are too many.
            tokio::task::yield_now().await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() < MAX_CONNECTIONS {
            let connection = connection(stream, service.clone(), Arc::clone(&expected));
            connections.spawn(timeout(PATIENCE, connection));
        }
    }
}

/// Answers one request, as each answer says.
async fn connection(stream: TcpStream, service: String, expected: Arc<Mutex<Expected>>) {
    let answer = service_fn(|request| {
        let answer = answer(request, &service, &expected);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // A client that goes away has said what it had to say.
    drop(server.serve_connection(TokioIo::new(stream), answer).with_upgrades().await);
}

fn answer(request: Request<Incoming>, service: &str, expected: &Mutex<Expected>) -> Response<String> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let mut expected = lock(expected);
    if expected.mark.is_empty() || !target.contains(&expected.mark) {
        return reply(StatusCode::SERVICE_UNAVAILABLE, "labgate doctor stands in for this service\n");
    }
    if expected.arrived.len() < MAX_ARRIVED {
        let (service, target, headers) = (service.to_owned(), target.to_owned(), request.headers().clone());
        expected.arrived.push(Arrived { service, target, headers });
    }
    drop(expected);
    if !request.headers().get(UPGRADE).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return reply(StatusCode::OK, "labgate doctor\n");
    }
    tokio::spawn(timeout(PATIENCE, send_back(request)));
    let mut changed = reply(StatusCode::SWITCHING_PROTOCOLS, "");
    for (name, value) in
        [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", WEBSOCKET_ACCEPT)]
    {
        changed.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    changed
}

fn reply(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    if status != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Sends back what comes over a connection of another protocol.
async fn send_back(request: Request<Incoming>) -> Option<()> {
    let connection = TokioIo::new(hyper::upgrade::on(request).await.ok()?);
    let (incoming, mut outgoing) = tokio::io::split(connection);
    tokio::io::copy(&mut incoming.take(MAX_MESSAGE), &mut outgoing).await.ok().map(drop)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn a_websocket_is_answered_as_strict_proxies_want_it_and_sends_back() {
        let place = ("paper".to_owned(), "127.0.0.1:0".parse().unwrap());
        let session = SessionToken::new("x".to_owned());
        let stand_ins = StandIns::listen(vec![place], session).await.unwrap();
        let mark = stand_ins.expect();
        let mut stream = TcpStream::connect(stand_ins.places()[0].1).await.unwrap();
        let request =
            format!("GET /{mark}?a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nconnection: upgrade\r\n"), "{head}");
        stream.write_all(b"hello").await.unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"hello");
        assert_eq!(stand_ins.arrived()[0].target, format!("/{mark}?a"));
        stand_ins.expect();
        assert!(stand_ins.arrived().is_empty(), "those of the mark before count no longer");
    }
}
