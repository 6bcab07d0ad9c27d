//! `labgate doctor`: what keeps people from signing in, and what to do.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use labgate_domain::ports::Clock;
use serde_json::{Value, json};

use crate::configuration::Configuration;
use crate::doctor::{self, Finding, Outcome};
use crate::world::SystemClock;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Answer with one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) const HELP: &str = "Looks at each provider (metadata, keys, clocks, redirect URI, scopes, client id and secret) and at the lab \
                               through its public URL. Signs nobody in and changes nothing. Exits with 1 when there is something to mend.";

pub(super) fn run(configuration: &Configuration, arguments: &DoctorArgs) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let json = arguments.json;
    let tell = |finding: &Finding| {
        if !json {
            // A reader that is gone is no reason to stop looking.
            let _ = write!(std::io::stdout(), "{}", words(finding));
        }
    };
    let findings = runtime.block_on(doctor::examine(configuration, &clock, tell))?;
    let bad = findings.iter().filter(|finding| finding.is_bad()).count();
    if json {
        let findings: Vec<Value> = findings.iter().map(in_json).collect();
        writeln!(std::io::stdout(), "{}", json!({ "findings": findings, "problems": bad }))?;
    }
    anyhow::ensure!(bad == 0, "{bad} to mend");
    Ok(())
}

fn words(finding: &Finding) -> String {
    let Finding { subject, step, outcome } = finding;
    match outcome {
        Outcome::Good(text) => format!("✓ {subject} {step}: {text}\n"),
        Outcome::Unknown(text) => format!("– {subject} {step}: {text}\n"),
        Outcome::Bad { problem, remedy } => format!("✗ {subject} {step}: {problem}\n  → {remedy}\n"),
    }
}

fn in_json(finding: &Finding) -> Value {
    let (outcome, text, remedy) = match &finding.outcome {
        Outcome::Good(text) => ("good", text, None),
        Outcome::Unknown(text) => ("unknown", text, None),
        Outcome::Bad { problem, remedy } => ("bad", problem, Some(remedy)),
    };
    json!({ "subject": finding.subject, "step": finding.step, "outcome": outcome, "text": text, "remedy": remedy })
}
