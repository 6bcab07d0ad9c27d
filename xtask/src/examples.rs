//! Runs the examples of all crates, as `cargo test --workspace` has built them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::tools::Tools;
use crate::{process, workspace};

pub(crate) const COMMAND: &str = "cargo run -p CRATE --example NAME, for each example";

/// An example shows one thing and ends.
const LIMIT: Duration = Duration::from_mins(1);

/// Runs each example. One that fails, or does not end, fails the check.
pub(crate) fn check() -> Result<Tools> {
    let folder = workspace::target()?.join("debug/examples");
    let metadata = workspace::Metadata::read()?;
    let names = metadata.examples();
    ensure!(!names.is_empty(), "there is no example");
    for name in names {
        println!("-- {name}");
        process::run(&mut Command::new(folder.join(name)), LIMIT)?;
    }
    Ok(Tools::Ready)
}
