//! `labgate identities`: moves linked identities.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure};
use clap::{Args, Subcommand, value_parser};
use labgate_domain::people::EmailAddress;
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
    /// Move all identities of one issuer to another
    Move {
        /// The issuer that the accounts are linked to
        #[arg(long, value_name = "ISSUER", value_parser = issuer)]
        from: Issuer,
        /// The issuer that takes its place, as the log or `labgate doctor` states it
        #[arg(long, value_name = "ISSUER", value_parser = issuer)]
        to: Issuer,
        /// People have other subjects there: let the first sign-in there with an account's own address claim it
        #[arg(long)]
        by_email: bool,
        /// Days for which the address claims the account; 0 takes it back
        #[arg(long, value_name = "DAYS", default_value_t = 30, requires = "by_email", value_parser = value_parser!(u16).range(0..=365))]
        days: u16,
        /// Print what would be moved, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) const HELP: &str = "After a provider's domain or realm was renamed, it knows the same people under a new issuer, and everybody is \
                               asked for proof of their account. All identities are moved, or none; the people are signed out.\n\n\
                               Where it also gave people new subjects (sub), --by-email lets each identity give way, for 30 days, to the first \
                               one of the new issuer with the account's own verified e-mail address. Until then it goes on as before. A person \
                               with a password or another provider is asked for that proof as always.\n\n\
                               Example: labgate identities move --from https://old.example.org --to https://new.example.org --dry-run";

const DAY: Duration = Duration::from_hours(24);

fn issuer(text: &str) -> Result<Issuer, &'static str> {
    Issuer::parse(text).map_err(|_| "not an issuer, such as https://login.example.org")
}

pub(super) fn run(configuration: &Configuration, arguments: &IdentitiesArgs) -> anyhow::Result<()> {
    let IdentitiesArgs { json, command: Command::Move { from, to, by_email, days, dry_run } } = arguments;
    if from == to {
        bail!("--from and --to are the same issuer");
    }
    if *by_email {
        return by_address(configuration, (from, to), *days, *dry_run, *json);
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
    need_some(&moves, from)
}

/// Lets the identities of one issuer give way to those of another with the account's address.
fn by_address(
    configuration: &Configuration,
    (from, to): (&Issuer, &Issuer),
    days: u16,
    dry_run: bool,
    json: bool,
) -> anyhow::Result<()> {
    let within = DAY * u32::from(days);
    let listed = in_lab(configuration, false, async |sign_in| {
        let (administration, by) = (sign_in.administration(), Administrator::local_operator());
        administration.let_identities_give_way(&by, from, to, within, dry_run).await
    });
    let listed = listed?.map_err(|refusal| refusal_error(&refusal, json))?;
    if json {
        let accounts: Vec<_> = listed
            .iter()
            .map(|it| {
                json!({
                    "account": it.account.to_string(),
                    "username": it.name.as_str(),
                    "email": it.email.as_ref().map(EmailAddress::as_str),
                    "claimable": it.is_claimable(),
                })
            })
            .collect();
        print_json(&json!({ "give_way": !dry_run && days > 0, "days": days, "accounts": accounts }))?;
    } else {
        let mut out = std::io::stdout();
        for it in &listed {
            let how = match &it.email {
                _ if it.needs_proof => {
                    "asked for proof: an administrator's, or something else opens the account, too".to_owned()
                }
                Some(email) => format!("claimed by {email}, within {days} days"),
                None => {
                    "without an e-mail address: labgate account reset-password gives a password".to_owned()
                }
            };
            writeln!(out, "{}: {how}", it.name)?;
        }
    }
    need_some(&listed, from)
}

fn need_some<T>(listed: &[T], from: &Issuer) -> anyhow::Result<()> {
    ensure!(
        !listed.is_empty(),
        "no account has an identity of {from}; the log states issuers (link_required)"
    );
    Ok(())
}

fn print(moves: &[IdentityMove], dry_run: bool, json: bool) -> anyhow::Result<()> {
    let is_done = !dry_run && !moves.is_empty() && !moves.iter().any(IdentityMove::is_blocked);
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
