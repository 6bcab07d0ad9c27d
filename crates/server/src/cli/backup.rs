//! `labgate backup` and `labgate restore`.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::Args;
use labgate_domain::world::Clock as _;
use labgate_store::{Backup, Location};

use super::lab::runtime;
use crate::configuration::{Configuration, TokenKey};
use crate::key_list;
use crate::logging;
use crate::wiring::{self, DataDirLock, LOCK, UNFINISHED_RESTORE};
use crate::world::SystemClock;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The new file; it holds secrets, and is for its owner alone
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// A file that labgate backup made; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Bring back sessions, access tokens and keys, too; sign-outs since the backup are undone
    #[arg(long)]
    keep_sessions: bool,
}

pub(super) const BACKUP_HELP: &str = "The file holds the database at one moment, and the keys. Servers go on running. A reader of the file can sign in as \
     any user: keep it as you keep the data directory.\n\n\
     Example: labgate backup /mnt/backup/lab-2026-11-27.labgate";

pub(super) const RESTORE_HELP: &str = "The data directory (data_dir) must be empty. All sessions end, access tokens are deleted and new keys are made, so that nothing \
     from before is valid, unless --keep-sessions is given. Accounts, roles and passwords are those of the backup: disable again what was \
     disabled since.";

/// The name of standard input.
const STDIN: &str = "-";

/// Writes a backup beside running servers.
pub(super) fn back_up(configuration: &Configuration, arguments: &BackupArgs) -> anyhow::Result<()> {
    let keys = wiring::key_directory(configuration);
    let Location::Sqlite(database) = &configuration.database else {
        bail!(
            "the database is PostgreSQL: back it up by `pg_dump --format=custom --file=FILE …`, and copy {} (docs/backup.md)",
            wiring::key_directory_path(configuration).display()
        );
    };
    ensure!(
        database.exists(),
        "{} does not exist: data_dir (LABGATE_DATA_DIR) names the data directory",
        database.display()
    );
    let file = &arguments.file;
    let data_dir = &configuration.data_dir;
    let _lock = DataDirLock::shared(data_dir)?;
    let folder =
        folder_of(file).canonicalize().with_context(|| format!("the folder of {}", file.display()))?;
    ensure!(
        !folder.starts_with(data_dir.canonicalize()?),
        "{} is in the data directory, and would be lost with it: name a file elsewhere",
        file.display()
    );
    let backup = Backup {
        made_at: SystemClock.now(),
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        keys: keys.export()?,
    };
    runtime()?.block_on(labgate_store::back_up(database, file, &backup))?;
    logging::operated("backed up");

    let mut out = io::stdout();
    writeln!(out, "backed up to {}: the database and {} keys", file.display(), backup.keys.len())?;
    if let TokenKey::Given(_) = &configuration.token_key {
        writeln!(out, "not in it: the key of your own (section [token])")?;
    }
    Ok(())
}

/// Makes the lab of a backup in an empty data directory: the whole lab, or nothing.
pub(super) fn restore(
    configuration: &Configuration,
    config: Option<&Path>,
    arguments: &RestoreArgs,
) -> anyhow::Result<()> {
    let Location::Sqlite(database) = &configuration.database else {
        bail!(
            "the database is PostgreSQL: restore it by pg_restore, and the keys by copying them (docs/backup.md); a backup of \
             SQLite is restored with `database` unset, then `labgate store copy` moves it"
        );
    };
    let data_dir = &configuration.data_dir;
    let name = database.file_name().filter(|_| database.parent() == Some(data_dir));
    let name = name.ok_or_else(|| {
        anyhow!(
            "the database {} is not in the data directory {}: restore with `database` unset, then move labgate.db",
            database.display(),
            data_dir.display()
        )
    })?;
    become_owner(data_dir, arguments, config)?;
    let _lock = DataDirLock::exclusive(data_dir)?;
    refuse_unless_empty(data_dir)?;

    let staged = Staged::new(data_dir, name)?;
    let now = SystemClock.now();
    let end_sessions = (!arguments.keep_sessions).then_some(now);
    let place = staged.database();
    let file = &arguments.file;
    let mut source: Box<dyn Read> = if file == Path::new(STDIN) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| file.display().to_string())?)
    };
    let restored = labgate_store::restore(&mut source, file, &place, end_sessions);
    let backup = runtime()?.block_on(restored)?;
    if arguments.keep_sessions {
        wiring::key_directory_at(configuration, &staged.keys()).import(&backup.keys)?;
    }
    staged.finish()?;
    logging::operated("restored");

    let age = key_list::how_long(now.since(backup.made_at));
    let (dir, made_by) = (data_dir.display(), backup.made_by);
    let mut out = io::stdout();
    writeln!(out, "restored into {dir}: the lab of {age} ago, backed up by labgate {made_by}")?;
    let sessions = if arguments.keep_sessions {
        "sessions and keys are those of the backup: sign-outs since then are undone"
    } else {
        "all sessions have ended; the next start makes new keys"
    };
    writeln!(out, "{sessions}")?;
    Ok(())
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn refuse_unless_empty(data_dir: &Path) -> anyhow::Result<()> {
    let unreadable = || format!("the data directory {}", data_dir.display());
    for entry in fs::read_dir(data_dir).with_context(unreadable)? {
        let name = entry.with_context(unreadable)?.file_name();
        if name == UNFINISHED_RESTORE {
            bail!(
                "{} holds a restore that was interrupted: delete what is in it, and restore again",
                data_dir.display()
            );
        }
        // A volume of its own has the folder.
        ensure!(
            name == LOCK || name == "lost+found",
            "{} is not empty, there is {}: restore into an empty data directory (data_dir, LABGATE_DATA_DIR)",
            data_dir.display(),
            name.display()
        );
    }
    Ok(())
}

