//! The `labgate` command: see `labgate --help`.

use std::process::ExitCode;

use clap::Parser as _;
use labgate::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("labgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
