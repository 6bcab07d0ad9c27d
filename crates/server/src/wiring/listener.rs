//! The socket to listen on: bound here, or handed over by systemd (socket activation).

use std::io;

use labgate_http::Listener;
use tokio::net::TcpListener;

use super::start_error::StartError;
#[cfg(unix)]
use super::unix_socket::{self, SocketFile};
use crate::configuration::Listen;

/// A socket that systemd has opened and handed over to this process.
#[derive(Debug)]
pub enum HandedOver {
    /// At an IP address.
    Tcp(std::net::TcpListener),
    /// At a path.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

#[cfg(unix)]
impl HandedOver {
    /// Takes the socket from the environment (`LISTEN_FDS`, `LISTEN_PID`), if there is one for this process. The
    /// process must still have one thread, for the variables are removed.
    ///
    /// # Errors
    /// When there are several, or what is there is no socket that accepts connections.
    pub fn take() -> Result<Option<Self>, StartError> {
        // Without it the sockets could be meant for the process that started this one.
        if std::env::var_os("LISTEN_PID").is_none() {
            return Ok(None);
        }
        let mut sockets = listenfd::ListenFd::from_env();
        match sockets.len() {
            0 => return Ok(None),
            1 => {}
            count => return Err(StartError::SeveralSockets { count }),
        }
        if let Ok(Some(listener)) = sockets.take_tcp_listener(0) {
            return Ok(Some(Self::Tcp(listener)));
        }
        let unix = sockets.take_unix_listener(0).map_err(|source| StartError::UnfitSocket { source })?;
        Ok(unix.map(Self::Unix))
    }
}

/// A socket that listens, and its address.
pub(super) struct Bound {
    pub(super) listener: Listener,
    pub(super) address: Listen,
    /// Removes the file of the socket in the end.
    #[cfg(unix)]
    _file: Option<SocketFile>,
}

impl Bound {
    /// Listens at this address; on what was handed over, if something was.
    pub(super) async fn at(
        listen: &Listen,
        mode: u32,
        handed_over: Option<HandedOver>,
    ) -> Result<Self, StartError> {
        let bound = match handed_over {
            Some(socket) => return Self::handed_over(listen, socket),
            None => Self::bind(listen, mode).await,
        };
        bound.map_err(|source| StartError::Listen { address: listen.clone(), source })
    }

    async fn bind(listen: &Listen, mode: u32) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => Self::tcp(TcpListener::bind(address).await?),
            #[cfg(unix)]
            Listen::Unix(path) => {
                let (listener, file) = unix_socket::bind(path, mode)?;
                let listener = Listener::Unix(tokio::net::UnixListener::from_std(listener)?);
                Ok(Self { listener, address: listen.clone(), _file: Some(file) })
            }
            #[cfg(not(unix))]
            Listen::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn tcp(listener: TcpListener) -> io::Result<Self> {
        let address = Listen::Tcp(listener.local_addr()?);
        Ok(Self {
            listener: Listener::Tcp(listener),
            address,
            #[cfg(unix)]
            _file: None,
        })
    }

    /// Takes a socket that was handed over. It must be where the settings say: the health check, and whoever reads
    /// the settings, rely on them.
    fn handed_over(listen: &Listen, socket: HandedOver) -> Result<Self, StartError> {
        let taken = match socket {
            HandedOver::Tcp(listener) => {
                listener.set_nonblocking(true).and_then(|()| Self::tcp(TcpListener::from_std(listener)?))
            }
            #[cfg(unix)]
            HandedOver::Unix(listener) => Self::unix(listener),
        };
        let bound = taken.map_err(|source| StartError::UnfitSocket { source })?;
        if bound.address != *listen {
            return Err(StartError::OtherSocket { address: bound.address, listen: listen.clone() });
        }
        Ok(bound)
    }

    #[cfg(unix)]
    fn unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().map(std::path::Path::to_owned).unwrap_or_default();
        let listener = Listener::Unix(tokio::net::UnixListener::from_std(listener)?);
        Ok(Self { listener, address: Listen::Unix(path), _file: None })
    }
}
