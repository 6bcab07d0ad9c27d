//! `cargo xtask e2e`: a real browser at every page, each scene with a lab of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::front;
use crate::lab;
use crate::net;
use crate::options::Options;
use crate::process::{self, Log, Server};
use crate::replicas;
use crate::tally::Tally;
use crate::test;
use crate::tools::{self, Tools};
use crate::workspace::{self, BUILD_LIMIT, Profile, test_module};

pub(crate) const ABOUT: &str = "all pages in a real Chromium, light and dark, wide and narrow; pictures in target/e2e; \
     --lab: nginx, Caddy and HAProxy in front of a lab; --replicas: replicas that are killed and restarted";

pub(crate) fn run(mut options: Options) -> Result<()> {
    let (of_lab, of_replicas) = (options.flag("--lab"), options.flag("--replicas"));
    ensure!(!(of_lab && of_replicas), "--lab and --replicas are two runs");
    let checked = match (of_lab, of_replicas) {
        (true, _) => front::check,
        (_, true) => replicas::check,
        _ => check,
    };
    test::run_one(options, checked)
}

/// Runs the tests of the module `browser`, which start the programs that they need.
pub(crate) fn check(tally: &mut Tally) -> Result<Tools> {
    let packages = ["chromium", "chromium-driver", "fonts-dejavu-core"];
    let tools = tools::from_debian(&["chromium", "chromedriver"], &packages)?;
    if let Tools::Missing(_) = tools {
        return Ok(tools);
    }
    let folder = workspace::scratch("e2e")?;
    lab::empty(&folder)?;
    let programs = workspace::build(Profile::Debug)?;
    let (_driver, driver_url) = start_driver(&folder)?;

    let mut tests = test_module("browser");
    tests
        .env("E2E_LABGATE", programs.labgate)
        .env("E2E_MOCK_IDP", programs.mock_idp)
        .env("E2E_WEBDRIVER", driver_url)
        .env("E2E_PICTURES", &folder);
    let mut ran = false;
    process::run_reading(&mut tests, BUILD_LIMIT, |line| {
        tally.read(line);
        ran |= line.starts_with("test browser::");
    })?;
    ensure!(ran, "no test ran");
    println!("pictures: {}", folder.display());
    Ok(Tools::Ready)
}

fn start_driver(folder: &Path) -> Result<(Server, String)> {
    let port = net::free_port()?;
    let mut command = Command::new("chromedriver");
    command.arg(format!("--port={port}"));
    let mut driver = Server::start("chromedriver", &command, &Log::File(&folder.join("chromedriver.log")))?;
    driver.wait_until(Duration::from_secs(30), || net::answers(port, "/status"))?;
    Ok((driver, format!("http://127.0.0.1:{port}")))
}
