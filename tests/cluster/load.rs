//! Clients that send one request after another over kept connections, and say what was not answered as it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use crate::front::client::Client;

const CLIENTS: usize = 8;
/// The most requests of each client.
const REQUESTS: usize = 100_000;

/// The requests under way.
pub(super) struct Load {
    clients: JoinSet<Vec<String>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    answered: AtomicUsize,
}

/// A request, and the status that its answer should have.
struct Ask {
    host: &'static str,
    bytes: String,
    status: &'static str,
}

impl Load {
    /// Has the clients begin, with this session and this pass.
    pub(super) fn begin(client: &Arc<Client>, session: &str, pass: &str) -> Self {
        let ask = |host: &'static str, target: &str, lines: &str, status| {
            let bytes = format!("{target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\r\n");
            Ask { host, bytes, status }
        };
        let navigation = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document";
        let asks = Arc::new([
            ask("notebooks.example.org", "GET /lab", &format!("Cookie: {pass}"), "200"),
            ask("lab.example.org", "GET /", &format!("Cookie: {session}"), "200"),
            ask("lab.example.org", "GET /mlflow/runs", navigation, "303"),
            ask("lab.example.org", "GET /mlflow/runs", "Accept: */*", "401"),
            ask("lab.example.org", "GET /login", navigation, "200"),
            // Which HAProxy sends once only: of no page, so it is refused.
            ask("lab.example.org", "POST /api/auth/login", "Content-Length: 0", "403"),
        ]);
        let (mut clients, shared) = (JoinSet::new(), Arc::<Shared>::default());
        for number in 0..CLIENTS {
            let (client, asks, shared) = (Arc::clone(client), Arc::clone(&asks), Arc::clone(&shared));
            clients.spawn(async move {
                let mut lost = Vec::new();
                // A connection is to one host, as a browser's is.
                let host = if number % 2 == 0 { "lab.example.org" } else { "notebooks.example.org" };
                let mut asks = asks.iter().filter(|ask| ask.host == host).cycle().take(REQUESTS);
                let mut kept = None;
                while let Some(ask) = asks.next().filter(|_| !shared.is_over.load(Ordering::Relaxed)) {
                    let mut connection = match kept.take() {
                        Some(connection) => connection,
                        None => client.connect(host).await,
                    };
                    match answer(&mut connection, &ask.bytes).await {
                        Ok((status, is_kept)) => {
                            shared.answered.fetch_add(1, Ordering::Relaxed);
                            if status != ask.status {
                                lost.push(format!("{status} to {}", ask.bytes));
                            }
                            kept = is_kept.then_some(connection);
                        }
                        Err(error) => lost.push(format!("{error} to {}", ask.bytes)),
                    }
                }
                lost
            });
        }
        Self { clients, shared }
    }

    /// The number of answers so far.
    pub(super) fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Has the clients end, and returns what was lost.
    pub(super) async fn end(self) -> Vec<String> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.clients.join_all().await.concat()
    }
}

/// Returns the status of the answer, and whether the connection is kept.
async fn answer(connection: &mut TlsStream<TcpStream>, request: &str) -> Result<(String, bool), String> {
    connection.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.map_err(|error| error.to_string())?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
    match value("content-length:").map(str::parse::<usize>) {
        Some(Ok(length)) => {
            connection.read_exact(&mut vec![0; length]).await.map_err(|error| error.to_string())?;
            Ok((status, value("connection:") != Some("close")))
        }
        // Read to its end by nobody.
        _ => Ok((status, false)),
    }
}
