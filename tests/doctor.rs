//! `labgate doctor` against broken set-ups: each ends in a finding of its own, which says what to do. The mock plays the
//! providers over real sockets.

use std::sync::Arc;

use labgate::configuration::{Configuration, File, Sources};
use labgate::doctor::{Finding, Outcome, examine};
use labgate::world::SystemClock;
use labgate_domain::ports::Clock;
use labgate_domain::time::Timestamp;
use labgate_mock_idp::{Algorithm, Client, Fault, MockIdp, MockIdpBuilder, Persona};

const CALLBACK: &str = "http://127.0.0.1:9/api/auth/oidc/callback";

/// A provider of this kind, at which the lab is registered as it should be.
fn provider(persona: Persona) -> MockIdpBuilder {
    registered(MockIdp::builder().algorithm(Algorithm::Es256).persona(persona), CALLBACK)
}

fn registered(builder: MockIdpBuilder, callback: &str) -> MockIdpBuilder {
    builder.client(Client::new("lab", "lab-secret").redirect_uri(callback))
}

/// What an operator wrote.
#[derive(Clone)]
struct Written {
    auth_url: String,
    token_url: String,
    client_id: &'static str,
    secret: &'static str,
    more: &'static str,
}

impl Written {
    fn of(idp: &MockIdp) -> Self {
        Self {
            auth_url: idp.authorization_endpoint(),
            token_url: idp.token_endpoint(),
            client_id: "lab",
            secret: "lab-secret",
            more: "",
        }
    }

    /// What the doctor finds wrong at the provider; the lab itself does not run.
    async fn diagnosed_by(&self, clock: Arc<dyn Clock>) -> Vec<(&'static str, String, String)> {
        let Self { auth_url, token_url, client_id, secret, more } = self;
        let text = format!(
            "public_url = \"http://127.0.0.1:9\"\n[[provider]]\nid = \"p\"\nname = \"P\"\nauth_url = \"{auth_url}\"\n\
             token_url = \"{token_url}\"\nclient_id = \"{client_id}\"\nclient_secret = \"{secret}\"\n{more}\n"
        );
        let sources =
            Sources { file: Some(File { name: "lab.toml".to_owned(), text }), environment: Vec::new() };
        let configuration = Configuration::read(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        let findings = examine(&configuration, &clock, |_| {}).await.unwrap();
        findings.into_iter().filter_map(bad).collect()
    }

    async fn diagnosed(&self) -> Vec<(&'static str, String, String)> {
        self.diagnosed_by(Arc::new(SystemClock)).await
    }
}

fn bad(finding: Finding) -> Option<(&'static str, String, String)> {
    match finding.outcome {
        Outcome::Bad { problem, remedy } if finding.subject == "p" => Some((finding.step, problem, remedy)),
        _ => None,
    }
}

/// The one finding, at this step, whose problem or remedy has these words.
#[track_caller]
fn one(findings: Vec<(&'static str, String, String)>, step: &str, words: &str) -> String {
    let [(at, problem, remedy)] = findings.try_into().unwrap_or_else(|other| panic!("{words}: {other:?}"));
    let told = format!("{problem} → {remedy}");
    assert_eq!(at, step, "{told}");
    assert!(told.contains(words), "{words}: {told}");
    assert!(!told.contains("lab-secret"), "{told}");
    told
}

struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0)
    }
}

#[tokio::test]
async fn what_works_has_no_finding() {
    for persona in
        [Persona::Generic, Persona::Dex, Persona::keycloak("lab"), Persona::GitHub, Persona::GitLab]
    {
        let idp = provider(persona.clone()).start().await.unwrap();
        assert_eq!(Written::of(&idp).diagnosed().await, [], "{persona}");
    }
}

#[tokio::test]
async fn ten_broken_set_ups_have_ten_findings() {
    let mut told = std::collections::HashSet::new();

    let idp = provider(Persona::Generic).start().await.unwrap();
    let right = Written::of(&idp);
    let wrong_secret = Written { secret: "the-id-of-it", ..right.clone() };
    told.insert(one(wrong_secret.diagnosed().await, "client", "paste the secret's value and not its id"));

    let elsewhere = Written {
        auth_url: "http://127.0.0.1:9/authorize".to_owned(),
        token_url: "http://127.0.0.1:9/token".to_owned(),
        ..right.clone()
    };
    told.insert(one(elsewhere.diagnosed().await, "metadata", "whether this machine reaches the provider"));

    let clock = Arc::new(At(SystemClock.now().as_unix_seconds() + 3600));
    let late = right.diagnosed_by(clock).await;
    told.insert(one(late, "clock", "ahead of the provider"));

    idp.fault(Fault::Jwks500).always();
    told.insert(one(right.diagnosed().await, "client", "publishes no keys that can be used"));
    idp.clear_faults();
    idp.fault(Fault::DiscoveryIssuerMismatch).always();
    told.insert(one(right.diagnosed().await, "metadata", "issuer"));
    drop(idp);

    let dex = provider(Persona::Dex).start().await.unwrap();
    let right = Written::of(&dex);
    let unknown = Written { client_id: "lob", ..right.clone() };
    told.insert(one(
        unknown.diagnosed().await.into_iter().filter(|(step, ..)| *step != "client").collect(),
        "redirect_uri",
        "staticClients",
    ));
    let scope = Written { more: "scopes = \"email profile nonsense\"", ..right };
    told.insert(one(scope.diagnosed().await, "scopes", "refuses a scope"));

    let other = registered(
        MockIdp::builder().algorithm(Algorithm::Es256).persona(Persona::Dex),
        "http://127.0.0.1:9/other",
    );
    let other = other.start().await.unwrap();
    told.insert(one(
        Written::of(&other).diagnosed().await.into_iter().filter(|(step, ..)| *step != "client").collect(),
        "redirect_uri",
        "redirectURIs",
    ));

    let keycloak = provider(Persona::keycloak("lab")).start().await.unwrap();
    let wrong = Written { secret: "another", ..Written::of(&keycloak) };
    told.insert(one(wrong.diagnosed().await, "client", "did not accept the client id or its secret"));

    let github = provider(Persona::GitHub).start().await.unwrap();
    let wrong = Written { secret: "another", ..Written::of(&github) };
    told.insert(one(wrong.diagnosed().await, "client", "incorrect"));

    assert_eq!(told.len(), 10, "{told:#?}");
}
