//! `labgate account …`: looks after accounts in the database itself, without asking a running server.

mod import;
mod report;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use labgate_domain::error::{Refusal, Responsible};
use labgate_domain::people::{Account, AccountStatus, DisplayName, EmailAddress, Password, Role};
use labgate_domain::sign_in::{AccountPatch, Administrator, NewAccount, SignIn};
use labgate_store::Location;

use self::import::ImportArgs;
use self::report::Report;
use crate::configuration::{Configuration, password_from_file};
use crate::wiring;

#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    /// Answer with one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// The help of `labgate account`, below the commands.
pub(super) const HELP: &str = "NAME is a username or an e-mail address.\n\n\
    The commands work on the database itself (database, or labgate.db in data_dir), beside running servers or without \
    one. Somebody who is disabled, signed out or deleted here is out within a second; a service that checks tokens by \
    itself notices it when the token expires, after session.token_lifetime (15 minutes) at the latest.";

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    OfAccounts(AccountCommand),
    /// Take over the accounts of another system from a file, with their hashed passwords
    #[command(after_help = import::HELP)]
    Import(ImportArgs),
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Make an account: with a name and an initial password, or for whoever comes from the provider with an address
    Create {
        /// The username; without one the account is opened by the provider's word for the e-mail address
        #[arg(value_name = "NAME", required_unless_present = "email")]
        username: Option<String>,
        /// Make an administrator
        #[arg(long)]
        admin: bool,
        /// The person's e-mail address
        #[arg(long, value_name = "ADDRESS", value_parser = email)]
        email: Option<EmailAddress>,
        /// What people call the person
        #[arg(long, value_name = "TEXT", value_parser = display_name)]
        name: Option<DisplayName>,
        /// A file that holds the initial password; without it one is made up and shown once
        #[arg(long, value_name = "FILE", requires = "username")]
        password_file: Option<PathBuf>,
    },
    /// List the accounts
    List {
        /// Only those with this text in username, address or name
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show an account and its sessions
    Show(Named),
    /// Let somebody in no more
    Disable(Named),
    /// Let somebody in again
    Enable(Named),
    /// Change what somebody may do
    SetRole {
        #[command(flatten)]
        named: Named,
        /// What from now on
        #[arg(value_name = "user|admin", value_parser = role)]
        role: Role,
    },
    /// Give somebody a new initial password, and sign them out
    ResetPassword {
        #[command(flatten)]
        named: Named,
        /// A file that holds the password; without it one is made up and shown once
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// End all sessions of somebody
    SignOut(Named),
    /// Delete an account with all that belongs to it
    Delete {
        #[command(flatten)]
        named: Named,
        /// Do it: there is no way back
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Named {
    /// The username, the e-mail address, or the id that stands in the log
    name: String,
}

fn email(text: &str) -> Result<EmailAddress, &'static str> {
    EmailAddress::parse(text).map_err(|_| "that is not an e-mail address")
}

fn display_name(text: &str) -> Result<DisplayName, &'static str> {
    DisplayName::new(text).ok_or("there is nothing in it that can be shown")
}

fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).map_err(|_| "write user or admin")
}

pub(super) fn run(configuration: &Configuration, arguments: AccountArgs) -> anyhow::Result<()> {
    let AccountArgs { json, command } = arguments;
    match command {
        Command::Import(arguments) => import::run(configuration, &arguments, json),
        Command::OfAccounts(command) => {
            let makes_a_lab = matches!(command, AccountCommand::Create { .. });
            let done = in_lab(configuration, makes_a_lab, async |sign_in| {
                Commands { sign_in, by: Administrator::local_operator() }.execute(command).await
            });
            match done? {
                Ok(report) => report.print(json),
                Err(Failure::Refused(refusal)) => Err(told(&refusal, json)),
                Err(Failure::Other(error)) => Err(error),
            }
        }
    }
}

