//! A Unix socket: its rights, and what an earlier process left behind.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// The file of a socket that this process listens on. Dropping it removes the file, unless another process has
/// put its own there.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    id: FileId,
}

/// Tells a file from a later one of its path: its device and inode, and the time of its last change, for the number
/// of an inode is given again.
type FileId = (u64, u64, i64, i64);

fn id(file: &fs::Metadata) -> FileId {
    (file.dev(), file.ino(), file.ctime(), file.ctime_nsec())
}

/// Listens at this path, with these rights. A file that a dead process left is replaced; anything else that is
/// there is an error.
pub(super) fn bind(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    let address = SockAddr::unix(path)?;
    remove_stale(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    // Nobody can connect before `listen`: the rights are there first.
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    let id = id(&fs::symlink_metadata(path)?);
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let file = SocketFile { path: path.to_owned(), id };
    Ok((OwnedFd::from(socket).into(), file))
}

/// Removes the file of a socket on which nothing listens any more.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(found) if !found.file_type().is_socket() => return Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) => {}
        Err(error) => return Err(error),
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server whose queue is full would have it wait.
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| id(&found) == self.id) {
            // A file that stays is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_socket_has_its_rights_and_its_file_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.sock");
        for mode in [0o660, 0o600, 0o666] {
            let (listener, file) = bind(&path, mode).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
            UnixStream::connect(&path).unwrap();
            drop((listener, file));
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_dead_process_s_file_is_replaced_and_a_living_one_s_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.sock");
        // Without its guard a socket leaves its file, as a killed process does.
        drop(UnixListener::bind(&path).unwrap());
        let (listener, file) = bind(&path, 0o600).unwrap();
        let refused = bind(&path, 0o600).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
        drop(listener);

        // The file of a successor stays.
        let successor = bind(&path, 0o600).unwrap();
        drop(file);
        UnixStream::connect(&path).unwrap();
        drop(successor);
    }

    #[test]
    fn a_full_queue_is_a_living_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.sock");
        let address = SockAddr::unix(&path).unwrap();
        let server = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        server.bind(&address).unwrap();
        server.listen(0).unwrap();
        let mut waiting = Vec::new();
        loop {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            if client.connect(&address).is_err() {
                break;
            }
            waiting.push(client);
        }
        assert_eq!(bind(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn nothing_but_a_socket_is_ever_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, socket) =
            (folder.path().join("file"), folder.path().join("link"), folder.path().join("socket"));
        fs::write(&file, "kept").unwrap();
        drop(UnixListener::bind(&socket).unwrap());
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        for path in [&file, &link, &folder.path().to_owned()] {
            assert_eq!(bind(path, 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{path:?}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        assert!(fs::symlink_metadata(&link).is_ok());
        assert_eq!(
            bind(&folder.path().join("no/socket"), 0o600).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
