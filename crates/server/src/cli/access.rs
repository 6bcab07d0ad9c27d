//! `labgate access`: says who may go where.

use std::io::Write as _;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use labgate_domain::access::{Target, UnfitTarget};
use labgate_domain::sign_in::Administrator;
use serde_json::json;

use super::lab::{in_lab, print_json, refusal_error};
use crate::configuration::Configuration;

#[derive(Debug, Args)]
pub(super) struct AccessArgs {
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print whether a request may pass to its service, and the rule that decides; the exit code is 0 if it may
    Check {
        /// The URL, as in the browser
        #[arg(long, value_name = "URL")]
        url: String,
        /// Username or e-mail address; default: a client that is not signed in
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// The method
        #[arg(long, value_name = "METHOD", default_value = "GET")]
        method: String,
    },
}

pub(super) fn run(configuration: &Configuration, arguments: &AccessArgs) -> anyhow::Result<()> {
    let AccessArgs { json, command: Command::Check { url, account, method } } = arguments;
    if configuration.policy.services.is_empty() {
        bail!("no service is configured ([[service]]): every signed-in user may go everywhere");
    }
    let target = Target::from_url(url, method).map_err(|error: UnfitTarget| anyhow!("{url}: {error}"))?;
    let explained = in_lab(configuration, false, async |sign_in| {
        sign_in.access().explain(&Administrator::local_operator(), &target, account.as_deref()).await
    });
    let explained = explained?.map_err(|refusal| refusal_error(&refusal, *json))?;
    if *json {
        print_json(&json!({
            "passes": explained.passes,
            "decided_by": explained.decided_by,
            "groups": explained.groups,
            "tokens": explained.tokens.as_str(),
            "has_session": explained.has_session,
        }))?;
    } else {
        let mut out = std::io::stdout();
        writeln!(out, "{}: {}", if explained.passes { "passes" } else { "refused" }, explained.decided_by)?;
        writeln!(out, "takes access tokens: {}", explained.tokens.as_str())?;
        match (account, explained.has_session) {
            (Some(name), true) => writeln!(out, "groups of {name}: {}", explained.groups.join(", "))?,
            (Some(name), false) => {
                writeln!(
                    out,
                    "{name} has no live session: groups of a provider are known from a sign-in only"
                )?;
            }
            (None, _) => writeln!(out, "asked for a client that is not signed in")?,
        }
    }
    if explained.passes { Ok(()) } else { Err(anyhow!("refused")) }
}
