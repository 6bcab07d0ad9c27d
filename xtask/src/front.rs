//! `cargo xtask e2e --lab`: real reverse proxies, with the configurations of `docs/deploy`, in front of a lab.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process;
use crate::tally::Tally;
use crate::tools::{self, Tools};
use crate::workspace::{BUILD_LIMIT, test_module};

/// A package of Debian.
struct Package {
    name: &'static str,
    is_there: fn() -> bool,
    /// How the names of the tests begin that need it.
    tests: &'static str,
}

const PACKAGES: [Package; 4] = [
    Package { name: "nginx", is_there: || answers("nginx", "-v"), tests: "nginx" },
    Package {
        name: "libnginx-mod-http-js",
        is_there: || Path::new(NJS).exists(),
        tests: "nginx_that_verifies",
    },
    Package { name: "caddy", is_there: || answers("caddy", "version"), tests: "caddy" },
    Package { name: "haproxy", is_there: || answers("haproxy", "-v"), tests: "haproxy" },
];
const NJS: &str = "/usr/share/nginx/modules-available/mod-http-js.conf";

fn answers(proxy: &str, version: &str) -> bool {
    tools::runs(Command::new(proxy).arg(version))
}

/// Returns whether one of the packages is there.
pub(crate) fn is_there(package: &str) -> bool {
    PACKAGES.iter().any(|known| known.name == package && (known.is_there)())
}

/// Runs the tests of the module `front`, and shows their table once more below all.
pub(crate) fn check(tally: &mut Tally) -> Result<Tools> {
    let mut tests = test_module("front");
    let mut missing = Vec::new();
    for Package { name, is_there, tests: tests_of_it } in PACKAGES {
        if !is_there() && tools::in_ci() {
            tools::install_from_debian(&[name])?;
            ensure!(is_there(), "`apt-get install {name}` did not bring it");
        }
        if !is_there() {
            tests.arg(format!("--skip=front::{tests_of_it}"));
            missing.push(name);
        }
    }
    if missing.len() == PACKAGES.len() {
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
    for package in missing {
        tally.skip();
        println!("skipped: apt-get install {package}");
    }
    done?;
    ensure!(!table.is_empty(), "no test ran");
    Ok(Tools::Ready)
}
