//! The mock OpenID provider as a program: see `labgate-mock-idp serve --help`.

mod cli;

use std::io::Write as _;

use anyhow::Context as _;
use clap::Parser as _;

use crate::cli::{Cli, Command};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Serve(serve) => {
            let idp = serve.builder()?.start().await?;
            say(&serve.banner(&idp))?;
            tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")
        }
        Command::Faults => say(&cli::faults()),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}
