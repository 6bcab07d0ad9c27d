//! `cargo xtask interop`: Labgate against providers that others wrote.

mod keycloak;
mod npm;
mod pypi;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use self::table::Table;
use crate::options::Options;
use crate::process::{self, Server};
use crate::tally::Tally;
use crate::test;
use crate::tools::{self, Tools};
use crate::workspace::{self, BUILD_LIMIT, Profile, test_module};

pub(crate) const ABOUT: &str = "the real binary against foreign providers (see `interop --help`)";

const HELP: &str = "\
cargo xtask interop [--keycloak]

Runs the real program against providers that others wrote, and prints which case passed with which of them:
  oidc-provider        a certified provider, from npm (needs node and npm)
  oidc-provider-mock   a mock, from PyPI (needs python3 with pip and venv)

  --keycloak           Keycloak, too, from Maven Central (needs java and mvn); in CI it is always among them

What is missing is skipped; in CI (CI=true) it is installed with apt-get. All is kept in target/interop.";

pub(crate) fn run(mut options: Options) -> Result<()> {
    if options.flag("--help") {
        println!("{HELP}");
        return options.finish();
    }
    let keycloak = options.flag("--keycloak");
    test::run_one(options, if keycloak { check_all } else { check })
}

/// A provider: a module of `tests/interop`, and how to get what it needs.
struct Provider {
    module: &'static str,
    tools: fn() -> Result<Tools>,
    /// Installs the provider and tells the tests where it is. One that is too slow to be started for each
    /// test is started here, and stops when what is returned is dropped.
    bring: fn(&mut Command) -> Result<Option<Server>>,
}

const SMALL: [Provider; 2] = [npm::PROVIDER, pypi::PROVIDER];
const ALL: [Provider; 3] = [npm::PROVIDER, pypi::PROVIDER, keycloak::PROVIDER];

/// Runs the tests of the module `interop` and prints a table of them.
pub(crate) fn check(tally: &mut Tally) -> Result<Tools> {
    if tools::in_ci() { check_all(tally) } else { check_against(&SMALL, tally) }
}

fn check_all(tally: &mut Tally) -> Result<Tools> {
    check_against(&ALL, tally)
}

fn check_against(providers: &[Provider], tally: &mut Tally) -> Result<Tools> {
    let mut ready = Vec::new();
    let mut skipped = Vec::new();
    for provider in providers {
        match (provider.tools)()? {
            Tools::Ready => ready.push(provider),
            Tools::Missing(reason) => skipped.push(format!("{} {reason}", table::title(provider.module))),
        }
    }
    let Some((first, others)) = ready.split_first() else { return Ok(Tools::Missing(skipped.join("; "))) };
    let programs = workspace::build(Profile::Debug)?;
    let mut tests = test_module(&format!("interop::{}", first.module));
    tests.args(others.iter().map(|provider| format!("interop::{}::", provider.module)));
    tests.env("INTEROP_LABGATE", programs.labgate);
    let mut servers = Vec::new();
    for provider in &ready {
        let server = (provider.bring)(&mut tests).with_context(|| table::title(provider.module))?;
        servers.extend(server);
    }
    let mut table = Table::new(ready.iter().map(|provider| provider.module));
    let done = process::run_reading(&mut tests, BUILD_LIMIT, |line| {
        tally.read(line);
        table.read(line);
    });
    drop(servers);
    process::show(&format!("\n{table}"));
    for reason in &skipped {
        tally.skip();
        process::show(&format!("skipped: {reason}"));
    }
    done?;
    if let Some(module) = table.without_result() {
        bail!("no test of {} ran", table::title(module));
    }
    Ok(Tools::Ready)
}

/// Returns whether two files exist with the same content.
fn same_content(one: &Path, other: &Path) -> bool {
    match (std::fs::read(one), std::fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// The folder of the tests, with what the providers are made from.
fn source() -> PathBuf {
    workspace::root().join("tests/interop")
}
