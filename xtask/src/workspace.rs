//! The paths of the workspace, and cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::process;

/// A build from nothing, on a small machine, several times over.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_mins(45);

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Cargo's target folder: this program stands in `<target>/debug`.
pub(crate) fn target() -> Result<PathBuf> {
    let this = std::env::current_exe().context("where this program stands")?;
    this.ancestors().nth(2).map(Path::to_owned).context("this program does not stand in a target folder")
}

/// A folder of its own under the target folder, created when it is missing.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let folder = target()?.join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// `cargo SUBCOMMAND`, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(root());
    cargo
}

/// The packages of the workspace, as `cargo metadata` describes them.
pub(crate) struct Metadata(Value);

impl Metadata {
    pub(crate) fn read() -> Result<Self> {
        let output = cargo(&["metadata", "--no-deps", "--format-version=1", "--locked"]).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(Self(serde_json::from_slice(&output.stdout)?))
    }

    /// Returns the names of all examples.
    pub(crate) fn examples(&self) -> Vec<&str> {
        let targets = self.packages().filter_map(|package| package["targets"].as_array()).flatten();
        let examples = targets.filter(|target| target["kind"] == json!(["example"]));
        examples.filter_map(|target| target["name"].as_str()).collect()
    }

    /// Returns the oldest compiler that the workspace supports.
    pub(crate) fn rust_version(&self) -> Result<String> {
        let mut versions = self.packages().filter_map(|package| package["rust_version"].as_str());
        versions.next().map(str::to_owned).context("no package states a rust-version")
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0.get("packages").and_then(Value::as_array).into_iter().flatten()
    }
}

/// Returns the command that runs one module of `tests/` that needs more than cargo. One build serves all of
/// them, and shares as much as possible with `cargo test --workspace`.
pub(crate) fn test_module(name: &str) -> Command {
    let features = "labgate-tests/browser,labgate-tests/cluster,labgate-tests/interop";
    let mut test = cargo(&["test", "--workspace", "--test", "all", "--features", features, "--"]);
    test.arg(format!("{name}::"));
    test
}

/// The programs of the product, built.
pub(crate) struct Programs {
    pub(crate) labgate: PathBuf,
    pub(crate) mock_idp: PathBuf,
}

/// Builds the programs, as a person runs them or as they are released.
pub(crate) fn build(profile: Profile) -> Result<Programs> {
    let mut build = cargo(&["build", "-p", "labgate", "-p", "labgate-mock-idp"]);
    let folder = match profile {
        Profile::Debug => target()?.join("debug"),
        Profile::Release => {
            build.arg("--release");
            target()?.join("release")
        }
    };
    process::run(&mut build, BUILD_LIMIT)?;
    let program = |name: &str| folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    Ok(Programs { labgate: program("labgate"), mock_idp: program("labgate-mock-idp") })
}

#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Debug,
    Release,
}
