//! The providers of the Python Package Index, and the library `PyJWT`; each test starts its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Provider, Source, Variables, same_content, source, version};
use crate::{lab, process, tools, workspace};

pub(super) const SOURCE: Source = Source {
    providers: &[
        Provider { module: "canaille", version: || version(REQUIREMENTS, "\nCanaille==") },
        Provider {
            module: "django_oauth_toolkit",
            version: || version(REQUIREMENTS, "\ndjango-oauth-toolkit=="),
        },
        Provider {
            module: "oidc_provider_mock",
            version: || version(REQUIREMENTS, "\noidc-provider-mock=="),
        },
        Provider { module: "tokens::python", version: || version(REQUIREMENTS, "\nPyJWT==") },
    ],
    tools: || tools::from_debian(&["python3", "pip3"], &["python3", "python3-pip", "python3-venv"]),
    install,
    start: None,
};

/// The packages and all they need, by version.
const REQUIREMENTS: &str = "requirements.txt";

/// Brings the packages into a virtual environment. Only wheels: nothing of a package runs before a test does.
fn install() -> Result<Variables> {
    let folder = workspace::scratch("interop/pypi")?;
    let programs = folder.join("venv/bin");
    let mock = programs.join("oidc-provider-mock");
    let wanted = source().join(REQUIREMENTS);
    // The list is copied last; the program does not run any more when another Python has come since.
    let installed =
        same_content(&wanted, &folder.join(REQUIREMENTS)) && tools::runs(Command::new(&mock).arg("--help"));
    if !installed {
        lab::empty(&folder)?;
        let limit = Duration::from_mins(5);
        process::run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")), limit)?;
        let mut pip = Command::new(programs.join("pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"]);
        process::run(pip.arg(&wanted), limit)?;
        std::fs::copy(&wanted, folder.join(REQUIREMENTS)).context("cannot copy the requirements")?;
    }
    Ok(vec![
        ("INTEROP_PYTHON", programs.join("python").into()),
        ("INTEROP_OIDC_PROVIDER_MOCK", mock.into()),
        ("INTEROP_CANAILLE", source().join("canaille_server.py").into()),
        ("INTEROP_DJANGO", source().join("django_project.py").into()),
    ])
}
