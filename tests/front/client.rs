//! A client that sends what it is told to, byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::echo::WEBSOCKET_KEY;

/// A client of one proxy, which has this certificate.
pub(crate) struct Client {
    proxy: SocketAddr,
    tls: TlsConnector,
}

impl Client {
    pub(crate) fn of(proxy: SocketAddr, certificate: CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { proxy, tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self, server_name: &str) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.proxy).await.unwrap();
        let server_name = ServerName::try_from(server_name.to_owned()).unwrap();
        self.tls.connect(server_name, stream).await.unwrap()
    }

    /// Sends a browser's request, over a connection of its own.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
        for (name, value) in request.headers() {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        if !request.body().is_empty() {
            head.extend(format!("content-length: {}\r\n", request.body().len()).bytes());
        }
        self.exchange(&host, &[&head, &b"connection: close\r\n\r\n"[..], request.body()].concat()).await
    }

    /// Sends these bytes, over a connection of its own, and reads the answer.
    pub(super) async fn exchange(&self, server_name: &str, request: &[u8]) -> Response<Bytes> {
        parsed(&self.answer(server_name, request).await)
    }

    /// Sends these bytes, over a connection of its own, and waits until it is closed.
    pub(super) async fn answer(&self, server_name: &str, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect(server_name).await;
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A peer that closes without an end of TLS has said what it had to say.
        drop(stream.read_to_end(&mut answer).await);
        answer
    }

    /// Opens a WebSocket with these lines in the head, and returns what comes back to "hello"; or the answer, if that
    /// is another.
    pub(super) async fn web_socket(
        &self,
        host: &str,
        path: &str,
        lines: &str,
    ) -> Result<String, Response<Bytes>> {
        let [key, accepted] = WEBSOCKET_KEY;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-Fetch-Mode: websocket\r\n{lines}\r\n"
        );
        let mut stream = self.connect(host).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(parsed(&head));
        }
        assert!(String::from_utf8(head).unwrap().contains(accepted));
        let mask = *b"mask";
        let text = b"hello".iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let frame: Vec<u8> = [0x81, 0x85].into_iter().chain(mask).chain(text).collect();
        stream.write_all(&frame).await.unwrap();
        let mut frame = [0; 7];
        stream.read_exact(&mut frame).await.unwrap();
        Ok(String::from_utf8(frame[2..].to_vec()).unwrap())
    }
}

fn parsed(answer: &[u8]) -> Response<Bytes> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(answer)));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.map(|line| line.split_once(':').unwrap()) {
        response = response.header(name, value.trim());
    }
    let body = &answer[end + 4..];
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    response.body(if is_chunked { dechunked(body) } else { body.to_vec() }.into()).unwrap()
}

/// Joins chunks (RFC 9112 section 7.1).
fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend(&body[line + 2..][..length]);
        body = &body[line + 2 + length + 2..];
    }
}
