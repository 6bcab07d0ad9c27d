//! `cargo xtask e2e --replicas`: replicas as processes of their own, behind HAProxy and PgBouncer, and a standby of
//! PostgreSQL that is promoted.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::pgbouncer::PgBouncer;
use crate::postgres;
use crate::process;
use crate::tally::Tally;
use crate::test::PROGRAM;
use crate::tools::{self, Tools};
use crate::workspace::{self, BUILD_LIMIT, Profile, test_module};

/// The programs, and how each says its version. Debian's packages have the same names.
const PROGRAMS: [(&str, &str); 2] = [("haproxy", "-v"), ("pgbouncer", "--version")];

/// Tests of what a pooler takes no part in: settings of a session in the URL, and failures to connect.
const NOT_POOLED: [&str; 2] = ["c122_a_change_that_waited", "an_unreachable_server"];

/// Runs the tests of the module `cluster`; and behind PgBouncer those of the stores, of servers that share one, and of
/// a sign-in and a hand-over.
pub(crate) fn check(tally: &mut Tally) -> Result<Tools> {
    for (program, version) in PROGRAMS {
        let is_there = || tools::runs(Command::new(program).arg(version));
        if !is_there() && !tools::in_ci() {
            return Ok(Tools::Missing(format!("needs {program}: apt-get install {program}")));
        }
        if !is_there() {
            tools::install_from_debian(&[program])?;
            ensure!(is_there(), "`apt-get install {program}` did not bring {program}");
        }
    }
    let server = match postgres::start()? {
        Ok(server) => server,
        Err(reason) => return Ok(Tools::Missing(reason)),
    };
    let primary = postgres::primary()?;
    let standby = primary.standby()?;
    let pgbouncer = PgBouncer::before(&server)?;
    let programs = workspace::build(Profile::Debug)?;

    let mut tests = test_module("cluster");
    tests
        .env("LABGATE_TEST_PRIMARY_URL", &primary.url)
        .env("LABGATE_TEST_PRIMARY_PROCESS", primary.process().to_string())
        .env("LABGATE_TEST_STANDBY_URL", &standby.url);
    let mut pooled = test_module("store::postgres");
    pooled.args(["replicas::", "cluster::killed", "cluster::what_"]);
    pooled.args(NOT_POOLED.map(|test| format!("--skip={test}")));
    pooled.env("LABGATE_TEST_PGBOUNCER_URL", &pgbouncer.url);
    for tests in [&mut tests, &mut pooled] {
        tests.env(postgres::VARIABLE, &server.url).env(PROGRAM, &programs.labgate);
        let mut ran = false;
        process::run_reading(tests, BUILD_LIMIT, |line| {
            tally.read(line);
            ran |= line.starts_with("test cluster::");
        })?;
        ensure!(ran, "no test ran");
    }
    Ok(Tools::Ready)
}
