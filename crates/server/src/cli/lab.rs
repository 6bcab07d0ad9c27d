//! The surroundings of a command: the lab's use cases, a runtime, errors and output.

use std::io::Write as _;

use anyhow::{Context as _, anyhow, bail};
use labgate_domain::error::{Refusal, Responsible};
use labgate_domain::sign_in::SignIn;
use labgate_http::person_text;
use labgate_store::Location;
use serde_json::{Value, json};

use crate::configuration::Configuration;
use crate::wiring;

/// Builds a runtime on this thread.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the runtime cannot be started")
}

/// Runs `work` on the database of the lab.
pub(super) fn in_lab<T>(
    configuration: &Configuration,
    makes_a_lab: bool,
    work: impl AsyncFnOnce(&SignIn) -> T,
) -> anyhow::Result<T> {
    // Only commands that create accounts may create a lab.
    if let Location::Sqlite(file) = &configuration.database
        && !file.exists()
    {
        let file = file.display();
        if !makes_a_lab {
            bail!("{file} does not exist: data_dir (LABGATE_DATA_DIR) names the data directory");
        }
        writeln!(std::io::stderr(), "labgate: created a new lab: {file}")?;
    }
    Ok(runtime()?.block_on(wiring::with_sign_in(configuration, work))?)
}

/// Turns a refusal into an error for the operator; with `--json` it prints the document at once.
pub(super) fn refusal_error(refusal: &Refusal, json: bool) -> anyhow::Error {
    let code = refusal.error.code();
    if json
        && let Err(error) = print_json(&json!({ "code": code.as_str(), "title": person_text(code.as_str()) }))
    {
        return error;
    }
    // An internal failure needs its cause: the operator cannot know it.
    let is_internal = code.responsible() == Responsible::Labgate;
    let cause = if is_internal { format!(": {}", refusal.error) } else { String::new() };
    anyhow!("{} ({}){cause}", person_text(code.as_str()), code.as_str())
}

pub(super) fn print_json(json: &Value) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{json:#}")?)
}
