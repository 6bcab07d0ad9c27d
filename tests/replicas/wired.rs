//! The program's own wiring, twice, on one PostgreSQL and one folder of keys.

use std::ffi::OsString;
use std::net::SocketAddr;

use labgate::configuration::{Configuration, Sources};
use labgate::wiring::{Server, with_sign_in};
use labgate_domain::people::{Password, Role};
use labgate_domain::return_to::ReturnTo;
use labgate_domain::sign_in::{Administrator, PasswordSignIn, Registration, Visitor};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::store::postgres::{Database, fresh};

const PASSWORD: &str = "planted-97-Lantern-orbit";
const ADMIN: [(&str, &str); 2] =
    [("LABGATE_ADMIN__USERNAME", "keeper"), ("LABGATE_ADMIN__PASSWORD", PASSWORD)];

/// The folder and the database that all replicas of a lab share.
struct Shared {
    data_dir: TempDir,
    database: Database,
}

impl Shared {
    async fn new() -> Self {
        Self { data_dir: tempfile::tempdir().unwrap(), database: fresh().await }
    }

    fn configuration(&self, more: &[(&str, &str)]) -> Configuration {
        let own = [
            ("LABGATE_LISTEN", "127.0.0.1:0"),
            ("LABGATE_PUBLIC_URL", "http://127.0.0.1:8091"),
            ("LABGATE_DATA_DIR", self.data_dir.path().to_str().unwrap()),
            ("LABGATE_DATABASE", self.database.url().expose_secret()),
        ];
        let environment = own.iter().chain(more).map(|(name, value)| (OsString::from(name), value.into()));
        Configuration::read(&Sources { file: None, environment: environment.collect() }).unwrap()
    }

    /// Starts so many servers at once.
    async fn servers(&self, count: usize, more: &[(&str, &str)]) -> Vec<Server> {
        let mut starting = JoinSet::new();
        for _ in 0..count {
            starting.spawn(Server::start(self.configuration(more)));
        }
        starting.join_all().await.into_iter().map(Result::unwrap).collect()
    }
}

async fn status(address: SocketAddr, token: &str) -> u16 {
    let request = reqwest::Client::new().get(format!("http://{address}/api/auth/verify"));
    request.header("cookie", format!("labgate={token}")).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_simultaneous_starts_one_creates_the_administrator() {
    let shared = Shared::new().await;
    let servers = shared.servers(6, &ADMIN).await;
    assert!(servers.iter().all(|server| server.setup_link().is_none()));
    let configuration = shared.configuration(&[]);
    let page = with_sign_in(&configuration, async |sign_in| {
        sign_in.administration().list(&Administrator::local_operator(), None, None, 10).await.unwrap()
    });
    let accounts = page.await.unwrap().accounts;
    let accounts: Vec<_> = accounts.iter().map(|it| (it.username.as_str(), it.role)).collect();
    assert_eq!(accounts, [("keeper", Role::Admin)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_without_an_administrator_create_no_setup_link() {
    let shared = Shared::new().await;
    let left_over = shared.data_dir.path().join("setup-link");
    std::fs::write(&left_over, "of a start on SQLite").unwrap();
    let servers = shared.servers(6, &[]).await;
    assert!(servers.iter().all(|server| server.setup_link().is_none()));
    assert!(!left_over.exists());
}

#[tokio::test]
async fn c150_a_session_opens_every_server_until_it_is_ended_from_anywhere() {
    let shared = Shared::new().await;
    let (mut addresses, mut stops, mut running) = (Vec::new(), Vec::new(), JoinSet::new());
    for server in shared.servers(3, &[]).await {
        addresses.push(server.address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        stops.push(stop);
        running.spawn(server.run(async { stopped.await.unwrap_or_default() }));
    }
    let [one, two, three] = addresses[..] else { panic!("three servers") };

    let configuration = shared.configuration(&[]);
    let token = with_sign_in(&configuration, async |sign_in| {
        let ada = Registration {
            username: "ada".to_owned(),
            name: None,
            password: Some(Password::typed(PASSWORD).unwrap()),
        };
        sign_in.registration().register(ada, &Visitor::default()).await.unwrap().token
    });
    let token = token.await.unwrap();
    assert_eq!((status(one, token.expose()).await, status(two, token.expose()).await), (200, 200));

    with_sign_in(&configuration, async |sign_in| {
        let by = Administrator::local_operator();
        let ada = sign_in.administration().named(&by, "ada").await.unwrap();
        sign_in.administration().sign_out(&by, ada.id).await.unwrap();
    })
    .await
    .unwrap();
    // The third has not remembered the session, so it need not wait for the next second.
    assert_eq!(status(three, token.expose()).await, 401);
    stops.clear();
    running.join_all().await;
}

#[tokio::test]
async fn c177_the_wiring_counts_failed_logins_in_the_database() {
    let shared = Shared::new().await;
    let mut refusals = Vec::new();
    for _ in 0..60 {
        let configuration = shared.configuration(&[]);
        // Each a process of its own, so to say: what it counts in its memory is gone.
        let refusal = with_sign_in(&configuration, async |sign_in| {
            let attempt = PasswordSignIn {
                name: "nobody".to_owned(),
                password: Some(Password::typed("a wrong password").unwrap()),
                return_to: ReturnTo::main_page(),
            };
            sign_in.passwords().sign_in(attempt, &Visitor::default()).await.unwrap_err()
        });
        let code = refusal.await.unwrap().error.code();
        if !refusals.contains(&code.as_str()) {
            refusals.push(code.as_str());
        }
        if refusals.len() == 2 {
            break;
        }
    }
    assert_eq!(refusals, ["credentials_wrong", "too_many_tries"]);
}
