//! `cargo xtask interop`: Labgate against providers that others wrote.

mod jvm;
mod keycloak;
mod libraries;
mod npm;
mod pypi;
mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::table::Table;
use crate::options::Options;
use crate::process::{self, Server};
use crate::tally::Tally;
use crate::tools::{self, Tools};
use crate::workspace::{self, BUILD_LIMIT, Profile, Programs, test_module};
use crate::{net, test};

pub(crate) const ABOUT: &str = "the real binary against foreign providers (see `interop --help`)";

const HELP: &str = "\
cargo xtask interop [--full]

Runs the real program against providers that others wrote, and prints which case passed with which of them:
  npm (needs node and npm)
    oidc-provider          a certified provider; and once more in each of the settings that it can have
    oauth2-mock-server     a mock
  PyPI (needs python3 with pip and venv)
    canaille               a provider
    django-oauth-toolkit   in a small Django project
    oidc-provider-mock     a mock
  Maven Central, with --full, and in CI always (needs a JDK and mvn)
    keycloak
    spring                 Spring Authorization Server in a small Spring Boot application
    navikt                 mock-oauth2-server, a mock

And the code of docs/tokens.md, with the libraries that it uses: PyJWT, jose, golang-jwt (needs go) and jsonwebtoken.

What is missing is skipped; in CI (CI=true) it is installed with apt-get. All is kept in target/interop.";

pub(crate) fn run(mut options: Options) -> Result<()> {
    if options.flag("--help") {
        println!("{HELP}");
        return options.finish();
    }
    let full = options.flag("--full");
    test::run_one(options, if full { check_all } else { check })
}

/// Providers that come together.
struct Source {
    providers: &'static [Provider],
    tools: fn() -> Result<Tools>,
    /// Installs them, unless that was done before.
    install: fn() -> Result<Variables>,
    /// Starts the one that all tests share, if it is too slow to be started for each.
    start: Option<fn() -> Result<Shared>>,
}

impl Source {
    fn names(&self) -> String {
        let names: Vec<_> = self.providers.iter().map(|provider| table::title(provider.module)).collect();
        names.join(", ")
    }
}

/// A module of `tests/interop`, and the version of the provider that it is about.
struct Provider {
    module: &'static str,
    version: fn() -> Result<String>,
}

/// The variables that tell the tests where the providers are.
type Variables = Vec<(&'static str, OsString)>;

/// A server for all tests, which may not answer yet.
struct Shared {
    server: Server,
    port: u16,
    /// The path that is answered with 200 when it does.
    path: &'static str,
    log: PathBuf,
    variables: Variables,
}

const SMALL: [Source; 4] = [npm::SOURCE, pypi::SOURCE, libraries::GO, libraries::RUST];
const ALL: [Source; 7] =
    [npm::SOURCE, pypi::SOURCE, libraries::GO, libraries::RUST, keycloak::SOURCE, jvm::SPRING, jvm::NAVIKT];

/// The time limit for the start of a shared server. Keycloak puts itself together at its first start; on a busy
/// machine that has taken a minute.
const START_LIMIT: Duration = Duration::from_mins(5);

/// Runs the tests of the module `interop` and prints a table of them.
pub(crate) fn check(tally: &mut Tally) -> Result<Tools> {
    if tools::in_ci() { check_all(tally) } else { check_against(&SMALL, tally) }
}

fn check_all(tally: &mut Tally) -> Result<Tools> {
    check_against(&ALL, tally)
}

fn check_against(sources: &[Source], tally: &mut Tally) -> Result<Tools> {
    let mut ready = Vec::new();
    let mut skipped = Vec::new();
    for source in sources {
        match (source.tools)()? {
            Tools::Ready => ready.push(source),
            Tools::Missing(reason) => skipped.push(format!("{} {reason}", source.names())),
        }
    }
    let providers: Vec<_> = ready.iter().flat_map(|source| source.providers).collect();
    let Some((first, others)) = providers.split_first() else {
        return Ok(Tools::Missing(skipped.join("; ")));
    };
    let (programs, mut variables) = build_and_install(&ready)?;
    variables.push(("INTEROP_LABGATE", programs.labgate.into()));
    let servers = start(&ready, &mut variables)?;

    let mut tests = test_module(&format!("interop::{}", first.module));
    tests.args(others.iter().map(|provider| format!("interop::{}::", provider.module))).envs(variables);
    let mut tables = tables(&providers)?;
    let done = process::run_reading(&mut tests, BUILD_LIMIT, |line| {
        tally.read(line);
        for table in &mut tables {
            table.read(line);
        }
    });
    drop(servers);
    for table in &tables {
        process::show(&format!("\n{table}"));
    }
    for reason in &skipped {
        tally.skip();
        process::show(&format!("skipped: {reason}"));
    }
    done?;
    if let Some(module) = tables.iter().find_map(Table::without_result) {
        bail!("no test of {} ran", table::title(module));
    }
    Ok(Tools::Ready)
}

/// Installs the providers while the programs are built: the one waits for the network, the other computes.
fn build_and_install(sources: &[&Source]) -> Result<(Programs, Variables)> {
    thread::scope(|scope| {
        let installations: Vec<_> =
            sources.iter().map(|source| (source, scope.spawn(|| (source.install)()))).collect();
        let programs = workspace::build(Profile::Debug)?;
        let mut variables = Variables::new();
        for (source, installation) in installations {
            let installed = installation.join().map_err(|_| anyhow::anyhow!("the installation panicked"));
            variables.extend(installed.flatten().with_context(|| source.names())?);
        }
        Ok((programs, variables))
    })
}

/// Starts the shared servers, and waits for all of them.
fn start(sources: &[&Source], variables: &mut Variables) -> Result<Vec<Server>> {
    let started: Result<Vec<_>> =
        sources.iter().filter_map(|source| source.start).map(|start| start()).collect();
    let mut servers = Vec::new();
    for Shared { mut server, port, path, log, variables: of_server } in started? {
        server
            .wait_until(START_LIMIT, || net::answers(port, path))
            .with_context(|| format!("see {}", log.display()))?;
        variables.extend(of_server);
        servers.push(server);
    }
    Ok(servers)
}

/// A table of the providers, one of each that is about settings, and one of the libraries, for other cases.
fn tables(providers: &[&Provider]) -> Result<Vec<Table>> {
    let mut columns = Vec::new();
    for provider in providers {
        columns.push((provider.module, (provider.version)()?));
    }
    let (libraries, providers): (Vec<_>, Vec<_>) =
        columns.into_iter().partition(|(module, _)| module.starts_with("tokens::"));
    let (of_settings, usual): (Vec<_>, Vec<_>) =
        providers.into_iter().partition(|(module, _)| module.ends_with("_settings"));
    let groups = [usual, libraries].into_iter().chain(of_settings.into_iter().map(|column| vec![column]));
    Ok(groups.filter(|group| !group.is_empty()).map(Table::new).collect())
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

/// Returns the version that stands behind this text in a file of that folder.
fn version(file: &str, before: &str) -> Result<String> {
    let text = std::fs::read_to_string(source().join(file)).with_context(|| format!("cannot read {file}"))?;
    let (_, behind) = text.split_once(before).with_context(|| format!("{file} does not name {before}"))?;
    let is_part = |character: char| character.is_ascii_alphanumeric() || ".-+".contains(character);
    Ok(behind.chars().take_while(|character| is_part(*character)).collect())
}