/// Does the work on the data directory.
fn in_lab<T>(
    configuration: &Configuration,
    makes_a_lab: bool,
    work: impl AsyncFnOnce(&SignIn) -> T,
) -> anyhow::Result<T> {
    // A command that only looks, or that changes what must be there, makes no lab where there is none.
    if let Location::Sqlite(file) = &configuration.database
        && !file.exists()
    {
        let file = file.display();
        if !makes_a_lab {
            bail!("{file} is not there: data_dir (LABGATE_DATA_DIR) names where the lab is");
        }
        writeln!(std::io::stderr(), "labgate: there was no lab here: {file} is a new one")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    Ok(runtime.block_on(wiring::with_sign_in(configuration, work))?)
}

/// What to tell of a refusal; in JSON it is told at once.
fn told(refusal: &Refusal, json: bool) -> anyhow::Error {
    let code = refusal.error.code();
    if json && let Err(error) = report::print_refusal(code) {
        return error;
    }
    // Our own failures are nothing that the person at the machine could have known.
    let cause = if code.responsible() == Responsible::Labgate {
        format!(": {}", refusal.error)
    } else {
        String::new()
    };
    anyhow!("{} ({}){cause}", code.for_person(), code.as_str())
}

/// Why a command did nothing.
enum Failure {
    Refused(Refusal),
    Other(anyhow::Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

struct Commands<'a> {
    sign_in: &'a SignIn,
    by: Administrator,
}

impl Commands<'_> {
    async fn execute(&self, command: AccountCommand) -> Result<Report, Failure> {
        match command {
            AccountCommand::Create { username, admin, email, name, password_file } => {
                let role = if admin { Role::Admin } else { Role::User };
                let password = initial_password(password_file)?;
                let new = NewAccount { username, email, name, role, password };
                Ok(Report::created(&self.sign_in.create_account(&self.by, new).await?))
            }
            AccountCommand::List { search } => Ok(Report::list(&self.all(search.as_deref()).await?)),
            AccountCommand::Show(named) => {
                let id = self.named(&named).await?.id;
                let (account, sessions) = self.sign_in.account_details(&self.by, id).await?;
                Ok(Report::account(&account, &sessions))
            }
            AccountCommand::Disable(named) => {
                self.patch(&named, AccountPatch::Status(AccountStatus::Disabled), "is disabled").await
            }
            AccountCommand::Enable(named) => {
                self.patch(&named, AccountPatch::Status(AccountStatus::Active), "is enabled").await
            }
            AccountCommand::SetRole { named, role } => {
                let done = if role == Role::Admin { "is an administrator" } else { "is a user" };
                self.patch(&named, AccountPatch::Role(role), done).await
            }
            AccountCommand::ResetPassword { named, password_file } => {
                let account = self.named(&named).await?;
                let password = initial_password(password_file)?;
                Ok(Report::reset(&self.sign_in.reset_password(&self.by, account.id, password).await?))
            }
            AccountCommand::SignOut(named) => {
                let account = self.named(&named).await?;
                self.sign_in.sign_out_account(&self.by, account.id).await?;
                Ok(Report::done(&account, "is signed out"))
            }
            AccountCommand::Delete { named, .. } => {
                let account = self.named(&named).await?;
                self.sign_in.delete_account(&self.by, account.id).await?;
                Ok(Report::done(&account, "is deleted"))
            }
        }
    }

    async fn named(&self, named: &Named) -> Result<Account, Refusal> {
        self.sign_in.account_named(&self.by, &named.name).await
    }

    async fn patch(&self, named: &Named, patch: AccountPatch, done: &str) -> Result<Report, Failure> {
        let id = self.named(named).await?.id;
        self.sign_in.patch_account(&self.by, id, patch).await?;
        Ok(Report::done(&self.named(named).await?, done))
    }

    /// All pages of the list.
    async fn all(&self, search: Option<&str>) -> Result<Vec<Account>, Refusal> {
        let mut accounts: Vec<Account> = Vec::new();
        loop {
            let after = accounts.last().map(|account| account.id);
            let page = self.sign_in.list_accounts(&self.by, search, after, 500).await?;
            accounts.extend(page.accounts);
            if !page.more {
                return Ok(accounts);
            }
        }
    }
}

fn initial_password(file: Option<PathBuf>) -> anyhow::Result<Option<Password>> {
    let read = |path: PathBuf| {
        password_from_file(&path).map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))
    };
    file.map(read).transpose()
}
