//! `labgate account import`: checks each row before it writes the first.

mod csv_rows;
mod htpasswd;
mod import_file;
mod tally;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use labgate_domain::error::Refusal;
use labgate_domain::people::{PasswordHash, Role};
use labgate_domain::sign_in::{Administrator, ImportProblem, ImportRow, Imported, SignIn, ValidRow};
use labgate_password::Argon2Hasher;

use self::tally::Tally;
use super::{in_lab, refusal_error, report};
use crate::configuration::Configuration;

/// The text below the options in the help of `labgate account import`.
pub(super) const HELP: &str = "CSV starts with a line that names the columns, in any order: username, email, name, \
    role (user or admin), password_hash. Each row needs a username or an e-mail address.\n\
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Htpasswd,
}

/// The rows and errors of a file.
#[derive(Debug, Default)]
struct Parsed {
    rows: Vec<ImportRow>,
    problems: Vec<Problem>,
}

impl Parsed {
    fn add(&mut self, line: u64, row: Result<ImportRow, String>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(problem) => self.problems.push(Problem { line, problem }),
        }
    }
}

/// An error in a line of a file. It contains no hash and no password.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    line: u64,
    problem: String,
}

pub(super) fn run(configuration: &Configuration, arguments: &ImportArgs, json: bool) -> anyhow::Result<()> {
    let format = import_file::format_of(arguments)?;
    let text = import_file::read(&arguments.file)?;
    let parsed = match format {
        Format::Csv => csv_rows::parse(&text),
        Format::Htpasswd => htpasswd::parse(&text),
    };
    // Without a valid row there is no need to open or create a lab.
    let tally = if parsed.rows.is_empty() {
        Ok(Tally { problems: parsed.problems, ..Tally::default() })
    } else {
        let import = Import { dry_run: arguments.dry_run, by: Administrator::local_operator() };
        in_lab(configuration, !arguments.dry_run, async |sign_in| import.take_over(sign_in, parsed).await)?
    };
    let tally = match tally {
        Ok(tally) => tally,
        Err(Stopped { refusal, created }) => {
            let error = refusal_error(&refusal, json);
            return Err(error.context(format!(
                "stopped after {created} accounts were created; the import can be repeated"
            )));
        }
    };
    if json {
        report::print_json(&tally.json(arguments.dry_run))?;
    }
    if let Some(errors) = tally.errors() {
        bail!(errors);
    }
    if !json {
        write!(io::stdout(), "{}", tally.words(arguments.dry_run)).context("the output cannot be written")?;
    }
    Ok(())
}

/// An import that a store error stopped.
struct Stopped {
    refusal: Refusal,
    created: usize,
}

struct Import {
    dry_run: bool,
    by: Administrator,
}

impl Import {
    async fn take_over(&self, sign_in: &SignIn, parsed: Parsed) -> Result<Tally, Stopped> {
        let Parsed { rows, mut problems } = parsed;
        let judged = sign_in.imports().judge(&self.by, rows).unwrap_or_else(|faults| {
            let found = faults.into_iter();
            problems
                .extend(found.map(|fault| Problem { line: fault.line, problem: in_words(&fault.problem) }));
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
            match self.one(sign_in, row).await {
                Ok(Imported::Created) => tally.created += 1,
                Ok(Imported::ThereAlready) => tally.skipped.push((row.line(), row.username().clone())),
                Err(refusal) => {
                    progress.clear();
                    return Err(Stopped { refusal, created: tally.created });
                }
            }
        }
        progress.clear();
        Ok(tally)
    }

    async fn one(&self, sign_in: &SignIn, row: &ValidRow) -> Result<Imported, Refusal> {
        if self.dry_run {
            sign_in.imports().dry_run(&self.by, row).await
        } else {
            sign_in.imports().import(&self.by, row).await
        }
    }
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

/// Parses a hash of a supported scheme. Any other text can be a password, so it is not repeated in the error.
fn password_hash(text: &str) -> Result<PasswordHash, String> {
    const KEPT: [&str; 4] = ["$2a$", "$2b$", "$2y$", "$argon2id$"];
    if !KEPT.iter().any(|kind| text.starts_with(kind)) {
        return Err(format!(
            "the password is kept as {}: only bcrypt ($2y$, $2b$, $2a$) and Argon2id ($argon2id$) are supported",
            scheme(text)
        ));
    }
    PasswordHash::parse(text).map_err(|_| "the password hash is damaged".to_owned())
}

/// Returns the name of an unsupported scheme.
fn scheme(text: &str) -> &'static str {
    const SCHEMES: [(&str, &str); 16] = [
        ("{SHA}", "SHA-1 ({SHA})"),
        ("{SSHA}", "salted SHA-1 ({SSHA})"),
        ("$apr1$", "MD5 ($apr1$)"),
        ("$1$", "MD5 ($1$)"),
        ("$5$", "SHA-256 ($5$)"),
        ("$6$", "SHA-512 ($6$)"),
        ("$7$", "scrypt ($7$)"),
        ("$scrypt$", "scrypt"),
        ("$y$", "yescrypt ($y$)"),
        ("$gy$", "gost-yescrypt ($gy$)"),
        ("$2x$", "an old, broken bcrypt ($2x$)"),
        ("$2$", "an old, broken bcrypt ($2$)"),
        ("$argon2i$", "Argon2i"),
        ("$argon2d$", "Argon2d"),
        ("$pbkdf2", "PBKDF2"),
        ("pbkdf2", "PBKDF2"),
    ];
    let is_crypt = text.len() == 13 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
    match SCHEMES.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        Some((_, name)) => name,
        None if is_crypt => "crypt (DES), or plain text",
        None if text.starts_with(['$', '{']) => "an unknown scheme",
        None => "plain text, or by an unknown scheme",
    }
}

fn role(text: &str) -> Result<Role, String> {
    if text.is_empty() {
        Ok(Role::User)
    } else {
        super::role(text).map_err(|_| "the role is neither user nor admin".to_owned())
    }
}

#[cfg(test)]
mod tests;
