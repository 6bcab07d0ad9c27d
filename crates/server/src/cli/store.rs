//! `labgate store`: the database as a whole.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use labgate_store::{Location, Store};
use serde_json::json;

use crate::configuration::Configuration;

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
        /// Where it is: a path, `postgres://…`, or `env:NAME` for a variable that says it; the configured database if it
        /// is left out
        #[arg(long, value_name = "DATABASE")]
        from: Option<String>,
        /// Where it goes, in the same words; it must be empty
        #[arg(long, value_name = "DATABASE")]
        to: String,
        /// Answer with one JSON document
        #[arg(long)]
        json: bool,
    },
}

const HELP: &str = "Stop the lab first: what happens after the copy began is not copied. The keys stay where they are. A URL on a \
                    command line can be read by everybody on the machine; env:NAME keeps its password to yourself.\n\n\
                    Example: NEW_DATABASE=postgres://labgate:…@db/labgate labgate store copy --to env:NEW_DATABASE";

pub(super) fn run(configuration: &Configuration, arguments: StoreArgs) -> anyhow::Result<()> {
    let Command::Copy { from, to, json } = arguments.command;
    let from = match from {
        Some(from) => location(&from).context("--from")?,
        None => configuration.database.clone(),
    };
    let to = location(&to).context("--to")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(copy(&from, &to, json))
}

async fn copy(from: &Location, to: &Location, json: bool) -> anyhow::Result<()> {
    if let Location::Sqlite(file) = from {
        // Opening would make an empty one.
        anyhow::ensure!(file.exists(), "{} is not there", file.display());
    }
    let source = Store::open(from).await?;
    let target = Store::open(to).await?;
    let mut told = std::io::stderr();
    let watched = told.is_terminal();
    let copied = labgate_store::copy(&source, &target, |done, total| {
        if watched {
            // Nobody is kept from copying because nobody can be told.
            let _ = write!(told, "\r{done} of {total}");
        }
    })
    .await;
    if watched {
        // What comes next begins a line.
        let _ = writeln!(std::io::stderr());
    }
    source.close().await;
    target.close().await;
    let copied = copied?;

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

/// A database by its location, or by the variable that says it.
fn location(text: &str) -> anyhow::Result<Location> {
    match text.strip_prefix("env:") {
        None => Ok(Location::parse(text)?),
        Some(name) => {
            let value = std::env::var(name).with_context(|| format!("the variable {name}"))?;
            Ok(Location::parse(&value)?)
        }
    }
}
