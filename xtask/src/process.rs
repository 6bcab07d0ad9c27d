//! Child processes with a time limit that never outlive this process.
//!
//! Each runs in a process group of its own, so that stopping it stops what it started, and Ctrl-C reaches it
//! through us alone. On Linux it is also told to end if this process is killed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

static STOPPING: AtomicBool = AtomicBool::new(false);

const POLL: Duration = Duration::from_millis(20);

/// The time a process has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// From now on Ctrl-C, SIGTERM and SIGHUP set [`stopping`] instead of ending us.
pub(crate) fn watch_for_signals() -> Result<()> {
    ctrlc::set_handler(|| STOPPING.store(true, Ordering::Relaxed)).context("cannot watch for signals")
}

/// Returns whether this process was asked to stop.
pub(crate) fn stopping() -> bool {
    STOPPING.load(Ordering::Relaxed)
}

/// Runs a command to its end; what it prints is shown.
///
/// # Errors
/// When it fails, does not end within the limit, or we are asked to stop.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let running = Running::start(command.stdin(Stdio::null()))?;
    running.finish(command, limit)
}

/// The same, giving every line of its standard output away as well.
pub(crate) fn run_reading(
    command: &mut Command,
    limit: Duration,
    mut each_line: impl FnMut(&str) + Send,
) -> Result<()> {
    let mut running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let output = running.child.stdout.take().context("the command has no output")?;
    thread::scope(|scope| {
        scope.spawn(move || {
            for_each_line(output, |line| {
                show(line);
                each_line(line);
            });
        });
        running.finish(command, limit)
    })
}

/// A command as a person would type it.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_else(|| command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A server that runs until this is dropped.
pub(crate) struct Server {
    name: &'static str,
    running: Running,
    logs: Vec<JoinHandle<()>>,
}

/// The destination of a server's output.
pub(crate) enum Log<'a> {
    /// To our own output, each line behind the server's name.
    Shown,
    /// To a file.
    File(&'a Path),
}

impl Server {
    pub(crate) fn start(name: &'static str, command: &Command, log: &Log<'_>) -> Result<Self> {
        let mut command = ending_with_us(command);
        command.stdin(Stdio::null());
        match log {
            Log::Shown => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
            Log::File(path) => {
                let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                command.stdout(file.try_clone()?).stderr(file)
            }
        };
        let mut running = Running::start(&mut command)?;
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            running.child.stdout.take().map(|output| Box::new(output) as _),
            running.child.stderr.take().map(|output| Box::new(output) as _),
        ];
        let logs = outputs.into_iter().flatten().map(|output| {
            thread::spawn(move || for_each_line(output, |line| show(&format!("{name:>8} | {line}"))))
        });
        Ok(Self { name, logs: logs.collect(), running })
    }

    pub(crate) fn id(&self) -> u32 {
        self.running.child.id()
    }

    /// Waits until the server does what is asked of it.
    ///
    /// # Errors
    /// When it ends or does not do so within the limit, or we are asked to stop.
    pub(crate) fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let since = Instant::now();
        while !ready() {
            self.is_alive()?;
            if stopping() {
                bail!("stopped");
            }
            if since.elapsed() > limit {
                bail!("{} does not answer after {} s", self.name, limit.as_secs());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// # Errors
    /// When the server has ended.
    pub(crate) fn is_alive(&mut self) -> Result<()> {
        match self.running.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                // What it said last is the reason: let it come out first.
                self.logs.drain(..).for_each(|log| drop(log.join()));
                bail!("{} has ended: {status}", self.name)
            }
        }
    }
}

struct Running {
    child: Child,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command.spawn().with_context(|| format!("cannot run `{}`", describe(command)))?;
        Ok(Self { child })
    }

    fn finish(mut self, command: &Command, limit: Duration) -> Result<()> {
        match self.wait(limit)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("`{}` failed: {status}", describe(command)),
            None if stopping() => bail!("stopped"),
            None => bail!("`{}` did not end within {} s", describe(command), limit.as_secs()),
        }
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let since = Instant::now();
        while !stopping() && since.elapsed() < limit {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(POLL);
        }
        Ok(None)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        signal_group(&self.child, "TERM");
        let since = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && since.elapsed() < GRACE {
            thread::sleep(POLL);
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            signal_group(&self.child, "KILL");
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Sends a signal to a child and all that it started. The shell has the one safe way to say this.
fn signal_group(child: &Child, signal: &str) {
    let kill = format!("kill -s {signal} -- -{}", child.id());
    let sent = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
    drop(sent);
}

/// The command, wrapped so that it gets SIGTERM when we die, where `setpriv` (Linux) is there to arrange it.
fn ending_with_us(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--pdeathsig", "TERM", "--"]);
    let mut probe = Command::new("setpriv");
    probe.args(["--pdeathsig", "TERM", "--", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) {
        wrapped.arg(command.get_program());
    } else {
        wrapped = Command::new(command.get_program());
    }
    wrapped.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

fn for_each_line(output: impl Read, mut each: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        each(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

/// Prints a line. Unlike `println!` it goes on when the terminal is gone: children still have to be stopped
/// then.
pub(crate) fn show(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_names_the_command() {
        run(&mut sh("exit 0"), GRACE).unwrap();
        let error = run(&mut sh("exit 3"), GRACE).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed: exit status: 3");
    }

    #[test]
    fn a_command_that_takes_too_long_is_stopped() {
        let since = Instant::now();
        let error = run(&mut sh("sleep 60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
        assert!(since.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn every_line_is_read() {
        let mut lines = Vec::new();
        run_reading(&mut sh("echo one; echo two"), GRACE, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_dropped_server_takes_its_children_along() {
        // The grandchild holds the log open: joining the log shows that it has ended too.
        let mut server = Server::start("nested", &sh("sleep 60 & echo up; wait"), &Log::Shown).unwrap();
        let logs = std::mem::take(&mut server.logs);
        server.is_alive().unwrap();
        drop(server);
        for log in logs {
            log.join().unwrap();
        }
    }
}
