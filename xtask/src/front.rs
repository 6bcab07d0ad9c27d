//! `cargo xtask e2e --lab`: real reverse proxies, with the configurations of `docs/deploy`, in front of a lab.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::process;
use crate::tally::Tally;
use crate::tools::{self, Tools};
use crate::workspace::{BUILD_LIMIT, test_module};

/// The proxies, and how each says its version. Debian's packages have the same names.
const PROXIES: [(&str, &str); 3] = [("nginx", "-v"), ("caddy", "version"), ("haproxy", "-v")];

/// Runs the tests of the module `front`, and shows their table once more below all.
pub(crate) fn check(tally: &mut Tally) -> Result<Tools> {
    let mut tests = test_module("front");
    let mut missing = Vec::new();
    for (proxy, version) in PROXIES {
        let is_there = || tools::runs(Command::new(proxy).arg(version));
        if !is_there() && tools::in_ci() {
            tools::install_from_debian(&[proxy])?;
            ensure!(is_there(), "`apt-get install {proxy}` did not bring {proxy}");
        }
        if !is_there() {
            tests.arg(format!("--skip=front::{proxy}"));
            missing.push(proxy);
        }
    }
    if missing.len() == PROXIES.len() {
        return Ok(Tools::Missing(format!("needs a proxy: apt-get install {}", missing.join(" "))));
    }
    let mut table = Vec::new();
    let done = process::run_reading(tests.arg("--nocapture"), BUILD_LIMIT, |line| {
        tally.read(line);
        if line.starts_with("| ") && !table.iter().any(|row| row == line) {
            table.push(line.to_owned());
        }
    });
    println!("\n{}", table.join("\n"));
    for proxy in missing {
        tally.skip();
        println!("skipped: needs {proxy}: apt-get install {proxy}");
    }
    done?;
    ensure!(!table.is_empty(), "no test ran");
    Ok(Tools::Ready)
}
