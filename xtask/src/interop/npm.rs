//! The certified provider of the npm package `oidc-provider`; each test starts its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Provider, same_content, source};
use crate::process::{self, Server};
use crate::{lab, tools, workspace};

pub(super) const PROVIDER: Provider = Provider {
    module: "oidc_provider",
    tools: || tools::from_debian(&["node", "npm"], &["nodejs", "npm"]),
    bring,
};

/// The sources of the provider's folder under the target folder.
const FILES: [&str; 3] = ["package.json", LOCK, "provider.mjs"];
const LOCK: &str = "package-lock.json";

/// Brings the provider's packages as the lock file has them.
fn bring(tests: &mut Command) -> Result<Option<Server>> {
    let folder = workspace::scratch("interop/oidc-provider")?;
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
    tests.env("INTEROP_OIDC_PROVIDER", folder.join("provider.mjs"));
    Ok(None)
}
