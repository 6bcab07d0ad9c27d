//! `labgate account …`: manages accounts in the database itself, without a running server.

mod import;
mod report;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use labgate_domain::access_token::AccessTokenId;
use labgate_domain::error::Refusal;
use labgate_domain::people::{
    Account, AccountStatus, DisplayName, EmailAddress, GroupName, GroupPatch, Password, Role,
};
use labgate_domain::sign_in::{AccountPatch, Administration, Administrator, NewAccount};

use self::import::ImportArgs;
use self::report::Report;
use super::lab::{in_lab, refusal_error};
use crate::configuration::{Configuration, password_from_file};

#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// The text below the commands in the help of `labgate account`.
pub(super) const HELP: &str = "NAME is a username or an e-mail address.\n\n\
    The commands work on the database itself (database, or labgate.db in data_dir), beside running servers or without \
    one. A disabled, signed-out or deleted account is rejected within a second; a service that verifies tokens offline \
    notices it when the token expires, after session.token_lifetime (15 minutes) at the latest.";

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    OfAccounts(AccountCommand),
    /// Import accounts of another system from a file, with their password hashes
    #[command(after_help = import::HELP)]
    Import(ImportArgs),
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Create an account: with a username and an initial password, or for a provider user with an e-mail
    /// address
    Create {
        /// Username; without it the account is claimed by the provider user with the e-mail address
        #[arg(value_name = "NAME", required_unless_present = "email")]
        username: Option<String>,
        /// Give the role admin
        #[arg(long)]
        admin: bool,
        /// E-mail address
        #[arg(long, value_name = "ADDRESS", value_parser = email)]
        email: Option<EmailAddress>,
        /// Display name
        #[arg(long, value_name = "TEXT", value_parser = display_name)]
        name: Option<DisplayName>,
        /// File that holds the initial password; without it one is generated and printed once
        #[arg(long, value_name = "FILE", requires = "username")]
        password_file: Option<PathBuf>,
    },
    /// List accounts
    List {
        /// Only accounts with this text in username, e-mail address or name
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show an account and its sessions
    Show(Named),
    /// Disable an account, and end its sessions
    Disable(Named),
    /// Enable a disabled account
    Enable(Named),
    /// Change the role of an account
    SetRole {
        #[command(flatten)]
        named: Named,
        /// The new role
        #[arg(value_name = "user|admin", value_parser = role)]
        role: Role,
    },
    /// Give an account another username; its sessions go on
    Rename {
        /// The present username, e-mail address, or account id
        #[arg(value_name = "OLD")]
        named: String,
        /// The new username: a local name, or the account's own e-mail address
        #[arg(value_name = "NEW")]
        name: String,
        /// Print what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the local groups of an account, or change them; its sessions go on
    Groups {
        #[command(flatten)]
        named: Named,
        /// Groups to add, separated by commas
        #[arg(long, value_name = "GROUPS", value_delimiter = ',', value_parser = group)]
        add: Vec<GroupName>,
        /// Groups to remove, separated by commas
        #[arg(long, value_name = "GROUPS", value_delimiter = ',', value_parser = group)]
        remove: Vec<GroupName>,
    },
    /// Set a new initial password, and end all sessions of the account
    ResetPassword {
        #[command(flatten)]
        named: Named,
        /// File that holds the password; without it one is generated and printed once
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// List the access tokens of an account
    Tokens(Named),
    /// Revoke an access token of an account
    RevokeToken {
        #[command(flatten)]
        named: Named,
        /// The id of the token, as the list has it
        #[arg(value_name = "TOKEN", value_parser = token_id)]
        token: AccessTokenId,
    },
    /// End all sessions of an account
    SignOut(Named),
    /// Delete an account with its credentials, identities and sessions
    Delete {
        #[command(flatten)]
        named: Named,
        /// Confirm; this cannot be undone
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Named {
    /// Username, e-mail address, or the account id from the log
    name: String,
}

impl AccountArgs {
    /// Returns whether the command can change accounts.
    pub(super) fn change_accounts(&self) -> bool {
        match &self.command {
            Command::OfAccounts(
                AccountCommand::List { .. } | AccountCommand::Show(_) | AccountCommand::Tokens(_),
            ) => false,
            Command::OfAccounts(AccountCommand::Groups { add, remove, .. }) => {
                !(add.is_empty() && remove.is_empty())
            }
            _ => true,
        }
    }
}

fn email(text: &str) -> Result<EmailAddress, &'static str> {
    EmailAddress::parse(text).map_err(|_| "not an e-mail address")
}

fn display_name(text: &str) -> Result<DisplayName, &'static str> {
    DisplayName::new(text).ok_or("no printable character")
}

fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).map_err(|_| "write user or admin")
}

