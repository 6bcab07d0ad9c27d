//! The lab through its public URL, with a proxy in front that does what proxies do and should not.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use labgate::configuration::{Configuration, File, Sources};
use labgate::doctor::{Outcome, Step};
use labgate::wiring::Server;
use labgate::world::SystemClock;
use labgate_mock_idp::{MockIdp, Persona};
use tempfile::TempDir;

use super::served::{Asked, Told, served};
use super::{bad, findings};

/// The client's address that the proxy states.
const CLIENT: &str = "198.51.100.7";

/// The changes that a proxy makes.
#[derive(Clone, Copy)]
pub(super) struct Proxy {
    pub(super) on_the_way_in: fn(&mut Asked),
    /// Answers by itself.
    pub(super) instead: fn(&Asked) -> Option<Told>,
    pub(super) on_the_way_out: fn(&mut Told),
    pub(super) keeps_connections: bool,
}

/// As docs/proxies.md has it.
const GOOD: Proxy = Proxy {
    on_the_way_in: |asked| {
        asked.headers.insert("x-forwarded-for".to_owned(), CLIENT.to_owned());
    },
    instead: |_| None,
    on_the_way_out: |_| (),
    keeps_connections: true,
};

pub(super) const TRUSTED: (&str, &str) = ("LABGATE_TRUSTED_PROXIES", "127.0.0.1");
const PROVIDER: [(&str, &str); 4] = [
    ("LAB_EXTERNAL_OIDC_AUTH_URL", "http://127.0.0.1:9/dex/auth"),
    ("LAB_EXTERNAL_OIDC_TOKEN_URL", "http://127.0.0.1:9/dex/token"),
    ("LAB_EXTERNAL_OIDC_CLIENT_ID", "lab"),
    ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "lab-secret"),
];

/// Replicas behind a proxy, and the settings that they and the doctor have.
struct Lab {
    configuration: Configuration,
    folders: Vec<TempDir>,
}

fn configuration(public_url: &str, folder: &TempDir, more: &[(&str, &str)]) -> Configuration {
    with_file(None, public_url, folder, more)
}

/// The same, with the text of a file.
pub(super) fn with_file(
    text: Option<String>,
    public_url: &str,
    folder: &TempDir,
    more: &[(&str, &str)],
) -> Configuration {
    let own = [
        ("LABGATE_LISTEN", "127.0.0.1:0"),
        ("LABGATE_PUBLIC_URL", public_url),
        ("LABGATE_DATA_DIR", folder.path().to_str().unwrap()),
    ];
    let environment = own.iter().chain(more).map(|(name, value)| (OsString::from(name), value.into()));
    let file = text.map(|text| File { name: "lab.toml".to_owned(), text });
    Configuration::read(&Sources { file, environment: environment.collect() }).unwrap()
}

impl Lab {
    async fn new(proxy: Proxy, replicas: usize, more: &[(&str, &str)]) -> Self {
        let upstream: Arc<OnceLock<Vec<SocketAddr>>> = Arc::default();
        let (behind, turn, client) = (Arc::clone(&upstream), AtomicUsize::new(0), proxy.client());
        let front = served(move |asked| {
            let all = behind.get().unwrap();
            let replica = all[turn.fetch_add(1, Ordering::Relaxed) % all.len()];
            Box::pin(passed_on(proxy, client.clone(), asked, replica))
        });
        let public_url = format!("http://{}", front.await);
        let mut folders = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..replicas {
            let folder = tempfile::tempdir().unwrap();
            let server = Server::start(configuration(&public_url, &folder, more)).await.unwrap();
            addresses.push(server.address().unwrap());
            folders.push(folder);
            tokio::spawn(server.run(std::future::pending()));
        }
        upstream.set(addresses).unwrap();
        Self { configuration: configuration(&public_url, &folders[0], more), folders }
    }

    /// The findings about the lab itself.
    async fn examined(&self) -> Vec<(Step, Outcome)> {
        let all = findings(Ok(&self.configuration), Arc::new(SystemClock)).await;
        let of_lab = all.into_iter().filter(|finding| finding.subject == "lab");
        of_lab.map(|finding| (finding.step, finding.outcome)).collect()
    }

    /// Returns the bad findings about the lab itself.
    async fn diagnosed(&self) -> Vec<(Step, String, String)> {
        let all = findings(Ok(&self.configuration), Arc::new(SystemClock)).await;
        all.into_iter().filter(|finding| finding.subject == "lab").filter_map(bad).collect()
    }
}

impl Proxy {
    /// Returns what it asks Labgate with.
    pub(super) fn client(&self) -> reqwest::Client {
        let kept = if self.keeps_connections { 8 } else { 0 };
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        client.pool_max_idle_per_host(kept).build().unwrap()
    }
}

