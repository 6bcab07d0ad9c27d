//! The guides of `docs/providers`, followed word for word: the binary gets the settings of the page, and of
//! others only its own address and its outgoing proxy. The mock plays the providers under their real names,
//! in a network of the test.

mod network;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use labgate_mock_idp::{Client, MockIdp, MockIssuer, Persona, User};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use self::network::Network;

const CALLBACK: &str = "https://lab.example.org/api/auth/oidc/callback";
/// The user who signs in everywhere.
const ADDRESS: &str = "ada@example.org";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// What many pages leave to be filled in.
const CLIENT_ID: (&str, &str) = ("<client id>", "lab");
const CLIENT_SECRET: (&str, &str) = ("<client secret>", "a-secret");

/// A page, and who plays the provider that it is about.
struct Guide {
    page: &'static str,
    /// The placeholders in angle brackets, and the values of an operator.
    blanks: &'static [(&'static str, &'static str)],
    persona: fn() -> Persona,
    /// The provider's hosts: of its pages, and the other one.
    hosts: [&'static str; 2],
    /// Those of the person who signs in.
    groups: &'static [&'static str],
}

const ENTRA: Guide = Guide {
    page: include_str!("../docs/providers/azure-ad.md"),
    blanks: &[
        ("<tenant id>", TENANT),
        ("<application id>", "22222222-3333-4444-5555-666666666666"),
        ("<value of the secret>", "a~value"),
    ],
    persona: || Persona::entra(TENANT),
    hosts: ["login.microsoftonline.com", "graph.microsoft.com"],
    groups: &[],
};

const DEX: Guide = Guide {
    page: include_str!("../docs/providers/dex.md"),
    blanks: &[("<the same text>", "a long random text")],
    persona: || Persona::Dex,
    hosts: ["dex.example.org", "unused.example.org"],
    groups: &[],
};

const GITHUB: Guide = Guide {
    page: include_str!("../docs/providers/github.md"),
    blanks: &[("<client id>", "Iv1.0123456789abcdef"), ("<client secret>", "a-secret")],
    persona: || Persona::GitHub,
    hosts: ["github.com", "api.github.com"],
    groups: &["your-organization"],
};

const KEYCLOAK: Guide = Guide {
    page: include_str!("../docs/providers/keycloak.md"),
    blanks: &[("<realm>", "lab"), ("<client id>", "lab"), ("<secret>", "a-secret")],
    persona: || Persona::keycloak("lab"),
    hosts: ["sso.example.org", "unused.example.org"],
    groups: &[],
};

const GOOGLE: Guide = Guide {
    page: include_str!("../docs/providers/google.md"),
    blanks: &[("<id>", "0123"), ("<secret>", "a-secret")],
    persona: || Persona::Google,
    hosts: ["accounts.google.com", "oauth2.googleapis.com"],
    groups: &[],
};

const GITLAB: Guide = Guide {
    page: include_str!("../docs/providers/gitlab.md"),
    blanks: &[("<application id>", "lab"), ("<secret>", "a-secret")],
    persona: || Persona::GitLab,
    hosts: ["gitlab.com", "unused.example.org"],
    groups: &[],
};

const OKTA: Guide = Guide {
    page: include_str!("../docs/providers/okta.md"),
    blanks: &[("<org>", "example"), CLIENT_ID, CLIENT_SECRET],
    persona: || Persona::Okta { server: Some("default".to_owned()) },
    hosts: ["example.okta.com", "unused.example.org"],
    groups: &[],
};

const AUTH0: Guide = Guide {
    page: include_str!("../docs/providers/auth0.md"),
    blanks: &[("<tenant>", "example"), ("<region>", "eu"), CLIENT_ID, CLIENT_SECRET],
    persona: || Persona::Auth0,
    hosts: ["example.eu.auth0.com", "unused.example.org"],
    groups: &[],
};

const COGNITO: Guide = Guide {
    page: include_str!("../docs/providers/cognito.md"),
    blanks: &[("<region>", "eu-west-1"), ("<pool id>", "eu-west-1_AbCdEf123"), CLIENT_ID, CLIENT_SECRET],
    persona: || Persona::Cognito { pool: "eu-west-1_AbCdEf123".to_owned() },
    hosts: ["example.auth.eu-west-1.amazoncognito.com", "cognito-idp.eu-west-1.amazonaws.com"],
    groups: &[],
};

const ZITADEL: Guide = Guide {
    page: include_str!("../docs/providers/zitadel.md"),
    blanks: &[("<instance>", "example-x1y2z3.eu1.zitadel.cloud"), CLIENT_ID, CLIENT_SECRET],
    persona: || Persona::Zitadel,
    hosts: ["example-x1y2z3.eu1.zitadel.cloud", "unused.example.org"],
    groups: &[],
};

