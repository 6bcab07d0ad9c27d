//! HTTP/1.1 as far as a front door on loopback needs it: one request on each connection.

use std::io::{self, BufRead, Read as _};

/// The most bytes of a head.
const MAX_HEAD: u64 = 64 * 1024;
const MAX_HEADERS: usize = 100;

/// The head of a request.
pub(super) struct Request {
    pub(super) method: String,
    /// The path with its query, as it was sent.
    pub(super) target: String,
    pub(super) headers: Headers,
}

/// The head of a response.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Headers,
}

impl Request {
    /// Reads the head of a request.
    ///
    /// # Errors
    /// When it is none, or its body has no length.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let head = read_head(from)?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(&head).map_err(malformed)?;
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(malformed("no request line"));
        };
        let request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers::of(request.headers),
        };
        let has_length = request.headers.get("transfer-encoding").is_none();
        if !has_length || !request.target.starts_with('/') || request.headers.all("host").count() != 1 {
            return Err(malformed("no length of the body, no path, or not one host"));
        }
        Ok(request)
    }

    /// Returns the host, with its port.
    pub(super) fn host(&self) -> &str {
        self.headers.text("host")
    }

    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Returns the length of the body.
    pub(super) fn body_len(&self) -> u64 {
        self.headers.text("content-length").parse().unwrap_or(0)
    }
}

impl Response {
    /// Reads the head of a response.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn parse(response: &[u8]) -> io::Result<Self> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        head.parse(response).map_err(malformed)?;
        let status = head.code.ok_or_else(|| malformed("no status"))?;
        Ok(Self { status, headers: Headers::of(head.headers) })
    }
}

/// Headers, in their order.
#[derive(Default)]
pub(super) struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    fn of(parsed: &[httparse::Header<'_>]) -> Self {
        Self(parsed.iter().map(|it| (it.name.to_ascii_lowercase(), it.value.to_vec())).collect())
    }

    /// Adds a header.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// Returns those whose names, in lower case, pass.
    #[must_use]
    pub(super) fn filtered(&self, passes: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| passes(name)).cloned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Returns the first value of this name as text; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Returns a whole head with this first line. The connection ends with the message.
    pub(super) fn head(&self, first_line: &str) -> Vec<u8> {
        let mut head = format!("{first_line}\r\nconnection: close\r\n").into_bytes();
        for (name, value) in &self.0 {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

fn read_head(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut from = from.take(MAX_HEAD);
    let mut head = Vec::new();
    loop {
        let before = head.len();
        from.read_until(b'\n', &mut head)?;
        match head.get(before..) {
            Some(b"\r\n") if before > 0 => return Ok(head),
            Some(line) if line.ends_with(b"\n") => {}
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn malformed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