/// A lab that is being restored, in a folder of the data directory: that may be a volume, and its parent
/// another user's. Undone unless finished. While the folder is there, no server starts.
struct Staged<'a> {
    data_dir: &'a Path,
    name: &'a OsStr,
    folder: PathBuf,
    moved: Vec<PathBuf>,
}

impl<'a> Staged<'a> {
    fn new(data_dir: &'a Path, name: &'a OsStr) -> anyhow::Result<Self> {
        let folder = data_dir.join(UNFINISHED_RESTORE);
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).with_context(|| format!("{} cannot be created", folder.display()))?;
        Ok(Self { data_dir, name, folder, moved: Vec::new() })
    }

    fn database(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    fn keys(&self) -> PathBuf {
        self.folder.join(wiring::KEYS)
    }

    /// Moves everything to its place, the database last.
    fn finish(mut self) -> anyhow::Result<()> {
        let in_data_dir = || format!("the data directory {}", self.data_dir.display());
        if self.keys().exists() {
            self.move_to_its_place(wiring::KEYS.as_ref())?;
        }
        self.move_to_its_place(self.name)?;
        self.moved.clear();
        fs::remove_dir(&self.folder).and_then(|()| sync(self.data_dir)).with_context(in_data_dir)
    }

    fn move_to_its_place(&mut self, name: &OsStr) -> anyhow::Result<()> {
        let place = self.data_dir.join(name);
        // The directory is locked where the file system can do that.
        ensure!(!fs::exists(&place)?, "{} has come to be during the restore", place.display());
        let renamed = fs::rename(self.folder.join(name), &place);
        renamed.with_context(|| format!("{} cannot be made", place.display()))?;
        self.moved.push(place);
        sync(&self.folder).and_then(|()| sync(self.data_dir)).context("the data directory cannot be written")
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        for place in &self.moved {
            let _ = fs::remove_file(place).or_else(|_| fs::remove_dir_all(place));
        }
        // Last: it keeps servers away until then.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs the restore anew as the owner of the data directory, if that is another user. The owner could put links
/// to any place into it meanwhile, and what root does there would follow them. Returns if there is none.
#[cfg(unix)]
fn become_owner(data_dir: &Path, arguments: &RestoreArgs, config: Option<&Path>) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;

    let owner = match fs::metadata(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        about => about.with_context(|| format!("the data directory {}", data_dir.display()))?,
    };
    let user = rustix::process::geteuid();
    if user.as_raw() == owner.uid() {
        return Ok(());
    }
    let is_of = format!("the data directory {} belongs to user {}", data_dir.display(), owner.uid());
    ensure!(user.is_root(), "{is_of}: restore as that user, or as root");
    // Opened by root: the owner need not be able to.
    let backup = File::open(&arguments.file).with_context(|| arguments.file.display().to_string())?;
    let mut restore = Command::new(env::current_exe()?);
    restore.arg("restore").arg(STDIN).uid(owner.uid()).gid(owner.gid()).stdin(backup);
    if arguments.keep_sessions {
        restore.arg("--keep-sessions");
    }
    if let Some(config) = config {
        restore.arg("--config").arg(config);
    }
    let error = restore.exec();
    Err(error).with_context(|| format!("{is_of}, and as that user labgate cannot be run"))
}

#[cfg(not(unix))]
fn become_owner(_: &Path, _: &RestoreArgs, _: Option<&Path>) -> anyhow::Result<()> {
    Ok(())
}

/// Makes the names in a folder outlast a power cut.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
