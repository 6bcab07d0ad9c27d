//! The mock provider `oidc-provider-mock` of the Python Package Index; each test starts its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Provider, same_content, source};
use crate::process::{self, Server};
use crate::{lab, tools, workspace};

pub(super) const PROVIDER: Provider = Provider {
    module: "oidc_provider_mock",
    tools: || tools::from_debian(&["python3", "pip3"], &["python3", "python3-pip", "python3-venv"]),
    bring,
};

/// The package and all it needs, by version.
const REQUIREMENTS: &str = "requirements.txt";

/// Brings the packages into a virtual environment. Only wheels: nothing of a package runs before a test does.
fn bring(tests: &mut Command) -> Result<Option<Server>> {
    let folder = workspace::scratch("interop/oidc-provider-mock")?;
    let program = folder.join("venv/bin/oidc-provider-mock");
    let wanted = source().join(REQUIREMENTS);
    // The list is copied last; the program does not run any more when another Python has come since.
    let installed = same_content(&wanted, &folder.join(REQUIREMENTS))
        && tools::runs(Command::new(&program).arg("--help"));
    if !installed {
        lab::empty(&folder)?;
        let limit = Duration::from_mins(5);
        process::run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")), limit)?;
        let mut pip = Command::new(folder.join("venv/bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"]);
        process::run(pip.arg(&wanted), limit)?;
        std::fs::copy(&wanted, folder.join(REQUIREMENTS)).context("cannot copy the requirements")?;
    }
    tests.env("INTEROP_OIDC_PROVIDER_MOCK", program);
    Ok(None)
}
