//! `cargo xtask bench --data`: what many accounts cost. The measuring itself is
//! `crates/store-adapter/benches/at_scale`, which has the stores; it is built with the optimisations of a
//! release.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::postgres;
use crate::process;
use crate::workspace::{self, BUILD_LIMIT, cargo};

/// Filling and measuring, on a small and busy machine, several times over.
const LIMIT: Duration = Duration::from_mins(30);

pub(super) fn run() -> Result<()> {
    let arguments = ["bench", "-p", "labgate-store", "--bench", "at_scale"];
    process::run(cargo(&arguments).arg("--no-run"), BUILD_LIMIT)?;
    let mut measure = cargo(&arguments);
    let server = match postgres::start()? {
        Ok(server) => {
            measure.env(postgres::VARIABLE, &server.url);
            Some(server)
        }
        Err(reason) => {
            println!("without PostgreSQL: {reason}");
            None
        }
    };
    let rest = Rest(workspace::target()?.join("tmp/at-scale"));
    let measured = process::run(&mut measure, LIMIT);
    drop((rest, server));
    measured
}

/// The remains of a stopped measurement.
struct Rest(PathBuf);

impl Drop for Rest {
    fn drop(&mut self) {
        if self.0.exists() && std::fs::remove_dir_all(&self.0).is_err() {
            eprintln!("{} is left behind", self.0.display());
        }
    }
}
