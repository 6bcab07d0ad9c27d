//! Builds the workspace with the oldest compiler that it states: `rust-version` (MSRV).

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::tools::{self, Tools};
use crate::workspace::{self, BUILD_LIMIT};

pub(crate) const COMMAND: &str = "cargo +RUST-VERSION check --workspace --locked";

/// Checks the workspace with that toolchain, which CI installs.
pub(crate) fn check() -> Result<Tools> {
    let version = workspace::Metadata::read()?.rust_version()?;
    let install = ["toolchain", "install", &version, "--profile", "minimal", "--no-self-update"];
    if !tools::runs(&mut rustup(&["run", &version, "cargo", "--version"])) {
        if !tools::in_ci() {
            return Ok(Tools::Missing(format!("needs Rust {version}: rustup {}", install.join(" "))));
        }
        if !tools::is_there("rustup") {
            return Ok(Tools::Missing(format!("needs rustup, to install Rust {version}")));
        }
        process::run(&mut rustup(&install), BUILD_LIMIT)?;
    }
    process::run(&mut rustup(&["run", &version, "cargo", "check", "--workspace", "--locked"]), BUILD_LIMIT)?;
    Ok(Tools::Ready)
}

fn rustup(arguments: &[&str]) -> Command {
    let mut rustup = Command::new("rustup");
    rustup.args(arguments).current_dir(workspace::root());
    rustup
}
