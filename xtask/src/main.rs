//! `cargo xtask`: the project's own commands. Without arguments it lists them.

mod bench;
mod docs;
mod e2e;
mod examples;
mod front;
mod interop;
mod lab;
mod mutants;
mod net;
mod oldest_compiler;
mod options;
mod pgbouncer;
mod postgres;
mod process;
mod replicas;
mod run_dev;
mod tally;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use options::Options;

struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(Options) -> anyhow::Result<()>,
}

const TASKS: &[Task] = &[
    Task { name: "run-dev", about: run_dev::ABOUT, run: run_dev::run },
    Task { name: "test", about: test::ABOUT, run: test::run },
    Task { name: "interop", about: interop::ABOUT, run: interop::run },
    Task { name: "e2e", about: e2e::ABOUT, run: e2e::run },
    Task { name: "bench", about: bench::ABOUT, run: bench::run },
    Task { name: "mutants", about: mutants::ABOUT, run: mutants::run },
    Task { name: "docs", about: docs::ABOUT, run: docs::run },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next().filter(|name| name != "--help" && name != "help") else {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("there is no command `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    let done = process::watch_for_signals().and_then(|()| (task.run)(Options::new(arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let lines: Vec<_> = TASKS.iter().map(|Task { name, about, .. }| format!("  {name:<8} {about}")).collect();
    format!("cargo xtask COMMAND\n\n{}", lines.join("\n"))
}
