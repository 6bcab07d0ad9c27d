//! `cargo xtask interop`: Labgate against providers that others wrote.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::lab;
use crate::options::Options;
use crate::process;
use crate::tally::Tally;
use crate::test;
use crate::tools::{self, Tools};
use crate::workspace::{self, BUILD_LIMIT, Profile, test_module};

pub(crate) const ABOUT: &str = "the real program against providers that others wrote (needs node and npm)";

/// What a provider's folder under the target folder is made from.
const FILES: [&str; 3] = ["package.json", "package-lock.json", "provider.mjs"];

pub(crate) fn run(options: Options) -> Result<()> {
    test::run_one(options, check)
}

/// Runs the tests of the module `interop` and prints a table of them.
pub(crate) fn check(tally: &mut Tally) -> Result<Tools> {
    let tools = tools::from_debian(&["node", "npm"], &["nodejs", "npm"])?;
    if let Tools::Missing(_) = tools {
        return Ok(tools);
    }
    let provider = install_provider()?;
    let programs = workspace::build(Profile::Debug)?;
    let mut tests = test_module("interop");
    tests.env(LABGATE, programs.labgate).env(PROVIDER, provider);
    let mut table = Vec::new();
    let done = process::run_reading(&mut tests, BUILD_LIMIT, |line| {
        tally.read(line);
        table.extend(Row::read(line));
    });
    println!("{}", table_of(&table));
    done?;
    ensure!(!table.is_empty(), "no test ran");
    Ok(Tools::Ready)
}

/// Where the tests find the program and the provider's script.
const LABGATE: &str = "INTEROP_LABGATE";
const PROVIDER: &str = "INTEROP_PROVIDER";

/// Brings the provider's packages as the lock file has them. Returns the path of the script that starts it.
fn install_provider() -> Result<PathBuf> {
    let source = workspace::root().join("tests/interop");
    let folder = workspace::scratch("interop")?;
    let lock = "package-lock.json";
    // npm writes this file last, so it is there exactly when the folder is complete.
    let installed = folder.join("node_modules/.package-lock.json").exists()
        && same_content(&source.join(lock), &folder.join(lock));
    if !installed {
        lab::empty(&folder)?;
    }
    for file in FILES {
        std::fs::copy(source.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    if !installed {
        let mut npm = std::process::Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        process::run(&mut npm, Duration::from_mins(5))?;
    }
    Ok(folder.join("provider.mjs"))
}

fn same_content(one: &Path, other: &Path) -> bool {
    match (std::fs::read(one), std::fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// One test: `interop::<provider>::<case>`.
struct Row {
    provider: String,
    case: String,
    result: String,
}

impl Row {
    fn read(line: &str) -> Option<Self> {
        let (name, result) = line.strip_prefix("test interop::")?.split_once(" ... ")?;
        let (provider, case) = name.split_once("::")?;
        let words = |name: &str| name.replace('_', " ");
        Some(Self { provider: words(provider), case: words(case), result: result.to_owned() })
    }
}

fn table_of(rows: &[Row]) -> String {
    let width = |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).len()).max().unwrap_or(0);
    let (provider, case) = (width(|row| &row.provider), width(|row| &row.case));
    let line = |row: &Row| format!("{:<provider$}  {:<case$}  {}\n", row.provider, row.case, row.result);
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_test() {
        let output = "\
running 2 tests
test interop::oidc_provider::a_refusal_is_explained ... ok
test interop::oidc_provider::sign_in ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        let rows: Vec<_> = output.lines().filter_map(Row::read).collect();
        assert_eq!(
            table_of(&rows),
            "oidc provider  a refusal is explained  ok\noidc provider  sign in                 FAILED\n"
        );
    }
}
