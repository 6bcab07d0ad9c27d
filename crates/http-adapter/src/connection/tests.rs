use std::sync::atomic::{AtomicBool, Ordering};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;

use super::*;
use crate::testing::{self, Lines};

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: lab.example\r\n\r\n";
const PEER: Peer = Peer(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

/// A client's end of a connection.
struct Client {
    stream: DuplexStream,
    began: Instant,
    attended: JoinHandle<()>,
    _server: GracefulShutdown,
}

impl Client {
    fn connect(app: App, buffer: usize) -> Self {
        Self::seated(app, buffer, None)
    }

    fn seated(app: App, buffer: usize, seat: Option<Seat>) -> Self {
        let (stream, theirs) = tokio::io::duplex(buffer);
        let server = GracefulShutdown::new();
        let attended = tokio::spawn(attend(theirs, app, PEER, seat, server.watcher()));
        Self { stream, began: Instant::now(), attended, _server: server }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a request and returns its answer, which has no body.
    async fn ask(&mut self) -> String {
        self.send(REQUEST).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Everything until the server closes.
    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).await.unwrap();
        rest
    }

    /// Returns the time that the connection was open when the server ended it, in seconds.
    async fn lasted(self) -> u64 {
        self.attended.await.unwrap();
        self.began.elapsed().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_request_has_to_come_soon() {
    for beginning in [&b""[..], b"G", b"GET /healthz HTTP/1.1\r\nhost: lab.example\r\n"] {
        let mut client = Client::connect(testing::app(), 1024);
        client.send(beginning).await;
        assert_eq!(client.lasted().await, 10, "{}", String::from_utf8_lossy(beginning));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_outlives_a_proxys_patience() {
    let mut client = Client::connect(testing::app(), 4096);
    client.ask().await;
    advance(Duration::from_secs(65)).await;
    assert!(client.ask().await.starts_with("HTTP/1.1 200"));
    assert_eq!(client.lasted().await, 65 + 75);
}

#[tokio::test(start_paused = true)]
async fn a_later_request_that_never_ends_is_not_waited_for_much_longer() {
    let mut client = Client::connect(testing::app(), 4096);
    client.ask().await;
    client.send(b"GET /").await;
    assert_eq!(client.lasted().await, 75);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_cut_off() {
    let mut client = Client::connect(testing::app(), 64);
    client.send(REQUEST).await;
    assert_eq!(client.lasted().await, 30);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_served() {
    let mut client = Client::connect(testing::app(), 64);
    client.send(REQUEST).await;
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") {
        advance(Duration::from_secs(29)).await;
        let mut bytes = [0; 16];
        let read = client.stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "cut off after {answer}");
        answer.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_a_client_is_asked_for_another_connection() {
    let mut client = Client::connect(testing::app(), 4096);
    while client.began.elapsed() < LIFETIME {
        let head = client.ask().await;
        assert!(!head.contains("connection: close"), "{head}");
        advance(Duration::from_mins(1)).await;
    }
    let head = client.ask().await;
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(client.lasted().await, 3600);
}

#[tokio::test(start_paused = true)]
async fn no_client_keeps_a_connection_for_ever() {
    let (go, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let mut client = Client::connect(testing::app().with_slow_handler(&go, &done), 64);
    // Takes a byte at a time, just quickly enough.
    client.send(REQUEST).await;
    go.notify_one();
    while !client.attended.is_finished() {
        advance(Duration::from_secs(29)).await;
        let _ = client.stream.read(&mut [0]).await;
    }
    let limit = (LIFETIME + LAST_REQUEST_TIME_LIMIT).as_secs();
    let lasted = client.lasted().await;
    assert!((limit..limit + 4 * 29).contains(&lasted), "{lasted}");
}

#[tokio::test(start_paused = true)]
async fn c189_a_refused_body_is_protected_and_logged_like_every_answer() {
    let large = format!("content-length: 70000\r\n\r\n{}", "x".repeat(70_000));
    for (rest, status, code) in [
        (large.as_str(), 413, "body_too_large"),
        ("content-length: 10\r\n\r\nabc", 408, "body_too_slow"),
        ("transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", 408, "body_too_slow"),
    ] {
        let lines = Lines::default();
        let guard = lines.collect();
        let mut client = Client::connect(testing::app(), 128 * 1024);
        client.send(b"POST /api/auth/login?code=planted HTTP/1.1\r\nhost: lab.example\r\n").await;
        client.send(rest.as_bytes()).await;
        let answer = client.rest().await;
        drop(guard);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        for header in [
            "cache-control: no-store\r\n",
            "x-content-type-options: nosniff\r\n",
            "content-security-policy: default-src 'none'",
            "x-frame-options: DENY\r\n",
            "strict-transport-security: max-age=31536000\r\n",
            "referrer-policy: same-origin\r\n",
            "connection: close\r\n",
        ] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
        let problem: serde_json::Value =
            serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(problem["code"], code);
        let reference = problem["reference"].as_str().unwrap();
        let text = lines.text();
        let line = text.lines().find(|line| line.contains(reference)).unwrap();
        assert!(line.contains("INFO") && line.contains("path=\"/api/auth/login\""), "{line}");
        assert!(line.contains(code) && !text.contains("planted"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_up_frees_no_seat_that_is_still_in_use() {
    let (go, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let app = testing::app().with_slow_handler(&go, &done);
    let seats = Arc::new(Semaphore::new(1));
    let seat = Arc::clone(&seats).try_acquire_owned().unwrap();
    let mut client = Client::seated(app, 1024, Some(seat.into()));
    client.send(b"POST /api/auth/logout HTTP/1.1\r\nhost: lab.example\r\ncontent-length: 0\r\n\r\n").await;
    for _ in 0..10 {
        yield_now().await;
    }
    drop(client.stream);
    client.attended.await.unwrap();
    assert_eq!((seats.available_permits(), done.load(Ordering::Relaxed)), (0, false));
    go.notify_one();
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!((seats.available_permits(), done.load(Ordering::Relaxed)), (1, true));
}
