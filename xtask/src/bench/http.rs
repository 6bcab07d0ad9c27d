//! One HTTP/1.1 exchange on a connection of its own, to a server that we started.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::net::loopback;

/// Longer than the server lets anybody wait.
const LIMIT: Duration = Duration::from_secs(40);

/// A response, as far as a sign-in cares.
pub(super) struct Response {
    head: String,
    pub(super) body: String,
}

/// A connection that gives up after some seconds instead of hanging.
pub(super) fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&loopback(port), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request and reads the response. The headers end with a line break each.
pub(super) fn exchange(port: u16, method: &str, target: &str, headers: &str, body: &str) -> Result<Response> {
    exchange_at(&format!("127.0.0.1:{port}"), port, method, target, headers, body)
}

/// The same, with a host of its own.
pub(super) fn exchange_at(
    host: &str,
    port: u16,
    method: &str,
    target: &str,
    headers: &str,
    body: &str,
) -> Result<Response> {
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    );
    let mut stream = connect(port)?;
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (head, body) = response.split_once("\r\n\r\n").context("the response has no end of headers")?;
    Ok(Response { head: head.to_owned(), body: body.to_owned() })
}

impl Response {
    /// The status code, as it was sent.
    pub(super) fn status(&self) -> Option<&str> {
        self.head.split(' ').nth(1)
    }

    /// Returns the target of a redirect.
    pub(super) fn location(&self) -> Result<&str> {
        match self.header("location") {
            Some(location) => Ok(location),
            None => bail!("this is no redirect:\n{}", self.head),
        }
    }

    /// Returns the first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Returns the `Cookie` header that follows this response: each cookie that it sets, except those that it
    /// removes.
    pub(super) fn cookies(&self) -> String {
        let pairs = self.all("set-cookie").filter_map(|cookie| cookie.split(';').next());
        pairs.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ")
    }

    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Shows the beginning of the response, for messages.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_unless_they_are_removed() {
        let head = "HTTP/1.1 303 See Other\r\nLocation: /\r\nset-cookie: a=1; Path=/\r\nSet-Cookie: b=; Max-Age=0\r\nset-cookie: c=3";
        let response = Response { head: head.to_owned(), body: String::new() };
        assert_eq!(response.cookies(), "a=1; c=3");
        assert_eq!(response.location().unwrap(), "/");
        assert_eq!(response.status(), Some("303"));
    }
}
