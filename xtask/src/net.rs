//! Ports on loopback, and whether something answers there.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The wanted port when it is free; another one, with a word about it, when it is taken.
pub(crate) fn port_or_another(wanted: u16, whose: &str) -> Result<u16> {
    unless_taken(wanted, whose, TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)))
}

fn unless_taken(wanted: u16, whose: &str, bound: std::io::Result<TcpListener>) -> Result<u16> {
    match bound {
        Ok(_) => Ok(wanted),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let free = free_port()?;
            println!("port {wanted} is taken: {whose} uses {free}");
            Ok(free)
        }
        Err(error) => Err(error).with_context(|| format!("port {wanted} for {whose}")),
    }
}

/// A port that was free a moment ago. The system gives it to no connection, as it does with a port of its own
/// choice (from 32768 on): only another server that wants this very port could take it meanwhile.
pub(crate) fn free_port() -> Result<u16> {
    let first = usize::try_from(RandomState::new().hash_one(()) % 10_000)?;
    let ports = (20_000..30_000).cycle().skip(first).take(1000);
    let mut free = ports.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().context("no free port on loopback")
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Returns whether `GET path` is answered with 200.
pub(crate) fn answers(port: u16, path: &str) -> bool {
    status(port, path).is_ok_and(|status| status == *b"HTTP/1.1 200")
}

fn status(port: u16, path: &str) -> std::io::Result<[u8; 12]> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&loopback(port), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f49_a_taken_port_gives_another() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(port_or_another(port, "the test").unwrap(), port);
        assert_eq!(unless_taken(port, "the test", Ok(taken)).unwrap(), port);
        assert!(unless_taken(port, "the test", Err(ErrorKind::PermissionDenied.into())).is_err());
    }

    #[test]
    fn f49_a_free_port_is_not_one_for_outgoing_connections() {
        assert!((20_000..30_000).contains(&free_port().unwrap()));
    }

    #[test]
    fn only_200_is_an_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for status in ["503 Service Unavailable", "200 OK"] {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut request = [0; 512];
                    assert!(stream.read(&mut request).unwrap() > 0);
                    let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(response.as_bytes()).unwrap();
                }
                drop(listener.accept().unwrap());
            });
            assert!(!answers(port, "/"));
            assert!(answers(port, "/"));
            assert!(!answers(port, "/"), "it hangs up");
        });
    }
}
