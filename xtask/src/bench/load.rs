//! The same requests again and again, over a few connections that stay open.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::http;

const CONNECTIONS: usize = 4;
/// At least so many, and nearly as many as there are requests.
const REQUESTS_PER_CONNECTION: usize = 10_000;

pub(super) struct Load {
    port: u16,
    requests: Vec<String>,
}

impl Load {
    pub(super) fn new(port: u16, path: &str, cookie: Option<&str>) -> Self {
        let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        Self { port, requests: vec![request(port, path, &cookie)] }
    }

    /// The same at another port, as if that were this host.
    pub(super) fn at(host: &str, port: u16, path: &str, cookie: &str) -> Self {
        Self { port, requests: vec![request_at(host, path, &format!("cookie: {cookie}\r\n"))] }
    }

    /// A request with these lines in its head.
    pub(super) fn with_headers(port: u16, path: &str, lines: &str) -> Self {
        Self { port, requests: vec![request(port, path, lines)] }
    }

    /// A request with each of these cookies, in turn.
    pub(super) fn in_turn(port: u16, path: &str, cookies: &[String]) -> Self {
        let cookies = cookies.iter().map(|cookie| format!("cookie: {cookie}\r\n"));
        Self { port, requests: cookies.map(|cookie| request(port, path, &cookie)).collect() }
    }

    /// The number of requests of a run.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.per_connection() * CONNECTIONS).unwrap_or(u32::MAX)
    }

    /// Sends each request once, over one connection.
    pub(super) fn once(&self) -> Result<()> {
        let mut connection = self.connect()?;
        self.requests.iter().skip(1).try_for_each(|request| connection.send(request))
    }

    fn per_connection(&self) -> usize {
        REQUESTS_PER_CONNECTION.max(self.requests.len().div_ceil(CONNECTIONS))
    }

    /// Requests per second.
    pub(super) fn run(&self) -> Result<f64> {
        let since = Instant::now();
        thread::scope(|scope| {
            let workers: Vec<_> =
                (0..CONNECTIONS).map(|worker| scope.spawn(move || self.work(worker))).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(_) => bail!("a connection of the load panicked"),
            })
        })?;
        Ok(f64::from(self.len()) / since.elapsed().as_secs_f64())
    }

    /// The connections take the requests in turn.
    fn work(&self, worker: usize) -> Result<()> {
        let mut connection = self.connect()?;
        let own = self.requests.iter().cycle().skip(worker).step_by(CONNECTIONS);
        own.take(self.per_connection() - 1).try_for_each(|request| connection.send(request))
    }

    /// Opens one of the connections and asks once.
    pub(super) fn connect(&self) -> Result<Connection<'_>> {
        let mut stream = http::connect(self.port)?;
        let mut buffer = [0; 4096];
        stream.write_all(self.first().as_bytes())?;
        let length = first_length(&mut buffer, |free| stream.read(free))?;
        Ok(Connection { load: self, stream, buffer, length })
    }

    fn first(&self) -> &str {
        self.requests.first().map_or("", String::as_str)
    }
}

/// A connection that stays open.
pub(super) struct Connection<'a> {
    load: &'a Load,
    stream: TcpStream,
    buffer: [u8; 4096],
    /// All responses are as long as the first, so that reading them costs us next to nothing.
    length: usize,
}

impl Connection<'_> {
    /// Sends the first request and reads the response.
    pub(super) fn ask(&mut self) -> Result<()> {
        self.send(self.load.first())
    }

    fn send(&mut self, request: &str) -> Result<()> {
        let response = self.buffer.get_mut(..self.length).context("the response is too long")?;
        self.stream.write_all(request.as_bytes())?;
        self.stream.read_exact(response)?;
        ensure!(
            response.starts_with(b"HTTP/1.1 200") && response.ends_with(b"\r\n\r\n"),
            "unlike the first response:\n{}",
            String::from_utf8_lossy(response)
        );
        Ok(())
    }
}

fn request(port: u16, path: &str, cookie: &str) -> String {
    request_at(&format!("127.0.0.1:{port}"), path, cookie)
}

fn request_at(host: &str, path: &str, cookie: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{cookie}\r\n")
}

/// Reads a response without a body.
fn first_length(
    buffer: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> std::io::Result<usize>,
) -> Result<usize> {
    let mut length = 0;
    loop {
        let read = read(buffer.get_mut(length..).unwrap_or_default())?;
        ensure!(read > 0, "the connection was closed");
        length += read;
        let response = buffer.get(..length).unwrap_or_default();
        if response.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8_lossy(response);
            ensure!(
                text.starts_with("HTTP/1.1 200") && text.to_ascii_lowercase().contains("content-length: 0"),
                "{text}"
            );
            return Ok(length);
        }
    }
}
