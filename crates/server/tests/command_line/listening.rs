//! Where the binary listens, and what it tells systemd.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Running, labgate, text};

/// A lab in a folder of its own, with a Unix socket and a service manager.
struct Lab {
    folder: TempDir,
    manager: UnixDatagram,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        // A process that says nothing fails the test and does not hold it up.
        manager.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self { folder, manager }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str], more: &[(&str, &str)]) -> Command {
        let (listen, manager) = (format!("unix:{}", self.path("lab.sock")), self.path("notify"));
        let own = [
            ("LABGATE_LISTEN", &*listen),
            ("LABGATE_PUBLIC_URL", "https://lab.example/auth"),
            ("NOTIFY_SOCKET", &*manager),
        ];
        labgate(&self.folder, arguments, &[&own, more].concat())
    }

    /// Starts the server, and waits until it says that it is ready.
    fn serve(&self, more: &[(&str, &str)]) -> Running {
        let mut command = self.command(&["serve"], more);
        let running = Running(command.stderr(Stdio::null()).spawn().unwrap());
        assert_eq!(self.told(), "READY=1\n");
        running
    }

    /// What the service manager is told next.
    fn told(&self) -> String {
        let mut message = [0; 256];
        let len = self.manager.recv(&mut message).unwrap();
        String::from_utf8(message[..len].to_vec()).unwrap()
    }

    fn health(&self, more: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = self.command(&["healthcheck"], more).output().unwrap();
        (output.status.code(), text(&output).0)
    }
}

fn signal(running: &Running, name: &str) {
    let told = Command::new("kill").args(["-s", name, &running.0.id().to_string()]).status().unwrap();
    assert!(told.success());
}

fn get(socket: &str, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: lab.example\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_unix_socket_is_served_and_the_health_check_finds_it() {
    let lab = Lab::new();
    let socket = lab.path("lab.sock");
    // What a killed process leaves behind.
    drop(UnixListener::bind(&socket).unwrap());
    let mut running = lab.serve(&[]);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let page = get(&socket, "/auth/login");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("\"/auth/assets/labgate.css\""), "{page}");
    assert!(get(&socket, "/login").starts_with("HTTP/1.1 404"));
    assert_eq!(lab.health(&[]), (Some(0), "ready\n".to_owned()));

    let second = lab.command(&["serve"], &[]).output().unwrap();
    let (_, stderr) = text(&second);
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&socket) && stderr.contains("another program listens there"), "{stderr}");

    signal(&running, "TERM");
    assert!(running.0.wait().unwrap().success());
    assert!(!std::fs::exists(&socket).unwrap());
    let (code, line) = lab.health(&[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1));
    assert!(line.starts_with("not ready: unix:") && line.contains("No such file"), "{line}");
}

#[test]
fn the_health_check_asks_over_tcp_and_needs_no_open_port() {
    let lab = Lab::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    drop(taken);
    let (code, line) = lab.health(&[("LABGATE_LISTEN", &address)]);
    assert_eq!(code, Some(1));
    assert!(line.starts_with(&format!("not ready: {address} does not answer")), "{line}");
    let (code, line) = lab.health(&[("LABGATE_LISTEN", "127.0.0.1:0")]);
    assert_eq!(code, Some(1), "{line}");
}

#[test]
fn the_health_check_asks_over_tls_and_a_broken_pair_of_files_changes_nothing() {
    let lab = Lab::new();
    let (certificate, key) = (lab.path("certificate.pem"), lab.path("key.pem"));
    let made = rcgen::generate_simple_self_signed(["lab.example".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let files = [("LABGATE_TLS_CERTIFICATE_FILE", &*certificate), ("LABGATE_TLS_PRIVATE_KEY_FILE", &*key)];
    let running = lab.serve(&files);
    assert_eq!(lab.health(&files), (Some(0), "ready\n".to_owned()));
    assert_eq!(lab.health(&[]).0, Some(1), "without TLS");

    std::fs::write(&certificate, "broken").unwrap();
    signal(&running, "HUP");
    assert!(lab.told().starts_with("RELOADING=1\n"));
    assert_eq!(lab.told(), "READY=1\n");
    assert_eq!(lab.health(&files), (Some(0), "ready\n".to_owned()));
    let check = lab.command(&["config", "check"], &files).output().unwrap();
    let (_, stderr) = text(&check);
    assert_eq!(check.status.code(), Some(1));
    assert!(stderr.contains("tls_certificate_file") && stderr.contains("has no certificate"), "{stderr}");
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_and_stops() {
    let lab = Lab::new();
    let mut running = lab.serve(&[]);
    signal(&running, "HUP");
    let reloading = lab.told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(lab.told(), "READY=1\n");
    signal(&running, "TERM");
    assert_eq!(lab.told(), "STOPPING=1\n");
    assert!(running.0.wait().unwrap().success());
}

/// Runs the binary with this socket as the only one that systemd hands over.
fn handed_over(mut command: Command, socket: impl Into<OwnedFd>) -> Command {
    // A shell, for it has the process id before the binary starts, and moves the socket to its number.
    let (program, arguments) = (command.get_program().to_owned(), command.get_args().map(ToOwned::to_owned));
    let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" \"$@\"";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]).arg(program).args(arguments.collect::<Vec<_>>());
    let environment =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    shell.env_clear().envs(environment.collect::<Vec<_>>());
    shell.current_dir(command.get_current_dir().unwrap());
    command = shell;
    command.stdin(Stdio::from(socket.into()));
    command
}

#[test]
fn a_socket_of_systemd_is_served_where_the_settings_say() {
    let lab = Lab::new();
    let socket = lab.path("lab.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    // A client that comes before the server waits for it.
    let mut early = UnixStream::connect(&socket).unwrap();
    early.write_all(b"GET /readyz HTTP/1.1\r\nhost: lab.example\r\nconnection: close\r\n\r\n").unwrap();
    let mut command = handed_over(lab.command(&["serve"], &[]), listener.try_clone().unwrap());
    let mut running = Running(command.stderr(Stdio::null()).spawn().unwrap());
    assert_eq!(lab.told(), "READY=1\n");
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    signal(&running, "TERM");
    assert!(running.0.wait().unwrap().success());
    // It is systemd's, which starts the next server on it.
    assert!(std::fs::exists(&socket).unwrap());
    drop(listener);

    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let refused = handed_over(lab.command(&["serve"], &[]), tcp).output().unwrap();
    let (_, stderr) = text(&refused);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr.contains(&format!("handed over a socket at {address}")), "{stderr}");
    assert!(stderr.contains(&socket) && stderr.contains("LABGATE_LISTEN"), "{stderr}");
}
