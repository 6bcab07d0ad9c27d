//! `labgate access`: says who may go where.

use std::io::Write as _;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use labgate_domain::ForeignText;
use labgate_domain::access::{Rule, Service, Target, UnfitTarget};
use labgate_domain::error::Refusal;
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
    /// List the services of the configuration and those that administrators added, with who may use them
    List,
    /// Print whether a request may pass to its service, and the rule that decides; the exit code is 0 if it may
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// The URL, as in the browser
    #[arg(long, value_name = "URL")]
    url: String,
    /// Username or e-mail address; default: a client that is not signed in
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The method
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,
}

pub(super) fn run(configuration: &Configuration, arguments: &AccessArgs) -> anyhow::Result<()> {
    let AccessArgs { json, command } = arguments;
    match command {
        Command::List => list(configuration, *json),
        Command::Check(asked) => check(configuration, *json, asked),
    }
}

fn list(configuration: &Configuration, json: bool) -> anyhow::Result<()> {
    let in_force = in_lab(configuration, false, async |sign_in| {
        sign_in.administration().services(&Administrator::local_operator()).await
    });
    let in_force = in_force?.map_err(|refusal| refusal_error(&refusal, json))?;
    let configured = in_force.services().configured();
    let configured = configured.map(|service| (service.id.as_str(), Ok(&**service), "configuration"));
    let added = in_force.added().iter();
    let added = added.map(|it| (it.id.as_str(), it.service.as_deref().map_err(String::as_str), "added"));
    let all: Vec<_> = configured.chain(added).collect();
    if json {
        let described = |(id, service, from): &(&str, Result<&Service, &str>, &str)| {
            json!({
                "id": id,
                "from": from,
                "url": service.ok().map(|service| service.url.to_string()),
                "allow": service.ok().map(Service::allowed),
                "rules": service.ok().map(rules),
                "left_out": service.err(),
            })
        };
        return print_json(&json!({ "services": all.iter().map(described).collect::<Vec<_>>() }));
    }
    let mut out = std::io::stdout();
    if in_force.is_lab_without_services() {
        writeln!(out, "{NO_SERVICE}")?;
    }
    for (id, service, from) in all {
        let id = ForeignText::new(id);
        match service {
            Ok(service) => {
                writeln!(out, "{id} ({from}): {}: {}", service.url, service.allowed())?;
                for rule in rules(service) {
                    writeln!(out, "  {rule}")?;
                }
            }
            Err(reason) => writeln!(out, "{id} ({from}): left out: {}", ForeignText::new(reason))?,
        }
    }
    Ok(())
}

fn rules(service: &Service) -> Vec<String> {
    let rule = |rule: &Rule| format!("{}{}: {}", rule.methods, rule.path, rule.allowed());
    service.rules.iter().map(rule).collect()
}

const NO_SERVICE: &str = "there is no service: every signed-in user may go everywhere";

fn check(configuration: &Configuration, json: bool, asked: &Check) -> anyhow::Result<()> {
    let Check { url, account, method } = asked;
    let target = Target::from_url(url, method).map_err(|error: UnfitTarget| anyhow!("{url}: {error}"))?;
    let explained = in_lab(configuration, false, async |sign_in| {
        let by = Administrator::local_operator();
        if sign_in.administration().services(&by).await?.is_lab_without_services() {
            return Ok(None);
        }
        sign_in.access().explain(&by, &target, account.as_deref()).await.map(Some)
    });
    let explained = explained?.map_err(|refusal: Refusal| refusal_error(&refusal, json))?;
    let Some(explained) = explained else { bail!("{NO_SERVICE}") };
    if json {
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
