//! `labgate account import`: checks each row before it writes the first.

mod csv_rows;
mod htpasswd;
mod import_file;
mod rows;
mod tally;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use labgate_domain::error::Refusal;
use labgate_domain::sign_in::{Administrator, ImportProblem, Imported, SignIn};
use labgate_password::Argon2Hasher;

use self::import_file::Format;
use self::rows::{Parsed, Problem};
use self::tally::Tally;
use crate::cli::lab::{in_lab, print_json, refusal_error};
use crate::configuration::Configuration;

/// The text below the options in the help of `labgate account import`.
pub(super) const HELP: &str = "CSV starts with a line that names the columns, in any order: username, email, name, \
    role (user or admin), groups (local ones, separated by commas), password_hash. Each row needs a username or an \
    e-mail address.\n\
    htpasswd has a line NAME:HASH for each person.\n\n\
    Hashes of bcrypt ($2y$, $2b$, $2a$) and Argon2id ($argon2id$) are kept, and people sign in with the password that \
    they have; a bcrypt hash is replaced at the first sign-in. Plain passwords are rejected. Without a hash an account \
    is claimed by the provider user with its e-mail address, or waits for labgate account reset-password.\n\n\
    Existing accounts are skipped, so an import can be repeated. With any error nothing is written.";

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// File to import; - is standard input
    file: PathBuf,
    /// Format of the file; default: by its extension .csv or .htpasswd, or its name htpasswd
    #[arg(long)]
    format: Option<Format>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(configuration: &Configuration, arguments: &ImportArgs, json: bool) -> anyhow::Result<()> {
    let format = import_file::format_of(arguments.format, &arguments.file)?;
    let text = import_file::read(&arguments.file)?;
    let parsed = match format {
        Format::Csv => csv_rows::parse(&text),
        Format::Htpasswd => htpasswd::parse(&text),
    };
    let dry_run = arguments.dry_run;
    // Without a valid row there is no need to open or create a lab.
    let tally = if parsed.rows.is_empty() {
        Tally { problems: parsed.problems, ..Tally::default() }
    } else {
        let import = async |sign_in: &SignIn| import(sign_in, parsed, dry_run).await;
        in_lab(configuration, !dry_run, import)?.map_err(|(refusal, created)| {
            let created = format!("stopped after {created} accounts were created");
            refusal_error(&refusal, json).context(created + "; the import can be repeated")
        })?
    };
    if json {
        print_json(&tally.json(dry_run))?;
    }
    if let Some(errors) = tally.errors() {
        bail!(errors);
    }
    if !json {
        write!(io::stdout(), "{}", tally.words(dry_run)).context("the output cannot be written")?;
    }
    Ok(())
}

/// Imports the rows. The error is that of the store, with the number of accounts that were created before.
async fn import(sign_in: &SignIn, parsed: Parsed, dry_run: bool) -> Result<Tally, (Refusal, usize)> {
    let (imports, by) = (sign_in.imports(), Administrator::local_operator());
    let Parsed { rows, mut problems } = parsed;
    let judged = imports.judge(&by, rows).unwrap_or_else(|faults| {
        let found = faults.into_iter();
        problems.extend(found.map(|fault| Problem { line: fault.line, problem: in_words(&fault.problem) }));
        Vec::new()
    });
    let mut tally = Tally::default();
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.line);
        return Ok(Tally { problems, ..tally });
    }
    let progress = Progress { total: judged.len(), is_shown: io::stderr().is_terminal() };
    for (done, row) in judged.iter().enumerate() {
        progress.show(done);
        let one = if dry_run { imports.dry_run(&by, row).await } else { imports.import(&by, row).await };
        match one {
            Ok(Imported::Created) => tally.created += 1,
            Ok(Imported::ThereAlready) => tally.skipped.push((row.line(), row.username().clone())),
            Err(refusal) => {
                progress.clear();
                return Err((refusal, tally.created));
            }
        }
    }
    progress.clear();
    Ok(tally)
}

fn in_words(problem: &ImportProblem) -> String {
    match problem {
        ImportProblem::HashUnusable => format!("{problem}; checked are {}", Argon2Hasher::CHECKED_HASHES),
        problem => problem.to_string(),
    }
}

/// The progress of the import, shown on a terminal.
struct Progress {
    total: usize,
    is_shown: bool,
}

impl Progress {
    fn show(&self, done: usize) {
        if self.is_shown {
            // A closed output does not stop the import.
            let _ = write!(io::stderr(), "\r{done}/{}", self.total);
        }
    }

    fn clear(&self) {
        if self.is_shown {
            let width = self.total.to_string().len() * 2 + 1;
            let _ = write!(io::stderr(), "\r{:width$}\r", "");
        }
    }
}

#[cfg(test)]
mod tests;
