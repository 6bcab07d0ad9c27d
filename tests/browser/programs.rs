//! The programs, each scene with its own: Labgate, and the mock provider.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use labgate_mock_idp::Persona;
use tempfile::TempDir;

use super::Browser;
use super::chromium::setting;

const START_LIMIT: Duration = Duration::from_secs(30);

/// The initial password of the administrator `root`.
pub(super) const ADMIN_PASSWORD: &str = "tulip anchor velvet";

/// A lab that runs until this is dropped.
pub(super) struct Lab {
    pub(super) origin: String,
    /// The URL of the provider.
    provider: Option<String>,
    _programs: Vec<Running>,
}

impl Lab {
    /// A lab that hands sign-in over to a mock provider by the four settings, and nothing more of it.
    pub(super) async fn start() -> Self {
        let (lab, idp) = (free_address(), free_address());
        let (origin, provider) = (format!("http://{lab}"), format!("http://{idp}"));
        let mut mock_idp = Command::new(setting("E2E_MOCK_IDP"));
        mock_idp
            .args(["serve", "--listen", &idp])
            .args(["--client", &format!("lab:lab-secret:{origin}/api/auth/oidc/callback")])
            .args(["--post-logout-redirect-uri", &format!("{origin}/signed-out")])
            .args(["--backchannel-logout-uri", &format!("lab:{origin}/api/auth/oidc/backchannel-logout")]);
        let mock_idp =
            Running::start(mock_idp, &format!("{provider}/.well-known/openid-configuration")).await;
        let mut labgate = labgate(&lab);
        labgate
            .env("LAB_EXTERNAL_OIDC_AUTH_URL", format!("{provider}/authorize"))
            .env("LAB_EXTERNAL_OIDC_TOKEN_URL", format!("{provider}/token"))
            .env("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab")
            .env("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "lab-secret");
        let labgate = Running::start(labgate, &format!("{origin}/healthz")).await;
        Self { origin, provider: Some(provider), _programs: vec![labgate, mock_idp] }
    }

    /// A lab with Entra, GitHub, Dex and Keycloak, all of which misbehave in these ways.
    pub(super) async fn with_four_providers(faults: &[&str]) -> Self {
        Self::with_entra_and_three_others("11111111-2222-3333-4444-555555555555", "", faults).await
    }

    /// The same, but everybody's tenant may come in at Entra: one that the lab's people are of, and one that
    /// anybody may have made.
    pub(super) async fn with_an_entra_of_many_tenants() -> Self {
        let tenants = format!("allow_tenants = [\"{}\"]", Persona::HOME_TENANT);
        Self::with_entra_and_three_others("organizations", &tenants, &[]).await
    }

    async fn with_entra_and_three_others(tenant: &str, rules: &str, faults: &[&str]) -> Self {
        let (lab, idp) = (free_address(), free_address());
        let (origin, provider) = (format!("http://{lab}"), format!("http://{idp}"));
        let mut mock_idp = Command::new(setting("E2E_MOCK_IDP"));
        mock_idp
            .args(["serve", "--listen", &idp, "--persona", &format!("entra={tenant}")])
            .args(["--persona", "github", "--persona", "dex", "--persona", "keycloak=lab"])
            .args(["--client", &format!("lab:lab-secret:{origin}/api/auth/oidc/callback")]);
        for user in ["enno", "gil", "dora", "kay"] {
            mock_idp.args(["--user", &format!("{user}:{user}@example.test:{user}")]);
        }
        for fault in faults {
            mock_idp.args(["--fault", fault]);
        }
        let mock_idp =
            Running::start(mock_idp, &format!("{provider}/dex/.well-known/openid-configuration")).await;

        let port = idp.rsplit(':').next().unwrap();
        let entry = |id: &str, name: &str, place: String| {
            format!(
                "[[provider]]\nid = \"{id}\"\nname = \"{name}\"\nclient_id = \"lab\"\n\
                 client_secret = \"lab-secret\"\n\
                 plain_http_origin = \"http://127.0.0.1:{port},http://localhost:{port}\"\n{place}\n"
            )
        };
        let urls = |auth: &str, token: &str| {
            format!("auth_url = \"{provider}{auth}\"\ntoken_url = \"{provider}{token}\"")
        };
        let of_tenant = |name: &str| format!("/{tenant}/oauth2/v2.0/{name}");
        let keycloak = "/realms/lab/protocol/openid-connect";
        let configuration = [
            entry(
                "entra",
                "Entra ID",
                format!("kind = \"entra\"\n{}\n{rules}", urls(&of_tenant("authorize"), &of_tenant("token"))),
            ),
            entry("github", "GitHub", urls("/login/oauth/authorize", "/login/oauth/access_token")),
            entry("dex", "Dex", urls("/dex/auth", "/dex/token")),
            entry("keycloak", "Keycloak", urls(&format!("{keycloak}/auth"), &format!("{keycloak}/token"))),
        ];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labgate.toml");
        fs::write(&file, configuration.concat()).unwrap();
        let mut labgate = labgate(&lab);
        labgate.arg("--config").arg(&file);
        let labgate = Running::start(labgate, &format!("{origin}/healthz")).await;
        Self { origin, provider: Some(provider), _programs: vec![labgate, mock_idp] }
    }

    /// A lab where people have passwords and register themselves.
    pub(super) async fn without_provider() -> Self {
        let lab = free_address();
        let origin = format!("http://{lab}");
        let labgate = Running::start(labgate(&lab), &format!("{origin}/healthz")).await;
        Self { origin, provider: None, _programs: vec![labgate] }
    }

    /// A lab without a provider behind a reverse proxy at this URL. Returns the address that Labgate listens at,
    /// too.
    pub(super) async fn behind(public_url: &str) -> (Self, String) {
        let lab = free_address();
        let mut labgate = labgate(&lab);
        labgate.env("LABGATE_PUBLIC_URL", public_url);
        let labgate = Running::start(labgate, &format!("http://{lab}/healthz")).await;
        (Self { origin: public_url.to_owned(), provider: None, _programs: vec![labgate] }, lab)
    }

    /// An address at the provider.
    pub(super) fn provider(&self, path: &str) -> String {
        self.provider.clone().expect("a lab with a provider") + path
    }

    /// A browser with an empty profile.
    pub(super) async fn browser(&self) -> Browser {
        Browser::open(&self.origin, &[]).await
    }

    /// A browser that says to be this one.
    pub(super) async fn browser_called(&self, user_agent: &str) -> Browser {
        Browser::open(&self.origin, &[format!("--user-agent={user_agent}")]).await
    }
}

fn labgate(address: &str) -> Command {
    let mut command = Command::new(setting("E2E_LABGATE"));
    command
        .arg("serve")
        .env_clear()
        .env("LABGATE_LISTEN", address)
        .env("LABGATE_ADMIN__USERNAME", "root")
        .env("LABGATE_ADMIN__PASSWORD", ADMIN_PASSWORD);
    command
}

/// Somewhere that was free a moment ago: the two have to know of each other before either runs.
fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A program that runs until this is dropped. If the scene fails, its log is printed.
struct Running {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Running {
    /// Starts it in a folder of its own and waits until it answers there.
    async fn start(mut command: Command, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let file = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).current_dir(folder.path());
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let running = Self { child, log, _folder: folder };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let since = Instant::now();
        while client.get(url).send().await.is_err() {
            assert!(since.elapsed() < START_LIMIT, "{url} does not answer");
            // There is nothing to wait on: it is another process, and its port was closed a moment ago.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("---- {}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
