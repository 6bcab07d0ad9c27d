//! `cargo xtask mutants`: changes the security code, one operator or one return value at a time, and runs the
//! tests of its crate each time. A change that no test notices is a missing test, or makes no difference.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::options::Options;
use crate::process;
use crate::tools;
use crate::workspace::{BUILD_LIMIT, cargo, target};

pub(crate) const ABOUT: &str =
    "changes the security code and names each change that no test notices; --file: of one file";

/// The files that decide who comes in, and for how long.
const FILES: &[&str] = &[
    "crates/domain/src/admission.rs",
    "crates/domain/src/attempt.rs",
    "crates/domain/src/return_to.rs",
    "crates/domain/src/session.rs",
    "crates/domain/src/sign_in/assign_role.rs",
    "crates/domain/src/sign_in/back_channel_logout.rs",
    "crates/domain/src/sign_in/check_request.rs",
    "crates/domain/src/sign_in/claims.rs",
    "crates/domain/src/sign_in/complete_external.rs",
    "crates/domain/src/sign_in/end_sessions.rs",
    "crates/domain/src/sign_in/external_session.rs",
    "crates/domain/src/sign_in/link_identity.rs",
    "crates/domain/src/sign_in/open_session.rs",
    "crates/domain/src/sign_in/passwords.rs",
    "crates/domain/src/sign_in/recent_checks.rs",
    "crates/domain/src/sign_in/ticket.rs",
    "crates/http-adapter/src/client_addr.rs",
    "crates/http-adapter/src/cookies.rs",
    "crates/provider-adapter/src/id_token.rs",
    "crates/store-adapter/src/ports/administration.rs",
    "crates/token-issuer/src/key_directory.rs",
    "crates/token-issuer/src/session_jwt.rs",
    "crates/token-issuer/src/verifier.rs",
];

const INSTALL: &str = "cargo install cargo-mutants@27.1.0 --locked";

/// Each change is built and tested by itself.
const LIMIT: Duration = Duration::from_hours(8);

pub(crate) fn run(mut options: Options) -> Result<()> {
    let file: Option<String> = options.value("--file")?;
    options.finish()?;
    if !tools::runs(&mut cargo(&["mutants", "--version"])) {
        if !tools::in_ci() {
            bail!("needs cargo-mutants: {INSTALL}");
        }
        let install: Vec<&str> = INSTALL.split(' ').skip(1).collect();
        process::run(&mut cargo(&install), BUILD_LIMIT)?;
    }
    let files = file.as_deref().map_or(FILES.to_vec(), |file| vec![file]);
    // The order is that of the files, so that two runs can be compared.
    let mut mutants = cargo(&["mutants", "--workspace", "--no-shuffle", "--test-workspace=false"]);
    mutants.args(files.iter().flat_map(|file| ["--file", file]));
    mutants.args(["--minimum-test-timeout", "120", "--output"]).arg(target()?);
    process::run(&mut mutants, LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::root;

    #[test]
    fn f50_every_file_is_there() {
        let missing: Vec<_> = FILES.iter().filter(|file| !root().join(file).is_file()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