pub(super) async fn passed_on(
    proxy: Proxy,
    client: reqwest::Client,
    mut asked: Asked,
    replica: SocketAddr,
) -> Told {
    (proxy.on_the_way_in)(&mut asked);
    if let Some(told) = (proxy.instead)(&asked) {
        return told;
    }
    let mut request =
        client.request(asked.method.parse().unwrap(), format!("http://{replica}{}", asked.target));
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    let response = request.body(asked.body).send().await.unwrap();
    let kept = |name: &str| ["content-type", "set-cookie", "location", "cache-control"].contains(&name);
    let headers = response.headers().iter().filter(|(name, _)| kept(name.as_str()));
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let status = response.status().as_u16();
    let mut told = Told { status, headers, body: response.text().await.unwrap() };
    (proxy.on_the_way_out)(&mut told);
    told
}

#[tokio::test]
async fn a_lab_behind_a_proxy_that_is_set_up_well_has_nothing_to_mend() {
    let found = Lab::new(GOOD, 1, &[TRUSTED]).await.examined().await;
    let steps: Vec<Step> = found.iter().map(|(step, _)| *step).collect();
    assert_eq!(
        steps,
        [
            Step::Configuration,
            Step::PublicUrl,
            Step::Providers,
            Step::Cookie,
            Step::ForwardedFor,
            Step::KeptConnections,
            Step::IdentityHeaders,
            Step::Services,
            Step::SigningKeys,
            Step::Administrators,
            Step::Replicas
        ]
    );
    for (step, outcome) in found {
        // Nobody can see that from outside.
        let is_unknown = step == Step::Services;
        assert_eq!(matches!(outcome, Outcome::Good(_)), !is_unknown, "{step:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_a_proxy_does_wrong_is_found_each_at_its_step() {
    let lost = |told: &mut Told| told.headers.retain(|(name, _)| name != "set-cookie");
    let widened = |told: &mut Told| {
        for (_, value) in told.headers.iter_mut().filter(|(name, _)| name == "set-cookie") {
            value.push_str("; Domain=example.org");
        }
    };
    let eaten = |asked: &mut Asked| {
        (GOOD.on_the_way_in)(asked);
        asked.headers.remove("cookie");
    };
    let believing = |asked: &mut Asked| {
        asked.headers.entry("x-forwarded-for".to_owned()).or_insert_with(|| CLIENT.to_owned());
    };
    let hidden = |asked: &mut Asked| {
        asked.headers.insert("x-forwarded-for".to_owned(), "_hidden".to_owned());
    };
    let elsewhere = |asked: &Asked| {
        let mut told = Told::new(301, "text/html", "");
        told.headers.push(("location".to_owned(), format!("https://lab.example{}", asked.target)));
        Some(told)
    };
    let anybody = |asked: &Asked| {
        let user = asked.headers.get("remote-user").filter(|_| asked.path() == "/api/auth/me")?;
        Some(Told::new(200, "application/json", format!("{{\"username\":\"{user}\"}}")))
    };
    let mut told = std::collections::HashSet::new();
    for (step, words, proxy, settings) in [
        (Step::Cookie, "hand on Set-Cookie", Proxy { on_the_way_out: lost, ..GOOD }, &[TRUSTED][..]),
        (
            Step::Cookie,
            "let nothing in between rewrite",
            Proxy { on_the_way_out: widened, ..GOOD },
            &[TRUSTED],
        ),
        (Step::Cookie, "the header Cookie", Proxy { on_the_way_in: eaten, ..GOOD }, &[TRUSTED]),
        (Step::ForwardedFor, "add the proxy's address, which is in Labgate's log", GOOD, &[]),
        (Step::ForwardedFor, "is believed", Proxy { on_the_way_in: believing, ..GOOD }, &[TRUSTED]),
        (Step::ForwardedFor, "_hidden", Proxy { on_the_way_in: hidden, ..GOOD }, &[TRUSTED]),
        (
            Step::PublicUrl,
            "answers 301, leads on to https://lab.example/login",
            Proxy { instead: elsewhere, ..GOOD },
            &[],
        ),
        (
            Step::IdentityHeaders,
            "let the proxy drop these headers",
            Proxy { instead: anybody, ..GOOD },
            &[TRUSTED],
        ),
    ] {
        let found = Lab::new(proxy, 1, settings).await.diagnosed().await;
        let [(at, problem, remedy)] = found.try_into().unwrap_or_else(|all| panic!("{words}: {all:?}"));
        let finding = format!("{problem} → {remedy}");
        assert_eq!(at, step, "{finding}");
        assert!(finding.contains(words), "{words}: {finding}");
        assert!(told.insert(finding));
    }
}

#[tokio::test]
async fn where_no_proxy_says_anything_or_only_proxies_ask_it_is_not_known() {
    let silent = Proxy { on_the_way_in: |_| (), ..GOOD };
    for (settings, words) in [(&[][..], "If there is one"), (&[TRUSTED], "a trusted proxy's own")] {
        let found = Lab::new(silent, 1, settings).await.examined().await;
        let (_, outcome) = found.iter().find(|(step, _)| *step == Step::ForwardedFor).unwrap();
        assert!(matches!(outcome, Outcome::Unknown(text) if text.contains(words)), "{words}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_opens_a_connection_for_each_request_is_noticed() {
    let found = Lab::new(Proxy { keeps_connections: false, ..GOOD }, 1, &[TRUSTED]).await.examined().await;
    let (_, outcome) = found.iter().find(|(step, _)| *step == Step::KeptConnections).unwrap();
    assert!(matches!(outcome, Outcome::Unknown(text) if text.contains("of its own")), "{outcome:?}");
}

#[tokio::test]
async fn replicas_that_do_not_share_their_keys_are_found() {
    let found = Lab::new(GOOD, 2, &[TRUSTED]).await.diagnosed().await;
    let [(step, problem, remedy)] = found.try_into().unwrap();
    assert_eq!(step, Step::SigningKeys);
    assert!(
        problem.contains("2 different sets of keys") && remedy.contains("one folder keys"),
        "{problem} → {remedy}"
    );
}

#[tokio::test]
async fn a_secret_key_is_not_published_so_nothing_is_known_of_it() {
    let found = Lab::new(GOOD, 1, &[TRUSTED, ("LABGATE_TOKEN__ALGORITHM", "HS256")]).await.examined().await;
    let (_, outcome) = found.iter().find(|(step, _)| *step == Step::SigningKeys).unwrap();
    assert!(matches!(outcome, Outcome::Unknown(text) if text.contains("shared secret")), "{outcome:?}");
}

#[tokio::test]
async fn a_setting_that_is_not_the_running_servers_is_found_by_name() {
    let mut lab = Lab::new(GOOD, 1, &[TRUSTED]).await;
    let public_url = lab.configuration.policy.public_url.to_string();
    let others = [TRUSTED, ("LABGATE_SESSION__IDLE_LIMIT", "1h"), ("LABGATE_LOG__LEVEL", "debug")];
    lab.configuration = configuration(&public_url, &lab.folders[0], &others);
    let [(step, problem, remedy)] = lab.diagnosed().await.try_into().unwrap();
    assert_eq!(step, Step::Replicas);
    assert_eq!(problem, "these settings are not those of 1 of 1 running replicas: session.idle_limit");
    assert!(remedy.contains("restart"), "{remedy}");
}

#[tokio::test]
async fn a_database_in_which_nothing_runs_is_left_as_it_is() {
    let mut lab = Lab::new(GOOD, 1, &[TRUSTED]).await;
    let folder = tempfile::tempdir().unwrap();
    let public_url = lab.configuration.policy.public_url.to_string();
    lab.configuration = configuration(&public_url, &folder, &[TRUSTED]);
    let found = lab.examined().await;
    let (_, outcome) = found.iter().find(|(step, _)| *step == Step::Replicas).unwrap();
    assert!(matches!(outcome, Outcome::Unknown(text) if text.contains("no running replica")), "{outcome:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the doctor makes no database");
}

#[tokio::test]
async fn a_lab_that_runs_with_other_settings_is_found() {
    let mut lab = Lab::new(GOOD, 1, &[TRUSTED]).await;
    let folder = tempfile::tempdir().unwrap();
    let public_url = lab.configuration.policy.public_url.to_string();
    let settings: Vec<_> = PROVIDER.into_iter().chain([TRUSTED]).collect();
    lab.configuration = configuration(&public_url, &folder, &settings);
    let [(step, problem, _)] = lab.diagnosed().await.try_into().unwrap();
    assert_eq!(step, Step::Providers);
    assert!(problem.contains("has []") && problem.contains("have [external]"), "{problem}");
}

#[tokio::test]
async fn a_lab_that_was_not_restarted_with_another_client_is_found() {
    let idp = MockIdp::builder().persona(Persona::Dex).start().await.unwrap();
    let (auth_url, token_url) = (idp.authorization_endpoint(), idp.token_endpoint());
    let with_client = |client| {
        [
            ("LAB_EXTERNAL_OIDC_AUTH_URL", auth_url.as_str()),
            ("LAB_EXTERNAL_OIDC_TOKEN_URL", token_url.as_str()),
            ("LAB_EXTERNAL_OIDC_CLIENT_ID", client),
            ("LAB_EXTERNAL_OIDC_CLIENT_SECRET", "lab-secret"),
            TRUSTED,
        ]
    };
    let mut lab = Lab::new(GOOD, 1, &with_client("lab")).await;
    assert_eq!(lab.diagnosed().await, []);
    let folder = tempfile::tempdir().unwrap();
    let public_url = lab.configuration.policy.public_url.to_string();
    lab.configuration = configuration(&public_url, &folder, &with_client("another"));
    let [(step, problem, _)] = lab.diagnosed().await.try_into().unwrap();
    assert_eq!(step, Step::Providers);
    assert!(problem.contains("is lab at external") && problem.contains("have another"), "{problem}");
}
