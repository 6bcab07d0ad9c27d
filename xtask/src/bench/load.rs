//! The same request again and again, over a few connections that stay open.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::http;

const CONNECTIONS: u32 = 4;
const REQUESTS_PER_CONNECTION: u32 = 10_000;

pub(super) struct Load {
    port: u16,
    request: String,
}

impl Load {
    pub(super) fn new(port: u16, path: &str, cookie: Option<&str>) -> Self {
        let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        Self { port, request: format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{cookie}\r\n") }
    }

    /// Requests per second.
    pub(super) fn run(&self) -> Result<f64> {
        let since = Instant::now();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| self.work())).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(_) => bail!("a connection of the load panicked"),
            })
        })?;
        Ok(f64::from(CONNECTIONS * REQUESTS_PER_CONNECTION) / since.elapsed().as_secs_f64())
    }

    fn work(&self) -> Result<()> {
        let mut connection = self.connect()?;
        for _ in 1..REQUESTS_PER_CONNECTION {
            connection.ask()?;
        }
        Ok(())
    }

    /// Opens one of the connections and asks once.
    pub(super) fn connect(&self) -> Result<Connection<'_>> {
        let mut stream = http::connect(self.port)?;
        let mut buffer = [0; 4096];
        stream.write_all(self.request.as_bytes())?;
        let length = first_length(&mut buffer, |free| stream.read(free))?;
        Ok(Connection { load: self, stream, buffer, length })
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
    /// Sends the request and reads the response.
    pub(super) fn ask(&mut self) -> Result<()> {
        let response = self.buffer.get_mut(..self.length).context("the response is too long")?;
        self.stream.write_all(self.load.request.as_bytes())?;
        self.stream.read_exact(response)?;
        ensure!(
            response.starts_with(b"HTTP/1.1 200") && response.ends_with(b"\r\n\r\n"),
            "unlike the first response:\n{}",
            String::from_utf8_lossy(response)
        );
        Ok(())
    }
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
            ensure!(text.starts_with("HTTP/1.1 200") && text.contains("content-length: 0"), "{text}");
            return Ok(length);
        }
    }
}
