//! The forward-auth check with many live sessions, asked about in turn.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::load::Load;
use super::usage::Usage;
use super::{measured, median, sign_in};
use crate::lab::{self, Lab, Places};
use crate::process::{self, Log, Server};
use crate::workspace::{BUILD_LIMIT, Programs, cargo};
use crate::{net, postgres};

const SIZES: [u32; 3] = [1, 1_000, 100_000];

/// Odd, so that there is a middle one.
const ROUNDS: usize = 5;

/// A lab with so many sessions.
pub(super) struct ManySessions {
    pub(super) database: &'static str,
    pub(super) size: u32,
    /// Checks a second, when each token was checked before.
    pub(super) per_second: f64,
    /// The server's CPU time of one such check, in microseconds.
    pub(super) cpu_micros: f64,
    /// The first check of each token after a start, in microseconds of CPU time.
    pub(super) first_cpu_micros: f64,
    /// What the server's memory grew by.
    pub(super) grown_bytes: u64,
}

/// Measures all sizes on each database that is here.
pub(super) fn measure(programs: &Programs, folder: &Path) -> Result<Vec<ManySessions>> {
    let fill = ["bench", "-p", "labgate", "--bench", "live_sessions"];
    process::run(cargo(&fill).arg("--no-run"), BUILD_LIMIT)?;
    let mut all = Vec::new();
    for size in SIZES {
        all.push(measure_one(programs, folder, None, size)?);
    }
    match postgres::start()? {
        Ok(server) => {
            for size in SIZES {
                let url = server.database(&format!("sessions_{size}"))?;
                all.push(measure_one(programs, folder, Some(&url), size)?);
            }
        }
        Err(reason) => println!("without PostgreSQL: {reason}"),
    }
    Ok(all)
}

fn measure_one(
    programs: &Programs,
    folder: &Path,
    postgres: Option<&str>,
    size: u32,
) -> Result<ManySessions> {
    let places = Places::fresh(folder.join("sessions"))?;
    // A sign-in tells the name of the cookie, and the first start makes the keys.
    let cookie = {
        let _lab = Lab::start(programs, &places, Some(folder))?;
        sign_in::once(&places)?
    };
    let name = cookie.split_once('=').context("a sign-in sets a cookie")?.0;
    let tokens = folder.join("tokens");
    let mut fill = cargo(&["bench", "-p", "labgate", "--bench", "live_sessions", "--"]);
    fill.arg(&places.data_dir).arg(postgres.unwrap_or("-")).arg(places.lab_url());
    process::run(fill.arg(size.to_string()).arg(&tokens), BUILD_LIMIT)?;
    let cookies = std::fs::read_to_string(&tokens)?;
    let cookies: Vec<String> = cookies.lines().map(|token| format!("{name}={token}")).collect();

    let server = start(programs, &places, folder, postgres)?;
    let load = Load::in_turn(places.lab_port, "/api/auth/verify", &cookies);
    let before = Usage::of(server.id())?;
    load.once()?;
    let after = Usage::of(server.id())?;
    let first_cpu_micros = (after.cpu.saturating_sub(before.cpu)).as_secs_f64() * 1e6 / f64::from(size);
    let (mut rates, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (rate, cpu) = measured(server.id(), &load)?;
        rates.push(rate);
        cpus.push(cpu.as_secs_f64() * 1e6 / f64::from(load.len()));
    }
    let grown_bytes = Usage::of(server.id())?.resident_bytes.saturating_sub(before.resident_bytes);
    Ok(ManySessions {
        database: if postgres.is_some() { "PostgreSQL" } else { "SQLite" },
        size,
        per_second: median(rates),
        cpu_micros: median(cpus),
        first_cpu_micros,
        grown_bytes,
    })
}

fn start(programs: &Programs, places: &Places, folder: &Path, postgres: Option<&str>) -> Result<Server> {
    let mut labgate: Command = lab::labgate_command(programs, places);
    if let Some(url) = postgres {
        labgate.env("LABGATE_DATABASE", url);
    }
    let log = folder.join("labgate-sessions.log");
    let mut server = Server::start("labgate", &labgate, &Log::File(&log))?;
    server.wait_until(lab::START_LIMIT, || net::answers(places.lab_port, "/healthz"))?;
    Ok(server)
}
