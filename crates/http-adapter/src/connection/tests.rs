use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::*;
use crate::seats::Seats;
use crate::testing::{self, Lines};

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: lab.example\r\n\r\n";
const PEER: Peer = Peer(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

/// A client's end of a connection.
struct Client {
    stream: DuplexStream,
    began: Instant,
    attended: JoinHandle<()>,
}

impl Client {
    async fn connect(app: App, buffer: usize) -> Self {
        Self::seated(app, buffer, &Seats::for_tests(100)).await
    }

    async fn seated(app: App, buffer: usize, seats: &Seats) -> Self {
        Self::of(None, app, buffer, seats).await
    }

    async fn of(tls: Option<Arc<Tls>>, app: App, buffer: usize, seats: &Seats) -> Self {
        let (stream, theirs) = tokio::io::duplex(buffer);
        let seat = seats.next("127.0.0.1").await.unwrap();
        let attended = tokio::spawn(attend(theirs, tls, app, PEER, seat));
        Self { stream, began: Instant::now(), attended }
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
        let mut client = Client::connect(testing::app(), 1024).await;
        client.send(beginning).await;
        assert_eq!(client.lasted().await, 10, "{}", String::from_utf8_lossy(beginning));
    }
}

/// A certificate for `lab.example`, and a client's trust in it.
fn certificate() -> (Arc<Tls>, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["lab.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tls = Tls::new(vec![made.cert.der().clone()], key).unwrap();
    (Arc::new(tls), TlsConnector::from(Arc::new(client)))
}

#[tokio::test(start_paused = true)]
async fn over_tls_the_first_request_is_answered_in_http_1_and_has_to_come_soon() {
    let (tls, connector) = certificate();
    let (stream, theirs) = tokio::io::duplex(1024);
    let seats = Seats::for_tests(100);
    let seat = seats.next("127.0.0.1").await.unwrap();
    let attended = tokio::spawn(attend(theirs, Some(tls), testing::app(), PEER, seat));
    let mut stream = connector.connect("lab.example".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.write_all(REQUEST).await.unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    drop(stream);
    attended.await.unwrap();

    let (tls, connector) = certificate();
    let (stream, theirs) = tokio::io::duplex(1024);
    let seat = seats.next("127.0.0.1").await.unwrap();
    let attended = tokio::spawn(attend(theirs, Some(tls), testing::app(), PEER, seat));
    let began = Instant::now();
    let stream = connector.connect("lab.example".try_into().unwrap(), stream).await.unwrap();
    attended.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 10, "silent after its handshake");
    drop(stream);
    assert_eq!(seats.free_count(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_holds_a_seat_and_has_to_end_soon() {
    let seats = Seats::for_tests(100);
    for beginning in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01"] {
        let mut client = Client::of(Some(certificate().0), testing::app(), 1024, &seats).await;
        client.send(beginning).await;
        yield_now().await;
        assert_eq!(seats.free_count(), 99);
        assert_eq!(client.lasted().await, 10, "{beginning:?}");
        assert_eq!(seats.free_count(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_tls_ends_at_once() {
    let mut client = Client::of(Some(certificate().0), testing::app(), 1024, &Seats::for_tests(1)).await;
    client.send(REQUEST).await;
    assert_eq!(client.lasted().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_gives_its_seat_back_where_seats_are_scarce() {
    let seats = Seats::for_tests(1);
    let client = Client::of(Some(certificate().0), testing::app(), 1024, &seats).await;
    yield_now().await;
    // The next connection wants the only seat.
    drop(seats.free().await.unwrap());
    assert_eq!(client.lasted().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_the_certificates_is_refused_and_the_present_one_stays() {
    let made = || rcgen::generate_simple_self_signed(["lab.example".to_owned()]).unwrap();
    let key = || PrivateKeyDer::try_from(made().signing_key.serialize_der()).unwrap();
    assert!(Tls::new(vec![made().cert.der().clone()], key()).is_err());
    let (tls, connector) = certificate();
    assert!(tls.replace(vec![made().cert.der().clone()], key()).is_err());
    let (stream, theirs) = tokio::io::duplex(1024);
    let seat = Seats::for_tests(1).next("127.0.0.1").await.unwrap();
    tokio::spawn(attend(theirs, Some(tls), testing::app(), PEER, seat));
    assert!(connector.connect("lab.example".try_into().unwrap(), stream).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_outlives_a_proxys_patience() {
    let mut client = Client::connect(testing::app(), 4096).await;
    client.ask().await;
    advance(Duration::from_secs(65)).await;
    assert!(client.ask().await.starts_with("HTTP/1.1 200"));
    assert_eq!(client.lasted().await, 65 + 75);
}

#[tokio::test(start_paused = true)]
async fn a_later_request_that_never_ends_is_not_waited_for_much_longer() {
    let mut client = Client::connect(testing::app(), 4096).await;
    client.ask().await;
    client.send(b"GET /").await;
    assert_eq!(client.lasted().await, 75);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_cut_off() {
    let mut client = Client::connect(testing::app(), 64).await;
    client.send(REQUEST).await;
    assert_eq!(client.lasted().await, 30);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_served() {
    let mut client = Client::connect(testing::app(), 64).await;
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
    let mut client = Client::connect(testing::app(), 4096).await;
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
async fn a_server_that_takes_leave_answers_once_more_on_each_connection() {
    let app = testing::app();
    let mut client = Client::connect(app.clone(), 4096).await;
    assert!(!client.ask().await.contains("connection: close"));
    app.leave();
    let head = client.ask().await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("connection: close"), "{head}");
    assert_eq!(client.lasted().await, 0);
    // One that comes now is answered, too.
    assert!(Client::connect(app, 4096).await.ask().await.contains("connection: close"));
}

#[tokio::test(start_paused = true)]
async fn no_client_keeps_a_connection_for_ever() {
    let (go, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let mut client = Client::connect(testing::app().with_slow_handler(&go, &done), 64).await;
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
        let mut client = Client::connect(testing::app(), 128 * 1024).await;
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
    let seats = Seats::for_tests(1);
    let mut client = Client::seated(app, 1024, &seats).await;
    client.send(b"POST /api/auth/logout HTTP/1.1\r\nhost: lab.example\r\ncontent-length: 0\r\n\r\n").await;
    for _ in 0..10 {
        yield_now().await;
    }
    drop(client.stream);
    client.attended.await.unwrap();
    assert_eq!((seats.free_count(), done.load(Ordering::Relaxed)), (0, false));
    go.notify_one();
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!((seats.free_count(), done.load(Ordering::Relaxed)), (1, true));
}

/// The headers of every answer.
const PROTECTION: [&str; 6] = [
    "cache-control: no-store\r\n",
    "x-content-type-options: nosniff\r\n",
    "content-security-policy: default-src 'none'",
    "x-frame-options: DENY\r\n",
    "strict-transport-security: max-age=31536000\r\n",
    "referrer-policy: same-origin\r\n",
];

#[tokio::test(start_paused = true)]
async fn f10_what_is_no_request_gets_a_protected_answer_with_a_reference() {
    let large = format!("GET / HTTP/1.1\r\nhost: lab.example\r\nx: {}\r\n\r\n", "x".repeat(300_000));
    let long = format!("GET /{} HTTP/1.1\r\nhost: lab.example\r\n\r\n", "x".repeat(300_000));
    for (sent, status, code) in [
        ("nonsense\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nhost lab.example\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nhost: lab.example\r\ncontent-length: x\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.0\r\nhost: lab.example\r\ntransfer-encoding: chunked\r\n\r\n", 400, "bad_request"),
        (&large, 431, "head_too_large"),
        (&long, 431, "head_too_large"),
    ] {
        // After another request, and in a stream that takes little at a time.
        for (before, buffer) in [(false, 128 * 1024), (true, 128 * 1024), (false, 64)] {
            let lines = Lines::default();
            let guard = lines.collect();
            let client = Client::connect(testing::app(), buffer).await;
            let (mut theirs, mut ours) = tokio::io::split(client.stream);
            let sent = [if before { REQUEST } else { b"" }, sent.as_bytes()].concat();
            let sending = tokio::spawn(async move {
                // The server need not read it to its end.
                let _ = ours.write_all(&sent).await;
                ours
            });
            let mut answer = Vec::new();
            // A client that has not sent all finds the connection closed.
            let _ = theirs.read_to_end(&mut answer).await;
            drop(guard);
            let answer = String::from_utf8(answer).unwrap();
            let start = answer.rfind("HTTP/1.1 ").unwrap_or_else(|| panic!("{code}: {answer:?}"));
            assert_eq!(start > 0, before, "{answer}");
            let answer = &answer[start..];
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            for header in PROTECTION.into_iter().chain(["connection: close\r\n", "date: "]) {
                assert_eq!(answer.matches(header).count(), 1, "{header}: {answer}");
            }
            let body = answer.split("\r\n\r\n").nth(1).unwrap();
            assert!(answer.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["code"], code);
            let reference = problem["reference"].as_str().unwrap();
            assert!(lines.text().contains(reference), "{}", lines.text());
            client.attended.await.unwrap();
            sending.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f10_a_request_that_can_be_read_in_two_ways_is_refused() {
    for (method, headers, status) in [
        ("GET", "host: lab.example\r\n", 200),
        ("GET", "host: lab.example:8091\r\n", 200),
        ("GET", "host: [::1]:8091\r\n", 200),
        ("GET", "", 400),
        ("GET", "host: lab.example\r\nhost: lab.example\r\n", 400),
        ("GET", "host: lab.example\r\nhost: other.example\r\n", 400),
        ("GET", "host: lab example\r\n", 400),
        ("GET", "host: lab.example, other.example\r\n", 400),
        ("GET", "host: ada@lab.example\r\n", 400),
        ("GET", "host:\r\n", 400),
        ("POST", "host: lab.example\r\ntransfer-encoding: chunked, chunked\r\n", 400),
        ("POST", "host: lab.example\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", 400),
        ("POST", "host: lab.example\r\ntransfer-encoding: gzip, chunked\r\n", 400),
        ("POST", "host: lab.example\r\ntransfer-encoding: identity, chunked\r\n", 400),
        ("POST", "host: lab.example\r\ntransfer-encoding: Chunked\r\n", 405),
    ] {
        let mut client = Client::connect(testing::app(), 4096).await;
        let body = if method == "POST" { "0\r\n\r\n" } else { "" };
        // What is refused ends the connection unasked.
        let more = if status == 400 { "" } else { "connection: close\r\n" };
        client.send(format!("{method} /healthz HTTP/1.1\r\n{headers}{more}\r\n{body}").as_bytes()).await;
        let answer = client.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
        for header in PROTECTION {
            assert!(answer.contains(header), "{header}: {answer}");
        }
        assert!(answer.contains("connection: close"), "{headers}: {answer}");
    }
    let mut client = Client::connect(testing::app(), 4096).await;
    client.send(b"GET /healthz HTTP/1.0\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "HTTP/1.0 knows no Host: {answer}");
}

#[tokio::test(start_paused = true)]
async fn f10_the_check_waits_for_no_body_whatever_the_slashes_at_the_end() {
    for path in ["/api/auth/verify", "/api/auth/verify/", "/api/auth/verify//", "/api/auth/me/"] {
        let mut client = Client::connect(testing::app(), 4096).await;
        let head = format!("POST {path} HTTP/1.1\r\nhost: lab.example\r\ncontent-length: 10\r\n\r\n");
        client.send(head.as_bytes()).await;
        let mut answer = [0; 12];
        client.stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 40"), "{path}");
        assert_eq!(client.began.elapsed(), Duration::ZERO, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn f10_a_connection_ends_where_its_seat_is_wanted_back() {
    // Sixteen kept connections, after a request, before the first, or in its first byte.
    let seats = Seats::for_tests(4 * 16);
    let mut kept = Vec::new();
    for number in 0..16 {
        let mut client = Client::seated(testing::app(), 4096, &seats).await;
        match number {
            2 => client.send(b"G").await,
            3 => {}
            _ => drop(client.ask().await),
        }
        kept.push(client);
    }
    // The peer has its share: those that have rested longest make room, one for each.
    for number in 0..4 {
        let mut next = Client::seated(testing::app(), 4096, &seats).await;
        assert!(next.ask().await.starts_with("HTTP/1.1 200"));
        assert_eq!(kept.remove(0).lasted().await, 0, "{number}");
        kept.push(next);
    }
    for client in &mut kept {
        assert!(client.ask().await.starts_with("HTTP/1.1 200"), "the others are open");
    }
}

#[tokio::test(start_paused = true)]
async fn f10_where_seats_are_scarce_an_answer_ends_its_connection() {
    let seats = Seats::for_tests(2);
    let mut client = Client::seated(testing::app(), 4096, &seats).await;
    assert!(!client.ask().await.contains("connection: close"));
    let other = seats.next("192.0.2.1").await.unwrap();
    assert!(client.ask().await.contains("connection: close"));
    client.attended.await.unwrap();
    drop(other);
    assert_eq!(seats.free_count(), 2);
}
