//! `labgate admission`: tries the admission rules.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use labgate_domain::admission::{Criterion, Decision};
use labgate_domain::people::{EmailAddress, Role};
use labgate_domain::sign_in::admit;
use labgate_provider::{ProviderSettings, identity_from_claims};
use serde_json::{Map, Value, json};

use crate::configuration::Configuration;

#[derive(Debug, Args)]
pub(super) struct AdmissionArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the decision for the claims of an ID token, and the rule that decides
    Check {
        /// Provider id; default: the first provider
        #[arg(long, value_name = "ID")]
        provider: Option<String>,
        /// File with the claims of an ID token, as one JSON object; `-` is standard input. GitHub has no ID
        /// token
        #[arg(long, value_name = "FILE")]
        claims: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(configuration: &Configuration, arguments: AdmissionArgs) -> anyhow::Result<()> {
    let Command::Check { provider, claims, json } = arguments.command;
    let settings = named(configuration, provider.as_deref())?;
    let claims = read(&claims)?;
    if let Some(missing) = ["iss", "sub"].into_iter().find(|name| !claims.contains_key(*name)) {
        bail!("the claims lack {missing}: give those of a whole ID token, as the provider signs it");
    }
    let identity = identity_from_claims(settings, &claims)
        .map_err(|fault| anyhow!("these are not the claims of an ID token of this provider: {fault}"))?;
    let description = settings.description();
    let admittance = admit(description, &identity);
    let (address, verdict) = (admittance.address(), &admittance.verdict);
    let admitted = verdict.decision.admits();

    let mut out = std::io::stdout();
    if json {
        let answer = json!({
            "admitted": admitted,
            "rules": rules(&verdict.decision),
            "subject": identity.subject.as_str(),
            "trusted_email": address.map(EmailAddress::as_str),
            "groups": identity.groups,
            "role": verdict.role.map(Role::as_str),
        });
        writeln!(out, "{answer}")?;
    } else {
        writeln!(out, "{}", verdict.decision)?;
        match address {
            Some(address) => writeln!(out, "the address {address} is trusted")?,
            None => writeln!(
                out,
                "no address is trusted: a new user is refused (email_missing or email_unverified), and no account is claimed"
            )?,
        }
        if let Some(role) = verdict.role {
            let role = if role == Role::Admin { "an administrator" } else { "a user" };
            writeln!(out, "the groups make the person {role}")?;
        }
    }
    if admitted { Ok(()) } else { Err(anyhow!("not admitted")) }
}

fn named<'a>(configuration: &'a Configuration, id: Option<&str>) -> anyhow::Result<&'a ProviderSettings> {
    let mut providers = configuration.providers.iter();
    let name = |settings: &'a ProviderSettings| settings.description().id.as_str();
    let found = match id {
        None => providers.next(),
        Some(id) => providers.find(|settings| name(settings) == id),
    };
    found.ok_or_else(|| {
        let known: Vec<&str> = configuration.providers.iter().map(name).collect();
        match known[..] {
            [] => anyhow!("no such provider: no provider is configured"),
            _ => anyhow!("no such provider: configured are {}", known.join(", ")),
        }
    })
}

fn read(file: &str) -> anyhow::Result<Map<String, Value>> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
        text
    } else {
        std::fs::read_to_string(file).with_context(|| file.to_owned())?
    };
    match serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))? {
        Value::Object(claims) => Ok(claims),
        _ => bail!("{file} is not one JSON object"),
    }
}

/// The rules that decided.
fn rules(decision: &Decision) -> Vec<&'static str> {
    match decision {
        Decision::NoRules => Vec::new(),
        Decision::Admitted { by } => by.iter().map(|rule| rule.as_str()).collect(),
        Decision::Refused { by } => vec![by.as_str()],
        Decision::GroupsUnknown => vec![Criterion::Group.as_str()],
    }
}
