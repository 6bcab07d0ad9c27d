//! Programs that some checks need beside cargo.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process;

/// The availability of the tools of a check.
pub(crate) enum Tools {
    Ready,
    /// Not here; the sentence says how to get them.
    Missing(String),
}

/// Returns whether tools are installed as needed, rather than checks skipped.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Looks for programs; in CI installs the Debian packages that bring them.
///
/// # Errors
/// In CI, when they cannot be had.
pub(crate) fn from_debian(programs: &[&str], packages: &[&str]) -> Result<Tools> {
    if programs.iter().all(|program| is_there(program)) {
        return Ok(Tools::Ready);
    }
    let install = format!("apt-get install {}", packages.join(" "));
    if !in_ci() {
        return Ok(Tools::Missing(format!("needs {}: {install}", programs.join(" and "))));
    }
    install_from_debian(packages)?;
    match programs.iter().find(|program| !is_there(program)) {
        None => Ok(Tools::Ready),
        Some(missing) => bail!("`{install}` did not bring {missing}"),
    }
}

/// Installs Debian packages.
///
/// # Errors
/// When they cannot be had.
pub(crate) fn install_from_debian(packages: &[&str]) -> Result<()> {
    let limit = Duration::from_mins(10);
    process::run(&mut apt_get(&["update", "-q"]), limit)?;
    process::run(apt_get(&["install", "-qy", "--no-install-recommends"]).args(packages), limit)
}

/// Returns whether a program can be run.
pub(crate) fn is_there(program: &str) -> bool {
    runs(Command::new(program).arg("--version"))
}

/// Returns whether a command succeeds; its output is discarded.
pub(crate) fn runs(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
