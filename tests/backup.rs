//! `labgate backup` and `labgate restore` as an operator uses them, beside a server that runs.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

const URL: &str = "http://127.0.0.1:8091";
const PASSWORD: &str = "planted-97-Lantern-orbit";

/// A folder in which an operator works; `labgate-data` in it is the data directory.
struct Operator(TempDir);

impl Operator {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, command: &str) -> Command {
        let program = std::env::var_os("LABGATE_TEST_PROGRAM");
        let program =
            program.expect("LABGATE_TEST_PROGRAM is not set: name the program, or run `cargo xtask test`");
        let mut labgate = Command::new(program);
        labgate.args(command.split(' ')).env_clear().current_dir(&self.0);
        labgate.env("LABGATE_LISTEN", "127.0.0.1:0").env("LABGATE_PUBLIC_URL", URL);
        labgate.env("LABGATE_LOG__FORMAT", "json");
        labgate
    }

    fn done(&self, command: &str) -> String {
        let output = self.command(command).output().unwrap();
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn refused(&self, command: &str) -> String {
        refusal(&self.command(command).output().unwrap())
    }

    fn serve(&self) -> Server {
        let mut process = self.command("serve").stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let address = line["address"].as_str().unwrap().to_owned();
        // A pipe that nobody reads would stop the server.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Server { process, address }
    }

    /// The files of the data directory.
    fn data(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("labgate-data")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        // It stays.
        names.retain(|name| name != ".lock");
        names.sort_unstable();
        names
    }
}

fn refusal(output: &Output) -> String {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server that does not outlive the test.
struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Posts a password, and returns the status and the cookie.
    fn post(&self, path: &str, username: &str, password: &str) -> (String, String) {
        let body = json!({ "username": username, "password": password }).to_string();
        let head =
            format!("origin: {URL}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        self.request(&format!("POST {path} HTTP/1.1\r\n{head}\r\n"), &body)
    }

    fn check(&self, cookie: &str) -> String {
        self.request(&format!("GET /api/auth/verify HTTP/1.1\r\ncookie: {cookie}\r\n"), "").0
    }

    fn request(&self, head: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{head}host: 127.0.0.1\r\nconnection: close\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().to_owned();
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split_once(';'));
        (status, cookie.map_or(String::new(), |(cookie, _)| cookie.to_owned()))
    }
}

/// A lab with the account `ada`, whose backup is `lab.backup`.
fn backed_up() -> Operator {
    let operator = Operator::new();
    operator.done("account create ada");
    operator.done("backup lab.backup");
    operator
}

/// Another machine with the same backup, changed by `sql` before.
fn with_backup(of: &Operator, sql: &'static str) -> Operator {
    let other = Operator::new();
    let backup = other.path("lab.backup");
    fs::copy(of.path("lab.backup"), &backup).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnectOptions::new().filename(&backup).connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    other
}

#[test]
fn f32_a_backup_beside_a_busy_server_becomes_a_working_lab() {
    let (old, new) = (Operator::new(), Operator::new());
    let server = old.serve();
    let (status, cookie) = server.post("/api/auth/register", "ada", PASSWORD);
    assert_eq!((&*status, &*server.check(&cookie)), ("200", "200"));
    let answered: Vec<_> = (0..3).map(|number| format!("before{number}")).collect();
    for name in &answered {
        old.done(&format!("account create {name}"));
    }
    old.done("account groups before0 --add gpu");

    let (begun, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                old.done(&format!("account create during{number}"));
                begun.store(true, Ordering::SeqCst);
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        while !begun.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let told = old.done("backup lab.backup");
        stop.store(true, Ordering::SeqCst);
        assert!(told.starts_with("backed up to lab.backup: the database and 2 keys"), "{told}");
    });
    let backup = old.path("lab.backup");
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(server.check(&cookie), "200", "the server runs on");

    let told = new.done(&format!("restore {}", backup.display()));
    assert!(told.contains("all sessions have ended"), "{told}");
    assert_eq!(new.data(), ["labgate.db"], "nothing is left behind");
    let list = new.done("account list");
    for name in answered.iter().map(String::as_str).chain(["ada", "during0"]) {
        assert!(list.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}: {list}");
    }

    assert_eq!(new.done("account groups before0"), "before0 has the local groups gpu\n");

    let restored = new.serve();
    assert_eq!(restored.check(&cookie), "401", "a session from before the restore");
    assert_eq!(restored.post("/api/auth/login", "ada", "a wrong password").0, "401");
    let (status, cookie) = restored.post("/api/auth/login", "ada", PASSWORD);
    assert_eq!((&*status, &*restored.check(&cookie)), ("200", "200"));
}

