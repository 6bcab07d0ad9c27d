//! The providers of npm, among them the certified `oidc-provider`, and the library `jose`; each test starts its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Provider, Source, Variables, same_content, source, version};
use crate::{lab, process, tools, workspace};

pub(super) const SOURCE: Source = Source {
    providers: &[
        Provider { module: "oidc_provider", version: || version(PACKAGES, "\"oidc-provider\": \"") },
        Provider { module: "oidc_provider_settings", version: || version(PACKAGES, "\"oidc-provider\": \"") },
        Provider {
            module: "oauth2_mock_server",
            version: || version(PACKAGES, "\"oauth2-mock-server\": \""),
        },
        Provider { module: "tokens::node", version: || version(PACKAGES, "\"jose\": \"") },
    ],
    tools: || tools::from_debian(&["node", "npm"], &["nodejs", "npm"]),
    install,
    start: None,
};

/// The sources of the providers' folder under the target folder.
const FILES: [&str; 4] = [PACKAGES, LOCK, OIDC_PROVIDER, OAUTH2_MOCK_SERVER];
const PACKAGES: &str = "package.json";
const LOCK: &str = "package-lock.json";
const OIDC_PROVIDER: &str = "oidc-provider.mjs";
const OAUTH2_MOCK_SERVER: &str = "oauth2-mock-server.mjs";

/// Brings the packages as the lock file has them.
fn install() -> Result<Variables> {
    let folder = workspace::scratch("interop/npm")?;
    // npm writes this file last, so it is there exactly when the folder is complete.
    let installed = folder.join("node_modules/.package-lock.json").exists()
        && same_content(&source().join(LOCK), &folder.join(LOCK));
    if !installed {
        lab::empty(&folder)?;
    }
    for file in FILES {
        std::fs::copy(source().join(file), folder.join(file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    if !installed {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        process::run(&mut npm, Duration::from_mins(5))?;
    }
    Ok(vec![
        ("INTEROP_OIDC_PROVIDER", folder.join(OIDC_PROVIDER).into()),
        ("INTEROP_OAUTH2_MOCK_SERVER", folder.join(OAUTH2_MOCK_SERVER).into()),
    ])
}
