//! A lab: two replicas over one database, behind HAProxy as `docs/deploy/haproxy.md` configures it.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use labgate::world::SystemClock;
use labgate_mock_idp::{Client as RelyingParty, MockIdp, User};
use labgate_test_harness::{Browser, Host};
use rcgen::CertifiedKey;
use url::Url;

use super::replica::{Replica, Settings, own_address};
use crate::front::client::Client;
use crate::front::echo::Echo;
use crate::front::proxy::{HAPROXY, Product, Proxy, files_of};

pub(super) const LAB: &str = "https://lab.example.org";
pub(super) const NOTEBOOKS: &str = "https://notebooks.example.org";
const HOSTS: [&str; 3] = ["lab.example.org", "notebooks.example.org", "data.example.org"];
const SERVICES: [&str; 4] = ["127.0.0.1:5000", "127.0.0.1:3000", "127.0.0.1:8888", "127.0.0.1:8000"];
/// Where HAProxy gives the replicas, and the replicas.
const BALANCER: &str = "127.0.0.1:8091";
const REPLICAS: [&str; 2] = ["10.0.0.11:8091", "10.0.0.12:8091"];
/// Where HAProxy says which of them it uses.
const STATISTICS: &str = "127.0.0.1:9";

const WITH_REPLICAS: Product = Product {
    arguments: &["-db", "-f", "haproxy/replicas.cfg", "-f"],
    preamble: "defaults statistics\n  mode http\n  timeout connect 2s\n  timeout client 9s\n  timeout server 9s\n\
               listen statistics from statistics\n  bind 127.0.0.1:9\n  stats enable\n  stats uri /\n",
    ..HAPROXY
};

/// The looks at something that another process does in its own time.
const LOOKS: usize = 1500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub(super) const KEEPER: [&str; 2] = ["keeper", "planted-97-Lantern-orbit"];

pub(super) struct Cluster {
    pub(super) replicas: Vec<Replica>,
    pub(super) settings: Settings,
    pub(super) client: Arc<Client>,
    idp: Arc<MockIdp>,
    /// Whether a browser stops before it brings the code of a hand-over.
    holds_codes: Arc<AtomicBool>,
    statistics: SocketAddr,
    pub(super) proxy: Proxy,
}

impl Cluster {
    /// Starts the lab over this database.
    pub(super) async fn over(database: &str) -> Self {
        let relying_party =
            RelyingParty::new("lab", "lab-secret").redirect_uri(format!("{LAB}/api/auth/oidc/callback"));
        let ada = User::new("ada").email("ada@example.org").name("Ada").groups(["staff"]);
        let idp = MockIdp::builder().client(relying_party).user(ada).start().await.unwrap();
        let settings = settings(&idp, database);
        let mut replicas = Vec::new();
        for _ in REPLICAS {
            replicas.push(Replica::start(&settings, (own_address(), 0).into()).await);
        }

        let (balancer, statistics) = (free(), free());
        let mut addresses = vec![(BALANCER, balancer), (STATISTICS, statistics)];
        addresses.extend(REPLICAS.into_iter().zip(&replicas).map(|(name, replica)| (name, replica.address)));
        for service in SERVICES {
            addresses.push((service, Echo::start().await.address));
        }
        let addresses: Vec<_> =
            addresses.into_iter().map(|(documented, address)| (documented, address.to_string())).collect();
        let names = HOSTS.map(str::to_owned).to_vec();
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        let tls = [("ssl/lab/lab.pem", cert.pem() + &signing_key.serialize_pem())];
        let proxy = Proxy::start(&WITH_REPLICAS, &addresses, &tls).await;
        let client = Arc::new(Client::of(proxy.address, cert.der().clone()));
        let (idp, holds_codes) = (Arc::new(idp), Arc::default());
        Self { replicas, settings, client, idp, holds_codes, statistics, proxy }
    }

