//! A lab: Labgate, a provider and services, behind one reverse proxy.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use labgate::configuration::{Configuration, File, Sources};
use labgate::wiring::Server;
use labgate::world::{OsEntropy, SystemClock};
use labgate_domain::access_token::{AccessToken, AccessTokenId, AccessTokenText, TokenScope};
use labgate_domain::people::{DisplayName, Username};
use labgate_domain::ports::{AccessTokenCreation, AccessTokenStore, AccountStore as _, SessionStore};
use labgate_domain::world::Clock as _;
use labgate_mock_idp::{Client as RelyingParty, MockIdp, User};
use labgate_store::{Location, Store};
use labgate_test_harness::{Browser, Host};
use rcgen::CertifiedKey;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::client::Client;
use super::echo::Echo;
use super::proxy::{Product, Proxy, files_of};

pub(super) const LAB: &str = "https://lab.example.org";
const HOSTS: [&str; 3] = ["lab.example.org", "notebooks.example.org", "data.example.org"];
/// The services with their addresses in the documents.
const SERVICES: [(&str, &str); 4] = [
    ("mlflow", "127.0.0.1:5000"),
    ("grafana", "127.0.0.1:3000"),
    ("notebooks", "127.0.0.1:8888"),
    ("data", "127.0.0.1:8000"),
];
const LABGATE: &str = "127.0.0.1:8091";

/// Somebody of the group `staff`, and somebody who is not.
#[derive(Clone, Copy)]
pub(super) enum Person {
    Ada,
    Bob,
}

impl Person {
    fn button(self) -> &'static str {
        match self {
            Self::Ada => "Sign in as Ada Löwe",
            Self::Bob => "Sign in as Bob",
        }
    }
}

pub(super) struct Lab {
    pub(super) client: Client,
    pub(super) services: HashMap<&'static str, Echo>,
    /// The connections that Labgate has had.
    connections: Arc<AtomicUsize>,
    idp: Arc<MockIdp>,
    product: &'static str,
    proxy: Proxy,
    data: TempDir,
}

impl Lab {
    pub(super) async fn behind(product: &Product) -> Self {
        let relying_party = RelyingParty::new("lab", "lab-secret")
            .redirect_uri(format!("{LAB}/api/auth/oidc/callback"))
            .post_logout_redirect_uri(format!("{LAB}/signed-out"));
        let ada = User::new("ada").email("ada@example.org").name("Ada Löwe").groups(["staff", "others"]);
        let bob = User::new("bob").email("bob@example.org").name("Bob").groups(["others"]);
        let idp = MockIdp::builder().client(relying_party).user(ada).user(bob).start().await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let labgate = Server::start(configuration(&idp, &data)).await.unwrap();
        let connections = Arc::default();
        let address = labgate.address().unwrap();
        let labgate_address = counted(address, Arc::clone(&connections)).await;
        tokio::spawn(labgate.run(std::future::pending()));
        let jwks = reqwest::get(format!("http://{address}/.well-known/jwks.json")).await.unwrap();
        let jwks = jwks.text().await.unwrap();

        let mut services = HashMap::new();
        let mut addresses = vec![(LABGATE, labgate_address.to_string())];
        for (name, documented) in SERVICES {
            let echo = Echo::start().await;
            addresses.push((documented, echo.address.to_string()));
            services.insert(name, echo);
        }
        let names = HOSTS.map(str::to_owned).to_vec();
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        let key = signing_key.serialize_pem();
        let files = [
            ("ssl/lab/lab.pem", cert.pem() + &key),
            ("ssl/lab/lab.key", key),
            ("haproxy/labgate.pem", verifying_key(&jwks)),
            ("nginx/labgate/jwks.json", jwks),
            ("nginx/labgate/secret.json", format!("\"{}\"", "0123456789abcdef".repeat(4))),
        ];
        let proxy = Proxy::start(product, &addresses, &files).await;
        let client = Client::of(proxy.address, cert.der().clone());
        Self { client, services, connections, idp: Arc::new(idp), product: product.name, proxy, data }
    }

