//! `labgate doctor`: finds what prevents sign-in, and prints what to do.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use labgate_domain::world::Clock;
use labgate_provider::{KINDS, Kind, ProviderSettings};
use serde_json::{Value, json};

use super::lab::runtime;
use crate::configuration::{Configuration, Problems};
use crate::doctor::{self, Finding, Outcome};
use crate::world::SystemClock;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Explain a provider's error, by its code or the text on its page; no checks run
    #[arg(long, value_name = "WORDS", conflicts_with = "json")]
    explain: Option<String>,
}

pub(super) const HELP: &str = "Checks each provider (metadata, keys, PKCE, certificates, clock skew, redirect URI, scopes, client id and secret) \
                               and at the lab through its public URL. It signs no user in and changes nothing. Exits with 0 if nothing needs \
                               fixing, with 1 if something does, with 2 if it cannot run.";

/// The exit code if no check could run; clap uses the same for arguments it rejects.
const CANNOT_LOOK: u8 = 2;

/// Runs the command, and prints its own errors.
pub(super) fn run(configuration: Result<&Configuration, &Problems>, arguments: &DoctorArgs) -> ExitCode {
    let done = match &arguments.explain {
        Some(words) => explain(configuration.ok(), words),
        None => look(configuration, arguments.json),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "labgate: {error:#}");
        ExitCode::from(CANNOT_LOOK)
    })
}

/// Explains a provider's message for the kinds of the configured providers; without any, for every kind.
fn explain(configuration: Option<&Configuration>, words: &str) -> anyhow::Result<ExitCode> {
    let providers = configuration.map_or(&[][..], |configuration| &configuration.providers);
    let kinds: Vec<&Kind> = match providers {
        [] => KINDS.iter().collect(),
        providers => providers.iter().map(ProviderSettings::kind).collect(),
    };
    let mut known = Vec::new();
    let mut stdout = std::io::stdout();
    for explanation in kinds.into_iter().filter_map(|kind| kind.explain(words)) {
        // Kinds share explanations.
        if !known.contains(&explanation.sentence) {
            known.push(explanation.sentence);
            writeln!(stdout, "{}", explanation.sentence)?;
        }
    }
    if known.is_empty() {
        let unknown = "Unknown error. The provider's documentation or its sign-in log may say more.";
        writeln!(stdout, "{unknown}")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn look(configuration: Result<&Configuration, &Problems>, json: bool) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut findings = Vec::new();
    let tell = |finding: Finding| {
        if !json {
            let before = findings.last().map(|before: &Finding| before.subject.as_str());
            // A closed output does not stop the checks.
            let _ = write!(std::io::stdout(), "{}", words(&finding, before));
        }
        findings.push(finding);
    };
    runtime()?.block_on(doctor::examine(configuration, &clock, tell))?;
    let bad = findings.iter().filter(|finding| finding.is_bad()).count();
    let mut stdout = std::io::stdout();
    match (json, bad) {
        (true, _) => {
            let findings: Vec<Value> = findings.iter().map(in_json).collect();
            writeln!(stdout, "{}", json!({ "findings": findings, "problems": bad }))?;
        }
        (false, 0) => writeln!(stdout, "\nnothing needs fixing")?,
        (false, 1) => writeln!(stdout, "\n1 problem needs fixing")?,
        (false, _) => writeln!(stdout, "\n{bad} problems need fixing")?,
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns a finding as a line, two if there is something to do, under a line for its subject.
fn words(finding: &Finding, subject_before: Option<&str>) -> String {
    let Finding { subject, step, outcome } = finding;
    let heading = match subject_before {
        Some(before) if before == subject => String::new(),
        Some(_) => format!("\n{subject}\n"),
        None => format!("{subject}\n"),
    };
    let step = step.as_str();
    let (sign, _, text, remedy) = parts(outcome);
    let remedy = remedy.map(|remedy| format!("{:22}→ {remedy}\n", ""));
    format!("{heading}  {sign} {step:18}{text}\n{}", remedy.unwrap_or_default())
}

fn in_json(finding: &Finding) -> Value {
    let (_, outcome, text, remedy) = parts(&finding.outcome);
    json!({ "subject": finding.subject, "step": finding.step.as_str(), "outcome": outcome, "text": text, "remedy": remedy })
}

/// Returns the sign and the word for an outcome, its text, and its remedy if something is bad.
fn parts(outcome: &Outcome) -> (char, &'static str, &str, Option<&str>) {
    match outcome {
        Outcome::Good(text) => ('✓', "good", text, None),
        Outcome::Unknown(text) => ('–', "unknown", text, None),
        Outcome::Bad { problem, remedy } => ('✗', "bad", problem, Some(remedy)),
    }
}