fn token_id(text: &str) -> Result<AccessTokenId, &'static str> {
    AccessTokenId::parse(text)
        .map_err(|_| "not the id of an access token: labgate account tokens NAME lists them")
}

/// The rule of group names, for error messages.
const GROUP_RULE: &str = "a group has 1 to 64 visible characters, and no comma";

fn group(text: &str) -> Result<GroupName, &'static str> {
    GroupName::typed(text).map_err(|_| GROUP_RULE)
}

pub(super) fn run(configuration: &Configuration, arguments: AccountArgs) -> anyhow::Result<()> {
    let AccountArgs { json, command } = arguments;
    match command {
        Command::Import(arguments) => import::run(configuration, &arguments, json),
        Command::OfAccounts(command) => {
            let makes_a_lab = matches!(command, AccountCommand::Create { .. });
            let password = initial_password(&command)?;
            let done = in_lab(configuration, makes_a_lab, async |sign_in| {
                let (administration, by) = (sign_in.administration(), Administrator::local_operator());
                Commands { administration, by }.execute(command, password).await
            });
            done?.map_err(|refusal| refusal_error(&refusal, json))?.print(json)
        }
    }
}

/// Reads the file that holds an initial password, if the command names one.
fn initial_password(command: &AccountCommand) -> anyhow::Result<Option<Password>> {
    let (AccountCommand::Create { password_file: Some(path), .. }
    | AccountCommand::ResetPassword { password_file: Some(path), .. }) = command
    else {
        return Ok(None);
    };
    let password = password_from_file(path).map_err(|reason| anyhow!("{}: {reason}", path.display()))?;
    Ok(Some(password))
}

struct Commands<'a> {
    administration: Administration<'a>,
    by: Administrator,
}

impl Commands<'_> {
    async fn execute(&self, command: AccountCommand, password: Option<Password>) -> Result<Report, Refusal> {
        let Self { administration, by } = self;
        match command {
            AccountCommand::Create { username, admin, email, name, .. } => {
                let role = if admin { Role::Admin } else { Role::User };
                let new = NewAccount { username, email, name, role, password };
                Ok(Report::created(&administration.create(by, new).await?))
            }
            AccountCommand::List { search } => Ok(Report::list(&self.all(search.as_deref()).await?)),
            AccountCommand::Show(named) => {
                let id = self.named(&named).await?.id;
                let (account, sessions) = administration.details(by, id).await?;
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
            AccountCommand::Rename { named, name, dry_run } => {
                let account = administration.named(by, &named).await?;
                let renamed = administration.rename(by, account.id, &name, dry_run).await?;
                let word = if dry_run { "would be renamed from" } else { "is the new name of" };
                Ok(Report::done(&renamed, &format!("{word} {}", account.username)))
            }
            AccountCommand::Groups { named, add, remove } => {
                let mut account = self.named(&named).await?;
                if !(add.is_empty() && remove.is_empty()) {
                    let patch = GroupPatch { add, remove };
                    account = administration.change_groups(by, account.id, &patch).await?;
                }
                Ok(Report::groups(&account))
            }
            AccountCommand::ResetPassword { named, .. } => {
                let id = self.named(&named).await?.id;
                let reset = administration.reset_password(by, id, password).await?;
                Ok(Report::with_password(&reset, "has a new initial password"))
            }
            AccountCommand::Tokens(named) => {
                let id = self.named(&named).await?.id;
                Ok(Report::tokens(&administration.tokens_of(by, id).await?))
            }
            AccountCommand::RevokeToken { named, token } => {
                let account = self.named(&named).await?;
                administration.revoke_token(by, account.id, token).await?;
                Ok(Report::done(&account, "has an access token less"))
            }
            AccountCommand::SignOut(named) => {
                let account = self.named(&named).await?;
                administration.sign_out(by, account.id).await?;
                Ok(Report::done(&account, "is signed out"))
            }
            AccountCommand::Delete { named, .. } => {
                let account = self.named(&named).await?;
                administration.delete(by, account.id).await?;
                Ok(Report::done(&account, "is deleted"))
            }
        }
    }

    async fn named(&self, named: &Named) -> Result<Account, Refusal> {
        self.administration.named(&self.by, &named.name).await
    }

    async fn patch(&self, named: &Named, patch: AccountPatch, done: &str) -> Result<Report, Refusal> {
        let id = self.named(named).await?.id;
        self.administration.patch(&self.by, id, patch).await?;
        Ok(Report::done(&self.named(named).await?, done))
    }

    /// Returns all pages of the list.
    async fn all(&self, search: Option<&str>) -> Result<Vec<Account>, Refusal> {
        let mut accounts: Vec<Account> = Vec::new();
        loop {
            let after = accounts.last().map(|account| account.id);
            let page = self.administration.list(&self.by, search, after, 500).await?;
            accounts.extend(page.accounts);
            if !page.more {
                return Ok(accounts);
            }
        }
    }
}