    /// A browser that reaches the lab and the provider.
    pub(super) fn browser(&self) -> Browser {
        let (client, holds_codes) = (Arc::clone(&self.client), Arc::clone(&self.holds_codes));
        let front: Host = Arc::new(move |request| {
            let client = Arc::clone(&client);
            let is_held = holds_codes.load(Ordering::Relaxed)
                && request.uri().path() == "/.labgate/enter"
                && request.uri().query().is_some_and(|query| query.contains("code="));
            Box::pin(
                async move { if is_held { Response::new(Bytes::new()) } else { client.send(request).await } },
            )
        });
        let idp = Arc::clone(&self.idp);
        let provider: Host = Arc::new(move |request| {
            let idp = Arc::clone(&idp);
            Box::pin(async move { idp.handle(request).await })
        });
        let mut sites: HashMap<_, _> =
            HOSTS.iter().map(|host| (format!("https://{host}"), Arc::clone(&front))).collect();
        sites.insert(self.idp.base_url().origin().ascii_serialization(), provider);
        Browser::new(Url::parse(LAB).unwrap(), sites, Arc::new(SystemClock))
    }

    /// Has browsers stop before they bring the code of a hand-over, or go on.
    pub(super) fn hold_codes(&self, hold: bool) {
        self.holds_codes.store(hold, Ordering::Relaxed);
    }

    /// Starts a replica where one was, and waits until HAProxy uses it.
    pub(super) async fn start_again(&mut self, number: usize) {
        let address = self.replicas[number].address;
        self.replicas[number] = Replica::start(&self.settings, address).await;
        self.is_used(number).await;
    }

    /// Restarts a replica as an update does.
    pub(super) async fn restart(&mut self, number: usize) {
        let old = self.replicas.remove(number);
        let address = old.address;
        old.stop().await;
        self.replicas.insert(number, Replica::start(&self.settings, address).await);
        self.is_used(number).await;
    }

    /// Waits until HAProxy has found that a replica is ready.
    async fn is_used(&self, number: usize) {
        let url = format!("http://{}/;csv", self.statistics);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let name = ["one", "two"][number];
        let used = eventually(async || {
            let table = client.get(&url).send().await.unwrap().text().await.unwrap();
            let line = table.lines().find(|line| line.starts_with(&format!("replicas,{name},")));
            line.unwrap_or_else(|| panic!("{table}")).split(',').nth(17) == Some("UP")
        });
        assert!(used.await, "{}\n{}", self.proxy.log(), self.replicas[number].log());
    }
}

/// Looks until something is so, and returns whether it ever was.
pub(super) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..LOOKS {
        if is_so().await {
            return true;
        }
        // There is nothing to wait on: it is another process.
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    false
}

/// An address that was free a moment ago, and that nothing else in this system is given.
fn free() -> SocketAddr {
    TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap()
}

/// The lab of `docs/proxies.md`, with the provider and an administrator.
fn settings(idp: &MockIdp, database: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let files = files_of(include_str!("../../docs/proxies.md"));
    let (_, text) = files.first().unwrap();
    std::fs::write(folder.path().join("labgate.toml"), text).unwrap();
    let (auth_url, token_url) = (idp.authorization_endpoint(), idp.token_endpoint());
    let data_dir = folder.path().join("data");
    let environment = [
        ("LABGATE_DATA_DIR", data_dir.to_str().unwrap()),
        ("LABGATE_DATABASE", database),
        ("LABGATE_SHUTDOWN_DELAY", "4s"),
        ("LABGATE_LOG__FORMAT", "json"),
        ("LABGATE_ADMIN__USERNAME", KEEPER[0]),
        ("LABGATE_ADMIN__PASSWORD", KEEPER[1]),
        ("LAB_EXTERNAL_OIDC_AUTH_URL", auth_url.as_str()),
        ("LAB_EXTERNAL_OIDC_TOKEN_URL", token_url.as_str()),
        ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
        ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "lab-secret"),
        ("LAB_EXTERNAL_OIDC_SCOPES", "email profile groups"),
    ];
    let environment = environment.map(|(name, value)| (name, value.to_owned())).to_vec();
    Settings { folder, environment }
}
