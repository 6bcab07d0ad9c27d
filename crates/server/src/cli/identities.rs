//! `labgate identities`: moves linked identities.

use std::io::Write as _;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use labgate_domain::ports::IdentityMove;
use labgate_domain::protocol::Issuer;
use labgate_domain::sign_in::Administrator;
use serde_json::json;

use super::lab::{in_lab, print_json, refusal_error};
use crate::configuration::Configuration;

#[derive(Debug, Args)]
pub(super) struct IdentitiesArgs {
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Move all identities of one issuer to another, where people have the same subjects
    Move {
        /// The issuer that the accounts are linked to
        #[arg(long, value_name = "ISSUER", value_parser = issuer)]
        from: Issuer,
        /// The issuer that takes its place, as the log or `labgate doctor` states it
        #[arg(long, value_name = "ISSUER", value_parser = issuer)]
        to: Issuer,
        /// Print what would be moved, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) const HELP: &str = "After a provider's domain or realm was renamed, it knows the same people under a new issuer, and everybody is \
                               asked for proof of their account. All identities are moved, or none; the people are signed out.\n\n\
                               Example: labgate identities move --from https://old.example.org --to https://new.example.org --dry-run";

fn issuer(text: &str) -> Result<Issuer, &'static str> {
    Issuer::parse(text).map_err(|_| "not an issuer, such as https://login.example.org")
}

pub(super) fn run(configuration: &Configuration, arguments: &IdentitiesArgs) -> anyhow::Result<()> {
    let IdentitiesArgs { json, command: Command::Move { from, to, dry_run } } = arguments;
    if from == to {
        bail!("--from and --to are the same issuer");
    }
    let moves = in_lab(configuration, false, async |sign_in| {
        let by = Administrator::local_operator();
        sign_in.administration().move_identities(&by, from, to, *dry_run).await
    });
    let moves = moves?.map_err(|refusal| refusal_error(&refusal, *json))?;
    print(&moves, *dry_run, *json)?;
    if let Some(blocked) = moves.iter().find(|it| it.is_blocked()) {
        return Err(anyhow!(
            "nothing was moved: at {to} the subject {} is another account\'s; see `labgate account show {}`",
            blocked.subject,
            blocked.there.unwrap_or(blocked.account)
        ));
    }
    if moves.is_empty() {
        bail!(
            "no account has an identity of {from}; `labgate account show NAME` states the issuers of an account"
        );
    }
    Ok(())
}

fn print(moves: &[IdentityMove], dry_run: bool, json: bool) -> anyhow::Result<()> {
    let is_done = !dry_run && !moves.iter().any(IdentityMove::is_blocked);
    if json {
        let moves: Vec<_> = moves
            .iter()
            .map(|it| {
                json!({
                    "account": it.account.to_string(),
                    "username": it.name.as_str(),
                    "subject": it.subject.as_str(),
                    "blocked_by": it.there.filter(|_| it.is_blocked()).map(|there| there.to_string()),
                })
            })
            .collect();
        return print_json(&json!({ "moved": is_done, "identities": moves }));
    }
    let mut out = std::io::stdout();
    let word = if is_done { "moved" } else { "would move" };
    for it in moves {
        let word = if it.is_blocked() { "blocked" } else { word };
        writeln!(out, "{word}: {} (subject {})", it.name, it.subject)?;
    }
    Ok(())
}
