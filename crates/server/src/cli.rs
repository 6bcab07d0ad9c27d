//! The command line.

mod access;
mod account;
mod admission;
mod backup;
mod doctor;
mod healthcheck;
mod identities;
mod lab;
mod signals;
mod store;

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use labgate_domain::world::Clock;
use labgate_token::KeyDirectory;
use tokio::sync::oneshot;

use self::signals::Signals;
use crate::configuration::{Configuration, Sources, TokenKey};
use crate::key_list;
use crate::logging;
use crate::systemd;
use crate::wiring::{self, HandedOver, Server};
use crate::world::SystemClock;

/// The command line of the binary.
#[derive(Debug, Parser)]
#[command(
    name = "labgate",
    version,
    about = "Single sign-on for a lab: passwords, OpenID Connect providers, forward auth for reverse proxies",
    after_help = "Settings come from labgate.toml in the working directory, and from the environment \
                  (LAB_EXTERNAL_OIDC_*, LABGATE_*)."
)]
pub struct Cli {
    /// Configuration file; default: labgate.toml in the working directory, if it exists
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the lab's sign-in until interrupted
    Serve,
    /// Check the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Manage the keys that sign session tokens
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Manage accounts, in the database
    #[command(after_help = account::HELP)]
    Account(account::AccountArgs),
    /// Move linked identities from one issuer to another
    #[command(after_help = identities::HELP)]
    Identities(identities::IdentitiesArgs),
    /// Try the admission rules
    Admission(admission::AdmissionArgs),
    /// Say who may go where
    Access(access::AccessArgs),
    /// Find what prevents sign-in, and print what to do
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::DoctorArgs),
    /// Ask a running server whether it is ready
    #[command(after_help = healthcheck::HELP)]
    Healthcheck,
    /// Write a backup of the lab into one file, beside running servers
    #[command(after_help = backup::BACKUP_HELP)]
    Backup(backup::BackupArgs),
    /// Make the lab of a backup in an empty data directory
    #[command(after_help = backup::RESTORE_HELP)]
    Restore(backup::RestoreArgs),
    /// Manage the database
    Store(store::StoreArgs),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the effective configuration, or all errors
    Check,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Generate new keys; a running server signs with them ten minutes later, and sessions continue
    Rotate,
    /// List the keys
    List,
}

impl Command {
    /// Returns whether the command can change the lab, and logs what it does as the server would.
    fn changes_the_lab(&self) -> bool {
        if let Self::Account(arguments) = self {
            return arguments.change_accounts();
        }
        matches!(
            self,
            Self::Identities(_)
                | Self::Keys { command: KeysCommand::Rotate }
                | Self::Backup(_)
                | Self::Restore(_)
                | Self::Store(_)
        )
    }
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// When the command fails; the error is a message for the operator.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let sources = Sources::of_process(self.config.as_deref());
        let configuration = sources.and_then(|sources| Configuration::read(&sources));
        if let Ok(configuration) = &configuration
            && self.command.changes_the_lab()
        {
            logging::start(&configuration.log);
        }
        match self.command {
            // The doctor explains unusable settings.
            Command::Doctor(arguments) => return Ok(doctor::run(configuration.as_ref(), &arguments)),
            Command::Healthcheck => return healthcheck::run(&configuration?),
            Command::Serve => serve(configuration?),
            Command::Config { command: ConfigCommand::Check } => check(&configuration?),
            Command::Keys { command: KeysCommand::Rotate } => rotate(&configuration?),
            Command::Keys { command: KeysCommand::List } => list(&configuration?),
            Command::Account(arguments) => account::run(&configuration?, arguments),
            Command::Identities(arguments) => identities::run(&configuration?, &arguments),
            Command::Access(arguments) => access::run(&configuration?, &arguments),
            Command::Admission(arguments) => admission::run(&configuration?, arguments),
            Command::Backup(arguments) => backup::back_up(&configuration?, &arguments),
            Command::Restore(arguments) => {
                backup::restore(&configuration?, self.config.as_deref(), &arguments)
            }
            Command::Store(arguments) => store::run(&configuration?, arguments),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

fn serve(configuration: Configuration) -> anyhow::Result<()> {
    logging::start(&configuration.log);
    #[cfg(unix)]
    let handed_over = HandedOver::take()?;
    #[cfg(not(unix))]
    let handed_over: Option<HandedOver> = None;
    let workers = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let served = runtime.block_on(async {
        let mut signals = Signals::receive().context("signals cannot be received")?;
        let starting = Server::start_on(configuration, handed_over);
        let is_due = Cell::new(false);
        let server = tokio::select! {
            started = starting => started?,
            () = signals.stop_or(|| is_due.set(true)) => bail!("stopped before the start was complete"),
        };
        tell_setup_link(&server)?;
        systemd::ready();
        let bell = server.reload_bell();
        // A signal came during the start, after the keys were read, perhaps.
        if is_due.get() {
            bell.notify_one();
        }
        let (stop, stopped) = oneshot::channel();
        let stopping = async {
            let reload = || {
                systemd::reloading();
                bell.notify_one();
            };
            signals.stop_or(reload).await;
            tracing::info!("stopping");
            systemd::stopping();
            // The server waits for it.
            let _ = stop.send(());
            signals.stop().await;
        };
        tokio::select! {
            () = server.run(async { stopped.await.unwrap_or_default() }) => Ok(()),
            () = stopping => bail!("stopped at once by a second signal"),
        }
    });
    // A pending DNS lookup would delay the exit.
    runtime.shutdown_background();
    served
}

/// Prints the setup link on a terminal. The log, which is kept or sent elsewhere, only names the file that
/// holds it.
fn tell_setup_link(server: &Server) -> std::io::Result<()> {
    let mut stderr = std::io::stderr();
    match server.setup_link() {
        Some(link) if stderr.is_terminal() => {
            writeln!(stderr, "to create the first administrator, open {link}")
        }
        _ => Ok(()),
    }
}

fn check(configuration: &Configuration) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    wiring::providers(configuration, &clock)?;
    wiring::check_tls(configuration)?;
    write!(std::io::stdout(), "{}", configuration.in_force())?;
    Ok(())
}

fn rotate(configuration: &Configuration) -> anyhow::Result<()> {
    if matches!(configuration.token_key, TokenKey::Given(_)) {
        bail!("session tokens are signed with a key of your own (section [token]): replace it and restart");
    }
    let keys = wiring::key_directory(configuration).rotate(SystemClock.now())?;
    logging::operated("keys rotated");
    let key = keys.ring.newest_key();
    let when = if key.kid() == keys.ring.signing_key().kid() {
        "from now on".to_owned()
    } else {
        let delay = key_list::how_long(KeyDirectory::PUBLICATION_DELAY);
        format!("in {delay}, after all services have fetched it")
    };
    writeln!(std::io::stdout(), "{} {} signs {when}", key.algorithm().as_str(), key.kid())?;
    Ok(())
}

fn list(configuration: &Configuration) -> anyhow::Result<()> {
    if let TokenKey::Given(key) = &configuration.token_key {
        let (algorithm, kid) = (key.algorithm().as_str(), key.kid());
        writeln!(std::io::stdout(), "{algorithm} {kid} signs: a key of your own (section [token])")?;
    }
    let path = wiring::key_directory_path(configuration);
    let names = match std::fs::read_dir(&path) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) => Err(error),
    };
    let names: Vec<String> = names.with_context(|| format!("{} cannot be read", path.display()))?;
    write!(std::io::stdout(), "{}", key_list::of_files(&names, SystemClock.now()))?;
    Ok(())
}
