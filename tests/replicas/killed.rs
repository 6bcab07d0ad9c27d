//! `kill -9` at many points of a write: no data is lost, and no change is half done. Runs the real program on
//! both databases. The points lie so many looks at the database after the start, so that they are spread over
//! all of its work.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use labgate_domain::people::{
    Account, AccountId, AccountStatus, Credential, LocalGroups, PasswordHash, Role, Username,
};
use labgate_domain::ports::{AccountStore, AdministrationStore, CredentialStore, SessionStore, SessionTerms};
use labgate_domain::session::{Session, SessionId};
use labgate_domain::time::Timestamp;
use labgate_store::{Location, Store};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use crate::store::postgres::{Database, fresh};

/// A lab on one of the databases, and the program that works on it.
struct Killed {
    folder: TempDir,
    location: Location,
    _database: Option<Database>,
}

/// Looks at the database before the kill: from at once to long after the work is done.
const LOOKS: [usize; 14] = [0, 1, 2, 4, 8, 16, 24, 32, 64, 96, 128, 192, 256, 512];

impl Killed {
    async fn labs() -> [Self; 2] {
        let folder = || tempfile::tempdir().unwrap();
        let (one, other, database) = (folder(), folder(), fresh().await);
        let file = one.path().join("labgate.db");
        let url = database.url().expose_secret().to_owned();
        [
            Self { folder: one, location: Location::parse(file.to_str().unwrap()).unwrap(), _database: None },
            Self { folder: other, location: Location::parse(&url).unwrap(), _database: Some(database) },
        ]
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let location = match &self.location {
            Location::Sqlite(path) => path.to_str().unwrap().to_owned(),
            Location::Postgres(url) => url.expose_secret().to_owned(),
        };
        let mut program = Command::new(program());
        program.args(arguments).env_clear().current_dir(&self.folder);
        program.env("LABGATE_DATA_DIR", self.folder.path()).env("LABGATE_DATABASE", location);
        program.stdin(Stdio::null()).stderr(Stdio::null());
        program
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    async fn store(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }
}

fn program() -> PathBuf {
    let program = std::env::var_os("LABGATE_TEST_PROGRAM");
    let program =
        program.expect("LABGATE_TEST_PROGRAM is not set: name the program, or run `cargo xtask test`");
    Path::new(&program).to_owned()
}

async fn accounts(store: &Store) -> Vec<Account> {
    store.list(None, None, 500).await.unwrap().accounts
}

/// Kills the program after so many looks, and waits for its end.
async fn kill_after(mut program: Child, looks: usize, store: Option<&Store>) {
    for _ in 0..looks {
        match store {
            Some(store) => drop(accounts(store).await),
            None => tokio::task::yield_now().await,
        }
        if program.try_wait().unwrap().is_some() {
            break;
        }
    }
    let _ = program.kill();
    program.wait().unwrap();
}

fn done(mut program: Child) -> bool {
    program.wait().unwrap().success()
}

#[tokio::test]
async fn an_import_that_is_killed_leaves_whole_accounts_and_can_be_repeated() {
    const PEOPLE: usize = 200;
    const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuT5JwYH0V7sGHkVqrIoO5zxJzSn2mWHm";
    for lab in Killed::labs().await {
        let rows: Vec<String> = (0..PEOPLE).map(|number| format!("person{number},{HASH}")).collect();
        let file = lab.file("people.csv", &format!("username,password_hash\n{}\n", rows.join("\n")));
        let import = ["account", "import", file.to_str().unwrap()];
        let store = lab.store().await;
        let mut before = 0;
        for looks in LOOKS {
            kill_after(lab.spawn(&import), looks, Some(&store)).await;
            let there = accounts(&store).await;
            assert!(there.len() >= before, "accounts are gone");
            before = there.len();
            for account in there {
                let credential = store.credential(account.id).await.unwrap();
                let credential = credential.unwrap_or_else(|| panic!("{} is half there", account.username));
                assert_eq!((credential.hash.expose(), credential.must_change), (HASH, false));
            }
        }
        assert!(done(lab.spawn(&import)), "it cannot be repeated");
        assert_eq!(accounts(&store).await.len(), PEOPLE);
        store.close().await;
    }
}

#[tokio::test]
async fn an_answered_write_outlives_a_kill_at_once() {
    for lab in Killed::labs().await {
        for number in 0..5 {
            let name = format!("person{number}");
            let mut command = lab.command(&["account", "create", &name]);
            let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut answer = String::new();
            BufReader::new(program.stdout.take().unwrap()).read_line(&mut answer).unwrap();
            let _ = program.kill();
            program.wait().unwrap();
            assert!(answer.contains(&name), "{answer}");
            let store = lab.store().await;
            let there = accounts(&store).await.into_iter().find(|account| account.username.as_str() == name);
            let id = there.expect("it is gone").id;
            assert!(store.credential(id).await.unwrap().is_some(), "half there");
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_password_reset_that_is_killed_ends_the_sessions_or_leaves_the_password() {
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    let id = AccountId::parse("01900000-0000-7000-8000-000000000001").unwrap();
    let ada = Account {
        id,
        username: Username::local("ada").unwrap(),
        email: None,
        name: None,
        role: Role::User,
        groups: LocalGroups::default(),
        status: AccountStatus::Active,
        accepted_terms: Vec::new(),
        created_at: now,
    };
    for lab in Killed::labs().await {
        let password = lab.file("password", "four words of nobody");
        let reset = ["account", "reset-password", "ada", "--password-file", password.to_str().unwrap()];
        let store = lab.store().await;
        let old = Credential { hash: PasswordHash::parse("$old").unwrap(), must_change: false };
        store.create_local(&ada, Some(&old)).await.unwrap();
        let mut changed = 0;
        for (number, looks) in LOOKS.into_iter().enumerate() {
            let session = session(number, id, now);
            let terms = SessionTerms { role: Role::User, at_most: 50, seen_after: now };
            assert!(SessionStore::create(&store, &session, terms).await.unwrap());
            let before = store.credential(id).await.unwrap().unwrap();
            kill_after(lab.spawn(&reset), looks, Some(&store)).await;
            let after = store.credential(id).await.unwrap().expect("the password is gone");
            let ended = SessionStore::find(&store, session.id).await.unwrap().unwrap().ended_at.is_some();
            assert_eq!(after != before, ended, "half done after {looks} looks");
            assert!(after == before || after.must_change);
            changed += usize::from(after != before);
        }
        assert!(done(lab.spawn(&reset)));
        assert!(changed < LOOKS.len(), "never killed in time");
        store.close().await;
    }
}

#[tokio::test]
async fn a_migration_that_is_killed_leaves_nothing_in_the_way_of_the_next_start() {
    for looks in LOOKS {
        for lab in Killed::labs().await {
            // Yields are cheaper than looks, and the schema is made in the first moments.
            kill_after(lab.spawn(&["account", "create", "ada"]), looks * 50, None).await;
            let store = lab.store().await;
            for account in accounts(&store).await {
                assert!(store.credential(account.id).await.unwrap().is_some(), "half there");
            }
            assert!(done(lab.spawn(&["account", "create", "bob"])), "the next start fails after {looks}");
            assert!(accounts(&store).await.iter().any(|account| account.username.as_str() == "bob"));
            store.close().await;
        }
    }
}

fn session(number: usize, account: AccountId, now: Timestamp) -> Session {
    Session {
        id: SessionId::parse(&format!(
            "{}A",
            char::from(b'a' + u8::try_from(number).unwrap()).to_string().repeat(21)
        ))
        .unwrap(),
        account,
        external: None,
        user_agent: None,
        address: None,
        groups: Vec::new(),
        authentication_methods: Vec::new(),
        authenticated_at: now,
        created_at: now,
        last_seen_at: now,
        expires_at: now.plus(std::time::Duration::from_hours(24)),
        ended_at: None,
    }
}