    /// A browser that reaches the lab and the provider.
    pub(super) fn browser(self: &Arc<Self>) -> Browser {
        let lab = Arc::clone(self);
        let front: Host = Arc::new(move |request| {
            let lab = Arc::clone(&lab);
            Box::pin(async move { lab.client.send(request).await })
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

    /// A browser that opens this address and signs in on the way.
    pub(super) async fn signed_in(self: &Arc<Self>, person: Person, url: &str) -> Browser {
        let mut browser = self.browser();
        browser.open(url).await;
        browser.click("Continue with your organisation").await;
        browser.click(person.button()).await;
        browser
    }

    /// Gives a person who has signed in before an access token for these services.
    pub(super) async fn access_token(&self, name: &str, scope: &str) -> String {
        let store = Store::open(&Location::Sqlite(self.data.path().join("labgate.db"))).await.unwrap();
        let account = store.find_by_name(&Username::typed(name).unwrap()).await.unwrap().unwrap();
        let (text, now) = (AccessTokenText::fresh(&OsEntropy), SystemClock.now());
        let token = AccessToken {
            id: AccessTokenId::fresh(&OsEntropy),
            account: account.id,
            name: DisplayName::new("CI").unwrap(),
            scope: TokenScope::parse(scope).unwrap(),
            identity: None,
            groups: Vec::new(),
            is_admitted: true,
            told_at: now,
            made_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
            last_used_at: None,
        };
        let sessions = SessionStore::list_of(&store, account.id, now).await.unwrap();
        let (hash, session) = (text.hash(), sessions[0].id);
        let made = AccessTokenStore::create(&store, &token, &hash, session, AccessToken::MOST).await;
        assert_eq!(made, Ok(AccessTokenCreation::Created));
        text.expose().to_owned()
    }

    /// Returns the number of connections that Labgate has had.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Returns the name of the proxy.
    pub(super) fn product(&self) -> &'static str {
        self.product
    }

    /// Returns the private key that signs the lab's tokens.
    pub(super) fn signing_key(&self) -> Vec<u8> {
        let mut keys = fs::read_dir(self.data.path().join("keys")).unwrap().map(|file| file.unwrap().path());
        let key = keys.find(|file| file.file_name().unwrap().to_str().unwrap().starts_with("session-"));
        fs::read(key.unwrap()).unwrap()
    }

    /// Returns what the proxy says.
    pub(super) fn log(&self) -> String {
        self.proxy.log()
    }
}

/// The lab of `docs/proxies.md`, with the provider.
fn configuration(idp: &MockIdp, data: &TempDir) -> Configuration {
    let files = files_of(include_str!("../../docs/proxies.md"));
    let (name, text) = files.first().unwrap();
    let (auth_url, token_url) = (idp.authorization_endpoint(), idp.token_endpoint());
    let environment = [
        ("LABGATE_LISTEN", "127.0.0.1:0"),
        ("LABGATE_DATA_DIR", data.path().to_str().unwrap()),
        ("LAB_EXTERNAL_OIDC_AUTH_URL", auth_url.as_str()),
        ("LAB_EXTERNAL_OIDC_TOKEN_URL", token_url.as_str()),
        ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
        ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "lab-secret"),
        ("LAB_EXTERNAL_OIDC_SCOPES", "email profile groups"),
    ];
    let environment = environment.map(|(name, value)| (OsString::from(name), value.into())).to_vec();
    let file = Some(File { name: (*name).to_owned(), text: (*text).to_owned() });
    Configuration::read(&Sources { file, environment }).unwrap()
}

/// Returns the key that verifies the lab's tokens, as OpenSSL writes it (RFC 5480 section 2).
fn verifying_key(jwks: &str) -> String {
    let jwks: serde_json::Value = serde_json::from_str(jwks).unwrap();
    let number = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(jwks["keys"][0][name].as_str().unwrap()).unwrap();
    let point_of_p256 = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ];
    let text = BASE64_STANDARD.encode([&point_of_p256[..], &number("x"), &number("y")].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &text[..64], &text[64..])
}

/// A way to a server that counts connections.
async fn counted(server: SocketAddr, connections: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await?;
                copy_bidirectional(&mut stream, &mut server).await
            });
        }
    });
    address
}
