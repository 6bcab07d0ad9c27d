//! `labgate doctor`: finds what prevents sign-in, and prints what to do.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use labgate_domain::session::SessionToken;
use labgate_domain::world::Clock;
use labgate_provider::{KINDS, Kind, ProviderSettings};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::lab::runtime;
use crate::configuration::{Configuration, Problems, secret_from_file};
use crate::doctor::{self, Finding, Outcome, StandIns};
use crate::world::SystemClock;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Explain a provider's error, by its code or the text on its page; no checks run
    #[arg(long, value_name = "WORDS", conflicts_with = "json")]
    explain: Option<String>,
    /// Stand in for a service at the address that the proxy forwards it to, and look at what arrives; stop the service
    /// meanwhile
    #[arg(long, value_name = "ID=ADDRESS", requires = "session_file", conflicts_with = "explain", value_parser = place)]
    in_place_of: Vec<(String, SocketAddr)>,
    /// File with the value of your session cookie at the lab; "-" is the standard input
    #[arg(long, value_name = "FILE", requires = "in_place_of")]
    session_file: Option<PathBuf>,
}

/// Parses a service and an address.
fn place(text: &str) -> Result<(String, SocketAddr), &'static str> {
    let place = text.split_once('=').and_then(|(id, address)| Some((id.to_owned(), address.parse().ok()?)));
    place.ok_or("is not an id and an IP address with a port, such as notebooks=127.0.0.1:8888")
}

pub(super) const HELP: &str = "Checks each provider (metadata, keys, PKCE, certificates, clock skew, redirect URI, scopes, client id and secret), \
                               at the lab through its public URL, and at each service; with --in-place-of what arrives there with a session. \
                               It signs no user in and changes nothing. Exits with 0 if nothing needs fixing, with 1 if something does, \
                               with 2 if it cannot run.";

/// The exit code if no check could run; clap uses the same for arguments it rejects.
const CANNOT_LOOK: u8 = 2;

/// The most bytes that are read for a session cookie.
const MAX_SESSION_FILE: u64 = 64 * 1024;

/// Runs the command, and prints its own errors.
pub(super) fn run(configuration: Result<&Configuration, &Problems>, arguments: &DoctorArgs) -> ExitCode {
    let done = match &arguments.explain {
        Some(words) => explain(configuration.ok(), words),
        None => look(configuration, arguments),
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

fn look(
    configuration: Result<&Configuration, &Problems>,
    arguments: &DoctorArgs,
) -> anyhow::Result<ExitCode> {
    let json = arguments.json;
    let session = arguments.session_file.as_deref().map(session).transpose()?;
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
    runtime()?.block_on(async {
        let stand_ins = match session {
            Some(session) => Some(stand_in(&arguments.in_place_of, session).await?),
            None => None,
        };
        anyhow::Ok(doctor::examine(configuration, &clock, stand_ins.as_ref(), tell).await?)
    })?;
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

async fn stand_in(places: &[(String, SocketAddr)], session: SessionToken) -> anyhow::Result<StandIns> {
    for (id, address) in places.iter().filter(|(_, address)| !address.ip().is_loopback()) {
        writeln!(
            std::io::stderr(),
            "labgate: {address} is reached by other machines; what the proxy tells {id} about you goes there unencrypted"
        )?;
    }
    Ok(StandIns::listen(places.to_vec(), session).await?)
}

/// Reads the value of a session cookie.
fn session(file: &Path) -> anyhow::Result<SessionToken> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().take(MAX_SESSION_FILE).read_to_string(&mut text);
        read.context("the standard input cannot be read")?;
        SecretString::from(text)
    } else {
        secret_from_file(file).map_err(|reason| anyhow!("{}: {reason}", file.display()))?
    };
    let text = text.expose_secret().trim();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        bail!(
            "{}: it is not the value of a session cookie: copy the value alone, without its name",
            file.display()
        );
    }
    Ok(SessionToken::new(text.to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_id_and_an_address() {
        let address = "[::1]:8888".parse().unwrap();
        assert_eq!(place("notebooks=[::1]:8888"), Ok(("notebooks".to_owned(), address)));
        for unfit in ["notebooks", "notebooks=8888", "127.0.0.1:8888", "notebooks=localhost:8888", ""] {
            assert!(place(unfit).is_err(), "{unfit}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_session_file_has_the_value_alone_and_is_for_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("session");
        let read = |text: &str, mode: u32| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            session(&file).map(|session| session.expose().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(read("eyJ.e-J._x\n", 0o600), Ok("eyJ.e-J._x".to_owned()));
        let refused = read("labgate=eyJ.eyJ.x", 0o600).unwrap_err();
        assert!(refused.contains("copy the value alone") && !refused.contains("eyJ"), "{refused}");
        for unfit in ["a; b", "a\r\nb", "\u{e4}", "\n"] {
            assert!(read(unfit, 0o600).is_err(), "{unfit:?}");
        }
        assert!(read("eyJ.eyJ.x", 0o644).unwrap_err().contains("chmod o-r"));
    }
}