#[test]
fn f32_sessions_and_keys_come_back_only_when_asked_for() {
    let (old, new) = (Operator::new(), Operator::new());
    let cookie = {
        let server = old.serve();
        let (_, cookie) = server.post("/api/auth/register", "ada", PASSWORD);
        old.done("backup lab.backup");
        cookie
    };
    let told = new.done(&format!("restore --keep-sessions {}", old.path("lab.backup").display()));
    assert!(told.contains("sign-outs since then are undone"), "{told}");
    assert_eq!(new.done("keys list"), old.done("keys list"));
    assert_eq!(new.serve().check(&cookie), "200");
}

#[test]
fn f32_no_key_stays_in_the_restored_database() {
    let (old, new) = (backed_up(), Operator::new());
    let holds_key = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(11).any(|window| window == b"PRIVATE KEY")
    };
    assert!(holds_key(&old.path("lab.backup")));
    new.done(&format!("restore {}", old.path("lab.backup").display()));
    assert!(!holds_key(&new.path("labgate-data/labgate.db")));
}

#[test]
fn f32_a_backup_is_never_written_over_or_beside_the_data() {
    let operator = backed_up();
    let before = fs::read(operator.path("lab.backup")).unwrap();
    let told = operator.refused("backup lab.backup");
    assert!(told.contains("lab.backup exists: name a new file"), "{told}");
    assert_eq!(fs::read(operator.path("lab.backup")).unwrap(), before);

    std::os::unix::fs::symlink("labgate-data", operator.path("link")).unwrap();
    for inside in ["labgate-data/b", "labgate-data/keys/b", "link/b", "./labgate-data/../labgate-data/b"] {
        let told = operator.refused(&format!("backup {inside}"));
        assert!(told.contains("is in the data directory"), "{told}");
    }
    std::os::unix::fs::symlink("nowhere", operator.path("dangling")).unwrap();
    let told = operator.refused("backup dangling");
    assert!(told.contains("dangling exists"), "{told}");
    let told = operator.refused("backup nowhere/b");
    assert!(told.contains("the folder of nowhere/b"), "{told}");
    let told = Operator::new().refused("backup b");
    assert!(told.contains("labgate.db does not exist"), "{told}");
}