const AUTHENTIK: Guide = Guide {
    page: include_str!("../docs/providers/authentik.md"),
    blanks: &[("<slug>", "lab"), CLIENT_ID, CLIENT_SECRET],
    persona: || Persona::Authentik { slug: "lab".to_owned() },
    hosts: ["auth.example.org", "unused.example.org"],
    groups: &[],
};

const KANIDM: Guide = Guide {
    page: include_str!("../docs/providers/kanidm.md"),
    blanks: &[("<secret>", "a-secret")],
    persona: || Persona::Kanidm { client: "lab".to_owned() },
    hosts: ["idm.example.org", "unused.example.org"],
    groups: &[],
};

const AUTHELIA: Guide = Guide {
    page: include_str!("../docs/providers/authelia.md"),
    blanks: &[("<the secret, not its digest>", "a-secret")],
    persona: || Persona::Authelia,
    hosts: ["auth.example.org", "unused.example.org"],
    groups: &[],
};

const POCKET_ID: Guide = Guide {
    page: include_str!("../docs/providers/pocket-id.md"),
    blanks: &[CLIENT_ID, CLIENT_SECRET],
    persona: || Persona::PocketId,
    hosts: ["id.example.org", "unused.example.org"],
    groups: &[],
};

const HYDRA: Guide = Guide {
    page: include_str!("../docs/providers/hydra.md"),
    blanks: &[CLIENT_ID, CLIENT_SECRET],
    persona: || Persona::Hydra,
    hosts: ["hydra.example.org", "unused.example.org"],
    groups: &[],
};

const SPRING: Guide = Guide {
    page: include_str!("../docs/providers/spring.md"),
    blanks: &[("<the same text>", "a long random text")],
    persona: || Persona::Spring,
    hosts: ["auth.example.org", "unused.example.org"],
    groups: &[],
};

impl Guide {
    /// The settings, as an operator copies and fills them.
    fn settings(&self) -> Vec<(String, String)> {
        let (_, from) = self.page.split_once("```sh\n").unwrap();
        let (block, _) = from.split_once("```").unwrap();
        let filled = self.blanks.iter().fold(block.to_owned(), |text, (blank, value)| {
            assert!(text.contains(blank), "{blank} does not stand in {block}");
            text.replace(blank, value)
        });
        assert!(!filled.contains('<'), "not everything is filled in: {filled}");
        let settings = filled.lines().map(|line| line.split_once('=').unwrap());
        settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The provider, with what the page says to register there, or another secret.
    async fn provider(&self, settings: &[(String, String)], secret: Option<&str>) -> MockIdp {
        assert!(self.page.contains(CALLBACK), "the page does not name the callback");
        let set = |name: &str| {
            let name = format!("LAB_EXTERNAL_OIDC_{name}");
            &settings.iter().find(|(it, _)| *it == name).unwrap().1
        };
        let client =
            Client::new(set("CLIENT_ID"), secret.unwrap_or(set("CLIENT_SECRET"))).redirect_uri(CALLBACK);
        let ada = User::new("ada").name("Ada").email(ADDRESS).groups(self.groups.iter().copied());
        let [first, second] = self.hosts.map(|host| format!("https://{host}"));
        let described = MockIdp::builder().base_url(&first).unwrap().second_origin(&second).unwrap();
        described.persona((self.persona)()).client(client).user(ada).start().await.unwrap()
    }
}

/// The program with such settings, in such a network.
struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
    origin: String,
    _folder: TempDir,
}

impl Program {
    fn start(settings: &[(String, String)], network: &Network) -> Self {
        let program = std::env::var_os("LABGATE_TEST_PROGRAM");
        let program =
            program.expect("LABGATE_TEST_PROGRAM is not set: name the program, or run `cargo xtask test`");
        let folder = tempfile::tempdir().unwrap();
        let authorities = folder.path().join("authorities.pem");
        std::fs::write(&authorities, network.authority()).unwrap();
        let mut child = Command::new(program)
            .arg("serve")
            .env_clear()
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .env("LABGATE_LISTEN", "127.0.0.1:0")
            .env("LABGATE_PUBLIC_URL", "https://lab.example.org")
            .env("LABGATE_LOG__FORMAT", "json")
            .env("HTTPS_PROXY", network.proxy())
            .env("SSL_CERT_FILE", authorities)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut program = Self { child, log, origin: String::new(), _folder: folder };
        let listening = program.logs(|line| line["message"] == "labgate is listening");
        program.origin = format!("http://{}", listening["address"].as_str().unwrap());
        program
    }

