//! The programs, each test with its own: the provider, and Labgate set up for it by the four settings.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::world::Registration;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A program that runs until this is dropped. If the test fails, its log is printed.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let file = File::create(&log).unwrap();
        command.stderr(file).current_dir(folder.path());
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self { child, log, _folder: folder }
    }

    /// Returns the log so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("---- {}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// Returns a free origin for a Labgate: providers need it before the start.
pub(super) fn free_origin() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Returns a variable of `cargo xtask interop`.
pub(super) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask interop --full`"))
}

/// A client for what is no browser's business.
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Starts Labgate with the settings for the provider and nothing else but a place to be and everything in its
/// log, and waits until it answers.
pub(super) async fn labgate(origin: &str, registration: &Registration) -> Running {
    let mut command = labgate_command(origin, registration);
    command.arg("serve").env(
        "LABGATE_LOG__LEVEL",
        "trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,h2=trace,sqlx=trace",
    );
    answering(&mut command, &format!("{origin}/healthz")).await
}

/// Returns a command of Labgate with the settings of a lab at this origin.
pub(super) fn labgate_command(origin: &str, registration: &Registration) -> Command {
    let mut command = Command::new(setting("INTEROP_LABGATE"));
    let listen = origin.trim_start_matches("http://");
    command.env_clear().envs(registration.settings()).env("LABGATE_LISTEN", listen);
    command
}

/// Starts a program and waits until this URL is answered.
pub(super) async fn answering(command: &mut Command, url: &str) -> Running {
    let running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()));
    let client = client();
    let since = Instant::now();
    while client.get(url).send().await.is_err() {
        assert!(since.elapsed() < START_LIMIT, "{url} is not answered");
        // There is nothing to wait on: the program is another process, and its port was closed a moment ago.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running
}

/// Starts a provider that prints `issuer <url>` and ends with its standard input, too.
pub(super) fn naming_its_issuer(command: &mut Command) -> (Running, String) {
    let mut running = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let output = running.child.stdout.take().unwrap();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(issuer) = line.strip_prefix("issuer ") {
                drop(send.send(issuer.to_owned()));
            }
        }
    });
    let issuer = receive.recv_timeout(START_LIMIT).expect("the provider names its issuer");
    (running, issuer)
}