#[test]
fn f32_only_a_whole_backup_of_a_known_version_is_restored() {
    let old = backed_up();
    let database = old.path("labgate-data/labgate.db");
    let damaged = with_backup(&old, "PRAGMA user_version = 1");
    let mut bytes = fs::read(damaged.path("lab.backup")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(damaged.path("lab.backup"), &bytes).unwrap();
    let cut = with_backup(&old, "PRAGMA user_version = 1");
    bytes.truncate(middle);
    fs::write(cut.path("lab.backup"), &bytes).unwrap();
    let [other, empty] = [Operator::new(), Operator::new()];
    fs::write(other.path("lab.backup"), "not a database, but long enough ".repeat(100)).unwrap();
    fs::write(empty.path("lab.backup"), "").unwrap();
    let copied = Operator::new();
    fs::copy(&database, copied.path("lab.backup")).unwrap();

    for (operator, words) in [
        (damaged, "lab.backup is damaged"),
        (cut, "lab.backup is damaged"),
        (other, "is not a backup"),
        (empty, "is not a backup"),
        (copied, "is not a backup"),
        (with_backup(&old, "DELETE FROM backup"), "was not finished"),
        (with_backup(&old, "PRAGMA foreign_keys = OFF; DELETE FROM accounts"), "lab.backup is damaged"),
        (
            with_backup(&old, "INSERT INTO _sqlx_migrations VALUES (999, 'x', 0, 1, x'', 0)"),
            "lab.backup belongs to a newer version of Labgate (its schema is 999",
        ),
        (with_backup(&old, "UPDATE backup_keys SET name = '../../' || name"), "is not named like the key"),
    ] {
        let told = operator.refused("restore --keep-sessions lab.backup");
        assert!(told.contains(words), "{words}: {told}");
        assert_eq!(operator.data(), Vec::<String>::new(), "{words}");
        assert_eq!(fs::read_dir(&operator.0).unwrap().count(), 2, "{words}");
    }
    let told = Operator::new().refused("restore nowhere.backup");
    assert!(told.contains("nowhere.backup"), "{told}");
}

#[test]
fn f32_a_restore_needs_an_empty_directory_that_nobody_works_in() {
    let old = backed_up();
    let told = old.refused("restore lab.backup");
    assert!(told.contains("labgate-data is not empty"), "{told}");

    let new = with_backup(&old, "");
    fs::create_dir(new.path("labgate-data")).unwrap();
    fs::set_permissions(new.path("labgate-data"), fs::Permissions::from_mode(0o750)).unwrap();
    // Anybody who may list the directory can lock it, and nobody but its owner the file.
    let stranger = File::open(new.path("labgate-data")).unwrap();
    stranger.lock().unwrap();
    let server = File::create(new.path("labgate-data/.lock")).unwrap();
    server.lock_shared().unwrap();
    let told = new.refused("restore lab.backup");
    assert!(told.contains("another labgate works in the data directory"), "{told}");
    drop(server);

    let restore = File::open(new.path("labgate-data/.lock")).unwrap();
    restore.lock().unwrap();
    for command in ["serve", "account create eve"] {
        let told = new.refused(command);
        assert!(told.contains("another labgate works in the data directory"), "{command}: {told}");
    }
    drop(restore);
    assert_eq!(new.data(), Vec::<String>::new());

    new.done("restore lab.backup");
    let mode = fs::metadata(new.path("labgate-data")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750, "the directory stays as it was");
}

#[test]
fn f32_a_running_server_has_its_directory() {
    let old = backed_up();
    let server = old.serve();
    assert_eq!(server.check("labgate=none"), "401", "it has started");
    let lock = old.path("labgate-data/.lock");
    assert_eq!(fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600, "nobody else can lock it");
    for entry in fs::read_dir(old.path("labgate-data")).unwrap() {
        let path = entry.unwrap().path();
        if path == lock {
            continue;
        }
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
    let told = old.refused("restore lab.backup");
    assert!(told.contains("another labgate works in the data directory"), "{told}");
    drop(server);
    old.done("restore lab.backup");
    assert!(old.done("account list").starts_with("ada "));
}

#[test]
fn f32_a_restore_by_root_is_done_as_the_owner_of_the_data_directory() {
    use std::os::unix::fs::{MetadataExt as _, chown, symlink};

    const SERVICE: u32 = 12345;
    let old = backed_up();
    let new = with_backup(&old, "");
    fs::set_permissions(&new.0, fs::Permissions::from_mode(0o755)).unwrap();
    let data = new.path("labgate-data");
    fs::create_dir(&data).unwrap();
    if chown(&data, Some(SERVICE), Some(SERVICE)).is_err() {
        // The test does not run as root.
        return;
    }
    // What the service user puts there leads root nowhere.
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path().join("planted"), data.join(".lock")).unwrap();
    let told = new.refused("restore lab.backup");
    assert!(told.contains(".lock"), "{told}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    fs::remove_file(data.join(".lock")).unwrap();

    new.done("restore lab.backup --keep-sessions");
    let mut folders = vec![data];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let (path, about) = entry.map(|it| (it.path(), it.metadata().unwrap())).unwrap();
            assert_eq!((about.uid(), about.gid()), (SERVICE, SERVICE), "{}", path.display());
            folders.extend(about.is_dir().then_some(path));
        }
    }
}

#[test]
fn f32_an_interrupted_restore_is_not_taken_for_a_lab() {
    let new = with_backup(&backed_up(), "");
    fs::create_dir_all(new.path("labgate-data/.unfinished-restore")).unwrap();
    for command in ["serve", "account create eve", "restore lab.backup"] {
        let told = new.refused(command);
        assert!(told.contains("holds a restore that was interrupted"), "{command}: {told}");
    }
    assert_eq!(new.data(), [".unfinished-restore"]);
}

#[test]
fn f32_on_postgresql_the_tools_to_use_are_named() {
    let operator = Operator::new();
    for (command, tool) in [("backup b", "pg_dump"), ("restore b", "pg_restore")] {
        let mut labgate = operator.command(command);
        labgate.env("LABGATE_DATABASE", "postgres://ada:planted@127.0.0.1:1/lab");
        let told = refusal(&labgate.output().unwrap());
        assert!(
            told.contains(tool) && told.contains("docs/backup.md") && !told.contains("planted"),
            "{told}"
        );
    }
    assert_eq!(fs::read_dir(&operator.0).unwrap().count(), 0);
}
