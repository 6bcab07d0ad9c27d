//! `labgate store`: copies the database.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use labgate_store::{Location, Store};
use serde_json::json;

use super::lab::runtime;
use crate::configuration::Configuration;
use crate::logging;

#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy a whole lab into an empty database, such as from SQLite to PostgreSQL
    #[command(after_help = HELP)]
    Copy {
        /// Source: a path, `postgres://…`, or `env:NAME` for a variable with either; default: the configured
        /// database
        #[arg(long, value_name = "DATABASE")]
        from: Option<String>,
        /// Target, in the same form; it must be empty
        #[arg(long, value_name = "DATABASE")]
        to: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

const HELP: &str = "Stop the lab first: later changes are not copied. Keys are not in the database and stay where they are. A URL on \
                    a command line is visible to all users of the machine; env:NAME keeps its password private.\n\n\
                    Example: NEW_DATABASE=postgres://labgate:…@db/labgate labgate store copy --to env:NEW_DATABASE";

pub(super) fn run(configuration: &Configuration, arguments: StoreArgs) -> anyhow::Result<()> {
    let Command::Copy { from, to, json } = arguments.command;
    let from = match from {
        Some(from) => location(&from).context("--from")?,
        None => configuration.database.clone(),
    };
    let to = location(&to).context("--to")?;
    runtime()?.block_on(copy(&from, &to, json))
}

async fn copy(from: &Location, to: &Location, json: bool) -> anyhow::Result<()> {
    if let Location::Sqlite(file) = from {
        // Opening would create an empty one.
        anyhow::ensure!(file.exists(), "{} does not exist", file.display());
    }
    let source = Store::open(from).await?;
    let target = Store::open(to).await?;
    let mut told = std::io::stderr();
    let watched = told.is_terminal();
    let copied = labgate_store::copy(&source, &target, |done, total| {
        if watched {
            // A closed output does not stop the copy.
            let _ = write!(told, "\r{done} of {total}");
        }
    })
    .await;
    if watched {
        // The next output starts on a line of its own.
        let _ = writeln!(std::io::stderr());
    }
    source.close().await;
    target.close().await;
    let copied = copied?;
    logging::operated("database copied");

    let mut out = std::io::stdout();
    if json {
        let rows: serde_json::Map<_, _> =
            copied.rows.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect();
        writeln!(out, "{}", json!({ "copied": rows }))?;
        return Ok(());
    }
    for (table, rows) in &copied.rows {
        writeln!(out, "{table}: {rows}")?;
    }
    writeln!(out, "copied from {from} to {to}; set LABGATE_DATABASE to use it")?;
    Ok(())
}

/// Returns the database at a location, or in the variable that holds the location.
fn location(text: &str) -> anyhow::Result<Location> {
    let text = match text.strip_prefix("env:") {
        None => text.to_owned(),
        Some(name) => std::env::var(name).with_context(|| format!("the variable {name}"))?,
    };
    Ok(Location::parse(&text)?)
}
