//! The address to listen on.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// The address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port. Port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// A text that is no address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitListen {
    /// It is neither an IP address with a port nor the path of a Unix socket.
    #[error(
        "is not an IP address with a port, such as 127.0.0.1:8091 or 0.0.0.0:8091, nor a Unix socket, such as \
         unix:/run/labgate/labgate.sock"
    )]
    NotAnAddress,
    /// The path of the Unix socket depends on the working directory.
    #[error("is not the absolute path of a Unix socket, such as unix:/run/labgate/labgate.sock")]
    NotAbsolute,
}

impl Listen {
    /// Returns the address by which this machine reaches the server: where it listens on every address, loopback.
    pub(crate) fn on_this_machine(&self) -> Self {
        match self {
            Self::Tcp(address) if address.ip().is_unspecified() => {
                let mut address = *address;
                address.set_ip(if address.is_ipv4() {
                    Ipv4Addr::LOCALHOST.into()
                } else {
                    Ipv6Addr::LOCALHOST.into()
                });
                Self::Tcp(address)
            }
            other => other.clone(),
        }
    }

    /// Returns the port, if it has one.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl FromStr for Listen {
    type Err = UnfitListen;

    fn from_str(text: &str) -> Result<Self, UnfitListen> {
        let Some(path) = text.strip_prefix("unix:") else {
            return text.parse().map(Self::Tcp).map_err(|_| UnfitListen::NotAnAddress);
        };
        let is_file = path.starts_with('/') && !path.ends_with('/');
        is_file.then(|| Self::Unix(path.into())).ok_or(UnfitListen::NotAbsolute)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Parses the rights of a Unix socket's file, in octal. Its owner can always connect.
pub(super) fn socket_mode(text: &str) -> Result<u32, &'static str> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| mode & !0o777 == 0 && mode & 0o600 == 0o600);
    mode.ok_or("is no octal number with the owner's rights, such as 0660, 0600 or 0666")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_address_with_a_port_or_an_absolute_path() {
        for good in ["127.0.0.1:8091", "[::]:0", "unix:/run/labgate/labgate.sock", "unix:/a b"] {
            assert_eq!(good.parse::<Listen>().unwrap().to_string(), good);
        }
        for bad in
            ["", "8091", "localhost:1", "/run/labgate.sock", "http://127.0.0.1:1", "UNIX:/a", "127.0.0.1"]
        {
            assert_eq!(bad.parse::<Listen>(), Err(UnfitListen::NotAnAddress), "{bad}");
        }
        for bad in ["unix:", "unix:labgate.sock", "unix:./a", "unix:/run/", "unix:@abstract"] {
            assert_eq!(bad.parse::<Listen>(), Err(UnfitListen::NotAbsolute), "{bad}");
        }
    }

    #[test]
    fn every_address_is_reached_by_loopback_on_this_machine() {
        for (listen, reached) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("192.0.2.1:1", "192.0.2.1:1"),
            ("unix:/a", "unix:/a"),
        ] {
            assert_eq!(listen.parse::<Listen>().unwrap().on_this_machine().to_string(), reached);
        }
    }

    #[test]
    fn the_mode_of_a_socket_is_octal_and_keeps_its_owner() {
        for (text, mode) in [("0660", 0o660), ("600", 0o600), ("0666", 0o666), ("770", 0o770)] {
            assert_eq!(socket_mode(text), Ok(mode));
        }
        for bad in ["", "0", "0060", "0400", "1660", "0o660", "rw-rw----", "999", "-660"] {
            assert!(socket_mode(bad).is_err(), "{bad}");
        }
    }
}
