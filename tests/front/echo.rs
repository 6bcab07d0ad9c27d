//! A service that shows what it got, and upgrades to WebSocket (RFC 6455).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A key and its answer, of RFC 6455 section 1.3. Every handshake here has these.
pub(super) const WEBSOCKET_KEY: [&str; 2] = ["dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="];

/// The query of a request whose answer has cookies of these names.
pub(super) const SETS_COOKIES: &str = "set-cookies";
/// One of its own, and three of Labgate's names.
const COOKIES: [&str; 4] = [
    "own=1; Path=/; Secure",
    "__Host-labgate=planted; Path=/; Secure; HttpOnly",
    "__host-Labgate-form=planted; Path=/; Secure",
    "labgate=planted; Path=/; Secure",
];

/// A service, for as long as the runtime lives.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen)));
            }
        });
        Self { address, requests }
    }

    /// Returns the request lines since the last call.
    pub(super) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            read(&mut stream, &mut buffer).await?;
        };
        let head = String::from_utf8(buffer.drain(..end + 4).take(end).collect()).unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        seen.lock().unwrap().push(line.to_owned());
        let lower = headers.to_ascii_lowercase();
        let length =
            lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let length: usize = length.unwrap_or(0);
        while buffer.len() < length {
            read(&mut stream, &mut buffer).await?;
        }
        let body = String::from_utf8(buffer.drain(..length).collect()).unwrap();
        if lower.contains("upgrade: websocket") {
            return web_socket(stream).await;
        }
        let cookies = if line.contains(SETS_COOKIES) { &COOKIES[..] } else { &[] };
        let cookies: Vec<_> = cookies.iter().map(|cookie| format!("Set-Cookie: {cookie}\r\n")).collect();
        let cookies = cookies.concat();
        let shown = format!("{head}\n\n{body}");
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n{cookies}Content-Length: {}\r\n\r\n{shown}",
            shown.len()
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    (stream.read_buf(buffer).await.ok()? > 0).then_some(())
}

/// Answers the handshake, and one short masked frame with its text (RFC 6455 section 5.2).
async fn web_socket(mut stream: TcpStream) -> Option<()> {
    let [_, accepted] = WEBSOCKET_KEY;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accepted}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    let mut head = [0; 6];
    stream.read_exact(&mut head).await.ok()?;
    let [kind, length, mask @ ..] = head;
    let mut text = vec![0; usize::from(length & 0x7f)];
    stream.read_exact(&mut text).await.ok()?;
    let plain = text.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    let frame: Vec<u8> = [kind, length & 0x7f].into_iter().chain(plain).collect();
    stream.write_all(&frame).await.ok()
}
