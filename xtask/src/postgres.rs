//! A PostgreSQL server to throw away, for tests of the store.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::net;
use crate::process::{Log, Server, run};
use crate::tools;

/// The variable that tells the tests the server's URL.
pub(crate) const VARIABLE: &str = "LABGATE_TEST_POSTGRES_URL";

const LIMIT: Duration = Duration::from_mins(1);

/// Debian's folder of the programs, with a folder per version; elsewhere they are in the `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Refuses to run as root; so as root, we run it as this user of every system, who owns nothing.
const UNPRIVILEGED: [&str; 4] = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=TERM"];

/// A private server on loopback. Dropping it ends the server and deletes its data.
pub(crate) struct Postgres {
    // Ends before its folder goes.
    server: Server,
    _folder: Folder,
    /// Of a database in which its owner may do everything.
    pub(crate) url: String,
    password: String,
}

/// The settings of a server of which nothing has to outlive a power cut.
const THROWN_AWAY: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
/// Those of one that others follow: what it answers, they have.
const FOLLOWED: [&str; 2] = ["fsync=off", "synchronous_commit=on"];

impl Postgres {
    /// Creates an empty database, and returns its URL.
    pub(crate) fn database(&self, name: &str) -> Result<String> {
        let programs = programs().context("createdb is where initdb was")?;
        let mut createdb = Command::new(programs.join("createdb"));
        run(createdb.arg(format!("--maintenance-db={}", self.url)).arg(name), LIMIT)?;
        let (server, _) = self.url.rsplit_once('/').context("the URL ends with a database")?;
        Ok(format!("{server}/{name}"))
    }

    /// Starts a server that follows this one, until it is promoted.
    pub(crate) fn standby(&self) -> Result<Self> {
        let programs = programs().context("pg_basebackup is where initdb was")?;
        let folder = Folder::create("standby")?;
        folder.give_away()?;
        let mut copy = unprivileged(&programs.join("pg_basebackup"), &folder);
        copy.arg("-D").arg(folder.0.join("data"));
        run(copy.args(["-d", &self.url, "-R", "-c", "fast", "--no-sync"]), LIMIT)?;
        serve(&programs, folder, self.password.clone(), &FOLLOWED)
    }

    /// Returns the id of the server's process.
    pub(crate) fn process(&self) -> u32 {
        self.server.id()
    }
}

/// Starts a server; `Err` of a sentence that says how to get one.
///
/// # Errors
/// When it does not start.
pub(crate) fn start() -> Result<std::result::Result<Postgres, String>> {
    if programs().is_none() {
        if !tools::in_ci() {
            return Ok(Err("needs PostgreSQL: apt-get install postgresql".to_owned()));
        }
        tools::install_from_debian(&["postgresql"])?;
    }
    create("thrown-away", &THROWN_AWAY).map(Ok)
}

/// Starts a server that a standby can follow, where [`start`] has found the programs.
pub(crate) fn primary() -> Result<Postgres> {
    create("primary", &FOLLOWED)
}

fn create(name: &str, settings: &[&str]) -> Result<Postgres> {
    let programs = programs().context("`apt-get install postgresql` did not bring initdb")?;
    let folder = Folder::create(name)?;
    let password = random_password()?;
    let password_file = folder.0.join("password");
    fs::write(&password_file, &password)?;
    folder.give_away()?;

    let data = folder.0.join("data");
    let mut initdb = unprivileged(&programs.join("initdb"), &folder);
    initdb.arg("-D").arg(&data).arg("--pwfile").arg(&password_file);
    // In clear over loopback: SCRAM costs an unoptimised client more than all the rest of a test.
    initdb.args([
        "-U",
        "labgate",
        "--auth=password",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]);
    run(&mut initdb, LIMIT)?;
    serve(&programs, folder, password, settings)
}

fn serve(programs: &Path, folder: Folder, password: String, settings: &[&str]) -> Result<Postgres> {
    let port = net::free_port()?;
    let mut postgres = unprivileged(&programs.join("postgres"), &folder);
    postgres.arg("-D").arg(folder.0.join("data")).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=500"]
        .iter()
        .chain(settings)
    {
        postgres.args(["-c", setting]);
    }
    let log = folder.0.join("log");
    let mut server = Server::start("postgres", &postgres, &Log::File(&log))?;
    let mut is_ready = Command::new(programs.join("pg_isready"));
    is_ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
    if let Err(error) = server.wait_until(LIMIT, || tools::runs(&mut is_ready)) {
        bail!("{error:#}:\n{}", fs::read_to_string(&log).unwrap_or_default());
    }
    let url = format!("postgres://labgate:{password}@127.0.0.1:{port}/postgres");
    Ok(Postgres { server, _folder: folder, url, password })
}

/// The folder with the programs of the newest version that is here.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let mut debian: Vec<_> = versions.collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = debian.into_iter().rev().map(|(_, folder)| folder).chain(std::env::split_paths(&path));
    let needed = ["initdb", "postgres", "pg_isready"];
    folders.into_iter().find(|folder| needed.iter().all(|program| folder.join(program).is_file()))
}

/// A command that works in the folder, and not as root.
pub(crate) fn unprivileged(program: &Path, folder: &Folder) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(UNPRIVILEGED).arg("--").arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(&folder.0);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// It goes into a URL, so it is hexadecimal.
fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// A folder that is deleted on drop. Not below `target`: the server's user may have no access there.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn create(name: &str) -> Result<Self> {
        let path = Self::path(name);
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("labgate-postgres-{}-{name}", process::id()))
    }

    /// Gives the folder to the server's user.
    pub(crate) fn give_away(&self) -> Result<()> {
        if is_root() {
            run(Command::new("chown").args(["-R", "nobody:nogroup"]).arg(&self.0), LIMIT)?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_dropped_leaves_nothing_behind() {
        let Ok(postgres) = start().unwrap() else {
            eprintln!("skipped: PostgreSQL is not installed");
            return;
        };
        let folder = Folder::path("thrown-away");
        let port = postgres.url.rsplit([':', '/']).nth(1).unwrap().parse().unwrap();
        let answers = || std::net::TcpStream::connect(net::loopback(port)).is_ok();
        assert!(answers() && folder.is_dir());
        drop(postgres);
        assert!(!answers() && !folder.exists());
    }
}
