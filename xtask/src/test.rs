//! `cargo xtask test`: all checks of CI, the cheapest first; the first failure ends it.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::options::Options;
use crate::process;
use crate::tally::Tally;
use crate::tools::{self, Tools};
use crate::workspace::{self, BUILD_LIMIT, Profile, cargo};
use crate::{e2e, examples, front, interop, oldest_compiler, postgres, replicas};

pub(crate) const ABOUT: &str = "all checks of CI: format, dependencies, lints, tests, examples, docs, interop, browser, proxies, replicas";

struct Step {
    title: &'static str,
    /// The command that repeats the step.
    command: &'static str,
    check: fn(&str, &mut Tally) -> Result<Tools>,
}

const STEPS: &[Step] = &[
    Step { title: "format", command: "cargo fmt --all --check", check: plain },
    Step { title: "dependencies", command: CARGO_DENY, check: dependencies },
    Step { title: "oldest Rust", command: oldest_compiler::COMMAND, check: |_, _| oldest_compiler::check() },
    Step {
        title: "lints",
        command: "cargo clippy --workspace --all-targets --all-features -- -D warnings",
        check: plain,
    },
    Step {
        title: "tests",
        command: "cargo test --workspace --features labgate-token/remote,labgate-tests/program",
        check: tests,
    },
    Step { title: "examples", command: examples::COMMAND, check: |_, _| examples::check() },
    Step { title: "docs", command: "cargo doc --workspace --no-deps", check: docs },
    Step { title: "interop", command: "cargo xtask interop --full", check: |_, tally| interop::check(tally) },
    Step { title: "browser", command: "cargo xtask e2e", check: |_, tally| e2e::check(tally) },
    Step { title: "proxies", command: "cargo xtask e2e --lab", check: |_, tally| front::check(tally) },
    Step {
        title: "replicas",
        command: "cargo xtask e2e --replicas",
        check: |_, tally| replicas::check(tally),
    },
];

/// The lints see to it that no exception in `deny.toml` stays longer than it is needed.
const CARGO_DENY: &str = "cargo deny check -D unmatched-skip -D unnecessary-skip -D unmatched-skip-root \
                          -D license-not-encountered -D license-exception-not-encountered bans licenses sources";

const INSTALL_CARGO_DENY: &str = "cargo install cargo-deny@0.20.2 --locked";

pub(crate) fn run(options: Options) -> Result<()> {
    options.finish()?;
    let mut tally = Tally::default();
    let mut summary = Vec::new();
    let done = run_steps(&mut tally, &mut summary);
    println!("\n{}\n\n{tally}", summary.join("\n"));
    done
}

/// Runs a check that has a command of its own.
pub(crate) fn run_one(options: Options, check: fn(&mut Tally) -> Result<Tools>) -> Result<()> {
    options.finish()?;
    let mut tally = Tally::default();
    let result = check(&mut tally);
    if let Ok(Tools::Missing(reason)) = &result {
        tally.skip();
        println!("skipped: {reason}");
    }
    if result.is_err() {
        tally.fail();
    }
    println!("\n{tally}");
    result.map(drop)
}

fn run_steps(tally: &mut Tally, summary: &mut Vec<String>) -> Result<()> {
    for (step, number) in STEPS.iter().zip(1..) {
        let Step { title, command, check } = step;
        println!("\n== {number}/{} {title}: {command}", STEPS.len());
        let since = Instant::now();
        let result = check(command, tally);
        let outcome = match &result {
            Ok(Tools::Ready) => "ok".to_owned(),
            Ok(Tools::Missing(reason)) => {
                tally.skip();
                format!("skipped: {reason}")
            }
            Err(_) => {
                tally.fail();
                format!("FAILED; to repeat it: {command}")
            }
        };
        println!("{title}: {outcome}");
        summary.push(format!("{title:<13}{:>7.1} s  {outcome}", since.elapsed().as_secs_f32()));
        result?;
    }
    Ok(())
}

/// Runs cargo's command as it is written.
fn plain(command: &str, tally: &mut Tally) -> Result<Tools> {
    run_cargo(&mut cargo_as_written(command), tally)
}

/// Runs the tests with those that need a PostgreSQL server, on one that is thrown away behind them.
fn tests(command: &str, tally: &mut Tally) -> Result<Tools> {
    // Some tests run the program, and some kill it and look at what it leaves.
    let programs = workspace::build(Profile::Debug)?;
    match postgres::start()? {
        Ok(server) => {
            let command = format!("{command},labgate-tests/postgres");
            println!("with a PostgreSQL server, named by {}: {command}", postgres::VARIABLE);
            let mut tests = cargo_as_written(&command);
            tests.env(postgres::VARIABLE, &server.url).env(PROGRAM, &programs.labgate);
            run_cargo(&mut tests, tally)
        }
        Err(reason) => {
            println!("WITHOUT THE TESTS OF THE STORE ON POSTGRESQL: {reason}");
            run_cargo(cargo_as_written(command).env(PROGRAM, &programs.labgate), tally)
        }
    }
}

/// Tells the tests which program to run.
pub(crate) const PROGRAM: &str = "LABGATE_TEST_PROGRAM";

fn docs(command: &str, tally: &mut Tally) -> Result<Tools> {
    run_cargo(cargo_as_written(command).env("RUSTDOCFLAGS", "-D warnings"), tally)
}

fn dependencies(command: &str, tally: &mut Tally) -> Result<Tools> {
    if !tools::runs(&mut cargo(&["deny", "--version"])) {
        if !tools::in_ci() {
            return Ok(Tools::Missing(format!("needs cargo-deny: {INSTALL_CARGO_DENY}")));
        }
        process::run(&mut cargo_as_written(INSTALL_CARGO_DENY), BUILD_LIMIT)?;
    }
    run_cargo(&mut cargo_as_written(command), tally)
}

fn cargo_as_written(command: &str) -> Command {
    let words: Vec<_> = command.split_whitespace().skip(1).collect();
    cargo(&words)
}

fn run_cargo(command: &mut Command, tally: &mut Tally) -> Result<Tools> {
    process::run_reading(command, BUILD_LIMIT, |line| tally.read(line))?;
    Ok(Tools::Ready)
}
