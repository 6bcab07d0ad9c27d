use std::io;
use std::path::PathBuf;

use labgate_domain::error::ErrorCode;
use labgate_domain::people::Username;
use labgate_domain::ports::StoreError;
use labgate_domain::provider::ProviderId;
use labgate_http::person_text;
use labgate_provider::SettingsError;
use labgate_store::OpenError;
use labgate_token::KeyFileError;

use crate::configuration::{Listen, UnfitTlsFile};

/// The reason a start failed. Each variant names the address, file or setting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}", reason = listen_failure(address, source))]
    Listen {
        /// The address.
        address: Listen,
        /// The cause.
        source: io::Error,
    },
    /// systemd handed over several sockets.
    #[error(
        "systemd handed over {count} sockets, and Labgate listens on one: leave one Listen… in labgate.socket"
    )]
    SeveralSockets {
        /// Their number.
        count: usize,
    },
    /// What systemd handed over is no socket that accepts connections.
    #[error("systemd handed over something else than a listening TCP or Unix socket: {source}")]
    UnfitSocket {
        /// The cause.
        source: io::Error,
    },
    /// systemd handed over a socket that the settings do not name.
    #[error(
        "systemd handed over a socket at {address}, and listen (LABGATE_LISTEN) is {listen}: set it to {address}, or \
         change labgate.socket"
    )]
    OtherSocket {
        /// The address of the socket.
        address: Listen,
        /// The setting.
        listen: Listen,
    },
    /// The server's certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] UnfitTlsFile),
    /// The data directory cannot be created or used.
    #[error("the data directory {path} cannot be created or used: {source}; data_dir (LABGATE_DATA_DIR) names another", path = path.display())]
    DataDir {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A restore has the data directory, or a restore wants it while a Labgate works in it.
    #[error("another labgate works in the data directory {path}: stop it, or wait for its end", path = path.display())]
    DataDirInUse {
        /// The path.
        path: PathBuf,
    },
    /// A restore into the data directory was interrupted.
    #[error(
        "the data directory {path} holds a restore that was interrupted: delete what is in it, and restore again",
        path = path.display()
    )]
    UnfinishedRestore {
        /// The path.
        path: PathBuf,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The provider's settings do not fit together.
    #[error("the provider {id}: {error}", id = id.as_str())]
    Provider {
        /// The provider.
        id: ProviderId,
        /// The cause.
        error: SettingsError,
    },
    /// The database does not answer.
    #[error(transparent)]
    NoAnswer(#[from] StoreError),
    /// The first administrator of the settings cannot be created.
    #[error("[admin]: {username} cannot become the first administrator: {} ({})", person_text(.code.as_str()), .code.as_str())]
    FirstAdministrator {
        /// The name from the settings.
        username: Username,
        /// Why.
        code: ErrorCode,
    },
    /// The file with the setup link cannot be written or deleted.
    #[error("the file {path} cannot be replaced: {source}", path = path.display())]
    SetupLink {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

fn listen_failure(address: &Listen, error: &io::Error) -> String {
    let reason = match (error.kind(), address) {
        (io::ErrorKind::AlreadyExists, Listen::Unix(_)) => "something that is not a socket is there",
        (io::ErrorKind::NotFound, Listen::Unix(_)) => "the folder does not exist",
        (io::ErrorKind::PermissionDenied, Listen::Unix(_)) => "not permitted to make or to reach the socket",
        (io::ErrorKind::AddrInUse, _) => "another program listens there already (another Labgate?)",
        (io::ErrorKind::AddrNotAvailable, _) => {
            let all = "listen (LABGATE_LISTEN) names another, 0.0.0.0 all";
            return format!("this machine does not have that address; {all}");
        }
        (io::ErrorKind::PermissionDenied, _) => "not permitted; ports below 1024 need a privilege",
        _ => &error.to_string(),
    };
    format!("{reason}; listen (LABGATE_LISTEN) names another address")
}