    /// The next line of the log that is such a one.
    fn logs(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the program ended: {before}");
            let read: Value = serde_json::from_str(&line).unwrap();
            if is_it(&read) {
                return read;
            }
            before.push_str(&line);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A browser at the lab, which the network outside does not reach.
struct Browser {
    client: reqwest::Client,
    origin: String,
    cookies: Vec<String>,
}

struct Page {
    status: u16,
    location: Option<String>,
    body: String,
}

impl Browser {
    fn at(program: &Program) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { client: client.build().unwrap(), origin: program.origin.clone(), cookies: Vec::new() }
    }

    async fn get(&mut self, target: &str) -> Page {
        let request = self.client.get(format!("{}{target}", self.origin)).header("accept", "text/html");
        let response = request.header(COOKIE, self.cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            self.cookies.push(cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        let location = response.headers().get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
        Page { status: response.status().as_u16(), location, body: response.text().await.unwrap() }
    }

    /// To the provider, as Ada, and back.
    async fn sign_in(&mut self, idp: &MockIssuer) -> Page {
        let to_provider = self.get("/api/auth/oidc/login").await;
        let location = to_provider.location.unwrap_or_else(|| panic!("{}", to_provider.body));
        let back = idp.sign_in(&Url::parse(&location).unwrap(), "ada").unwrap();
        self.get(back.strip_prefix("https://lab.example.org").unwrap()).await
    }
}

/// Follows the guide up to a completed sign-in.
async fn followed(guide: &Guide) {
    let settings = guide.settings();
    let idp = guide.provider(&settings, None).await;
    let network = Network::of(guide.hosts, idp.address().unwrap()).await;
    let program = Program::start(&settings, &network);
    let mut browser = Browser::at(&program);
    let back = browser.sign_in(&idp.issuers()[0]).await;
    assert_eq!(
        (back.status, back.location.as_deref()),
        (303, Some("/")),
        "{}: {}",
        guide.hosts[0],
        back.body
    );
    let me = browser.get("/api/auth/me").await;
    let me: Value = serde_json::from_str(&me.body).unwrap();
    assert_eq!(me["username"], ADDRESS, "{}", guide.hosts[0]);
}

#[tokio::test]
async fn the_guide_to_azure_ad_ends_in_a_session() {
    followed(&ENTRA).await;
}

#[tokio::test]
async fn the_guide_to_dex_ends_in_a_session() {
    // What its configuration has, and what the settings say of it.
    assert!(
        DEX.page.contains("- id: lab\n") && DEX.page.contains(&format!("redirectURIs: [\"{CALLBACK}\"]"))
    );
    followed(&DEX).await;
}

const OTHERS: [Guide; 14] = [
    GITHUB, KEYCLOAK, GOOGLE, GITLAB, OKTA, AUTH0, COGNITO, ZITADEL, AUTHENTIK, KANIDM, AUTHELIA, POCKET_ID,
    HYDRA, SPRING,
];

#[tokio::test]
async fn each_other_guide_ends_in_a_session() {
    for guide in OTHERS {
        followed(&guide).await;
    }
}

#[test]
fn every_guide_is_followed_and_says_where_sign_out_comes_back() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers");
    let pages = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.file_name().is_some_and(|name| name != "README.md"));
    for path in pages {
        let page = std::fs::read_to_string(&path).unwrap();
        let is_followed = [ENTRA, DEX].iter().chain(&OTHERS).any(|guide| guide.page == page);
        assert!(is_followed, "{}", path.display());
        let speaks_of_sign_out =
            ["/signed-out", "after sign-out"].iter().any(|words| page.to_lowercase().contains(words));
        assert!(speaks_of_sign_out, "{}", path.display());
    }
}

#[tokio::test]
async fn a_wrong_secret_is_explained_on_the_page_and_in_the_log() {
    for (guide, told) in [
        (ENTRA, "copy the column Value, not Secret ID"),
        (DEX, "compare both with the provider's"),
        (GITHUB, "make a new secret in the OAuth app"),
        (KEYCLOAK, "compare it with the tab Credentials"),
        (GITLAB, "marked as Confidential"),
        (AUTH0, "set the method to Post under Credentials"),
    ] {
        let settings = guide.settings();
        let idp = guide.provider(&settings, Some("another secret")).await;
        let network = Network::of(guide.hosts, idp.address().unwrap()).await;
        let mut program = Program::start(&settings, &network);
        let page = Browser::at(&program).sign_in(&idp.issuers()[0]).await;
        assert_eq!(page.status, 502, "{told}: {}", page.body);
        let text = page.body.replace("&#39;", "'").replace("&#38;", "&");
        assert!(text.contains(told), "{told}: {text}");
        let logged = program.logs(|line| line["event"] == "refused");
        let reference = logged["reference"].as_str().unwrap();
        assert!(text.contains(reference), "{reference} is not on the page: {text}");
        let explanation = logged["explanation"].as_str().unwrap_or_else(|| panic!("{logged}"));
        assert!(text.contains(explanation), "{explanation}: {text}");
        assert!(!logged.to_string().contains("another secret"));
    }
}
