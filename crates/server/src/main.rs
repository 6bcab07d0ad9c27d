//! The `labgate` command: see `labgate --help`.

use std::process::ExitCode;

use clap::Parser as _;
use labgate::cli::Cli;
use mimalloc::MiMalloc;

/// The memory of 100,000 sessions is many small pieces that come and go: this allocator needs a sixth of what the
/// system's does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("labgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
