//! The load on one core and Labgate on another, so that neither takes the other's time.

use std::process::{self, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::process::run;

const LIMIT: Duration = Duration::from_secs(10);

const LABGATE: &str = "0";
const LOAD: &str = "1";

/// This process on a core of its own, until this is dropped. What it starts stays there, too, and has as many
/// threads as one core asks for.
pub(super) struct Pinned {
    all: String,
}

impl Pinned {
    /// Returns nothing, and says why, where there is one core or no `taskset`.
    pub(super) fn load() -> Option<Self> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let all = format!("0-{}", cores - 1);
        match pin(process::id(), LOAD) {
            Ok(()) if cores > 1 => return Some(Self { all }),
            Ok(()) => println!("load and Labgate share the only core"),
            Err(reason) => println!("load and Labgate share the cores: {reason:#}"),
        }
        None
    }

    /// Puts a server on the core that the load has left.
    pub(super) fn leave_to(process: u32) -> Result<()> {
        pin(process, LABGATE)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Err(reason) = pin(process::id(), &self.all) {
            println!("everything stays on one core: {reason:#}");
        }
    }
}

/// Lets all threads of a process run on these cores only.
fn pin(process: u32, cores: &str) -> Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", cores, &process.to_string()]);
    run(taskset.stdout(Stdio::null()), LIMIT)
}
