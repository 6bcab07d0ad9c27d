use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::HttpErrorCode;
use crate::reply::Response;

/// A stream on which the library's own answers to what is no request are replaced by answers of this lab, with
/// the headers of every answer, a code and a reference.
///
/// Hyper answers so by itself, with a bare head, and closes: no service sees it. Such a head is the last that
/// it writes, and none of ours is as short.
pub(super) struct OwnErrors<S, F> {
    stream: S,
    answer: F,
    /// What is to be written in place of such a head.
    pending: Vec<u8>,
}

/// The most bytes of such a head.
const MAX_LEN: usize = 256;

impl<S, F> OwnErrors<S, F> {
    pub(super) fn new(stream: S, answer: F) -> Self {
        Self { stream, answer, pending: Vec::new() }
    }
}

impl<S: AsyncWrite + Unpin, F> OwnErrors<S, F> {
    fn poll_pending(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.pending))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.pending.drain(..written)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin, F: Unpin> AsyncRead for OwnErrors<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S, F> AsyncWrite for OwnErrors<S, F>
where
    S: AsyncWrite + Unpin,
    F: Fn(HttpErrorCode) -> Response + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(context))?;
        let Some(found) = bare_head(bytes) else {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        };
        let (before, head) = bytes.split_at(found);
        let answer = encoded((self.answer)(code(head)), head);
        self.pending.extend([before, &answer].concat());
        // What is left is written when the stream is flushed.
        let _ = self.poll_pending(context)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Returns the beginning of a bare head of a client's error at the end of these bytes.
fn bare_head(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = bytes.len().saturating_sub(MAX_LEN);
    let tail = bytes.get(from..)?;
    let starts = |window: &[u8]| window.starts_with(b"HTTP/1.") && window.ends_with(b" 4");
    let start = tail.windows(b"HTTP/1.1 4".len()).rposition(starts)?;
    let is_ours = tail.windows(NOSNIFF.len()).any(|window| window == NOSNIFF);
    (!is_ours).then_some(from + start)
}

/// A header of every answer of ours.
const NOSNIFF: &[u8] = b"x-content-type-options";

fn code(head: &[u8]) -> HttpErrorCode {
    match head.get(b"HTTP/1.1 ".len()..b"HTTP/1.1 431".len()) {
        Some(b"414" | b"431") => HttpErrorCode::HeadTooLarge,
        _ => HttpErrorCode::BadRequest,
    }
}

/// Writes out an answer after which the connection is closed, with the date of the head that it replaces.
fn encoded(answer: Response, head: &[u8]) -> Vec<u8> {
    let (parts, body) = answer.into_parts();
    let date = head.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"date: "));
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(date.into_iter().flat_map(|date| [date, b"\n"].concat()));
    bytes.extend(format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes());
    bytes.extend(body);
    bytes
}
