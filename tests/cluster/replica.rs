//! A replica: the program, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The longest stop: requests under way have ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What all replicas of a lab have: the folder, the file with their settings, and variables.
pub(super) struct Settings {
    pub(super) folder: TempDir,
    pub(super) environment: Vec<(&'static str, String)>,
}

impl Settings {
    fn command(&self, arguments: &[&str]) -> Command {
        let program = std::env::var_os("LABGATE_TEST_PROGRAM");
        let program = program.map(PathBuf::from).expect("LABGATE_TEST_PROGRAM is not set: name the program");
        let mut labgate = Command::new(program);
        labgate.args(arguments).env_clear().current_dir(&self.folder).stdin(Stdio::null());
        labgate.envs(self.environment.iter().map(|(name, value)| (name, value)));
        labgate
    }

    /// Runs a command of an operator to its end.
    pub(super) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

/// An address of loopback that no other program uses, so that a replica gets the port again that it had.
pub(super) fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 63), middle, low)
}

/// A replica that runs until this is dropped.
pub(super) struct Replica {
    pub(super) address: SocketAddr,
    process: Child,
    log: Arc<Mutex<String>>,
}

impl Replica {
    /// Starts a replica, and waits until it listens.
    pub(super) async fn start(settings: &Settings, at: SocketAddr) -> Self {
        let mut command = settings.command(&["serve"]);
        command.env("LABGATE_LISTEN", at.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
        spawn_blocking(move || Self::of(command)).await.unwrap()
    }

    fn of(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let log = Arc::<Mutex<String>>::default();
        let address = lines.find_map(|line| {
            let told: Value = serde_json::from_str(&line).unwrap_or_default();
            *log.lock().unwrap() += &(line + "\n");
            told["address"].as_str().map(|address| address.parse().unwrap())
        });
        let address = address.unwrap_or_else(|| panic!("it does not start: {}", log.lock().unwrap()));
        let kept = Arc::clone(&log);
        // A pipe that nobody reads would stop the server.
        std::thread::spawn(move || lines.for_each(|line| *kept.lock().unwrap() += &(line + "\n")));
        Self { address, process, log }
    }

    /// Ends the process at once, in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Tells the process to stop, and waits until it has.
    pub(super) async fn stop(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        let log = Arc::clone(&self.log);
        let ended = spawn_blocking(move || self.process.wait().unwrap());
        let status = timeout(STOP_LIMIT, ended).await.expect("it does not stop").unwrap();
        assert!(status.success(), "{status}: {}", log.lock().unwrap());
    }

    /// What it has said.
    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
