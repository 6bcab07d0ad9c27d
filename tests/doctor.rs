//! `labgate doctor` against broken set-ups: each ends in a finding of its own, which says what to do. The
//! mock plays the providers over real sockets.

mod lab;
mod served;
mod services;
mod stand_in;

use std::sync::Arc;

use labgate::configuration::{Configuration, File, Problems, Sources};
use labgate::doctor::{Finding, Outcome, Step, examine};
use labgate::world::SystemClock;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock;
use labgate_mock_idp::{Algorithm, Client, Fault, MockIdp, MockIdpBuilder, Persona};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use self::served::{Told, served};

const CALLBACK: &str = "http://127.0.0.1:9/api/auth/oidc/callback";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// Everything that the doctor finds.
async fn findings(configuration: Result<&Configuration, &Problems>, clock: Arc<dyn Clock>) -> Vec<Finding> {
    let mut findings = Vec::new();
    examine(configuration, &clock, None, |finding| findings.push(finding)).await.unwrap();
    findings
}

/// A provider of this kind, at which the lab is registered as it should be.
fn provider(persona: Persona) -> MockIdpBuilder {
    registered(MockIdp::builder().algorithm(Algorithm::Es256).persona(persona), CALLBACK)
}

fn authentik() -> Persona {
    Persona::Authentik { slug: "lab".to_owned() }
}

fn registered(builder: MockIdpBuilder, callback: &str) -> MockIdpBuilder {
    let client = Client::new("lab", "lab-secret").redirect_uri(callback);
    builder.client(client.post_logout_redirect_uri("http://127.0.0.1:9/signed-out"))
}

/// The settings of an operator.
#[derive(Clone)]
struct Written {
    auth_url: String,
    token_url: String,
    client_id: &'static str,
    secret: &'static str,
    more: String,
}

impl Written {
    fn of(idp: &MockIdp) -> Self {
        Self {
            auth_url: idp.authorization_endpoint(),
            token_url: idp.token_endpoint(),
            client_id: "lab",
            secret: "lab-secret",
            more: String::new(),
        }
    }

    /// Returns the doctor's findings about the provider; the lab itself does not run.
    async fn examined_by(&self, clock: Arc<dyn Clock>) -> Vec<Finding> {
        let Self { auth_url, token_url, client_id, secret, more } = self;
        let text = format!(
            "public_url = \"http://127.0.0.1:9\"\n[[provider]]\nid = \"p\"\nname = \"P\"\nauth_url = \"{auth_url}\"\n\
             token_url = \"{token_url}\"\nclient_id = \"{client_id}\"\nclient_secret = \"{secret}\"\n{more}\n"
        );
        let sources =
            Sources { file: Some(File { name: "lab.toml".to_owned(), text }), environment: Vec::new() };
        let configuration = Configuration::read(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        let findings = findings(Ok(&configuration), clock).await;
        findings.into_iter().filter(|finding| finding.subject == "p").collect()
    }

    /// Returns the bad findings.
    async fn diagnosed_by(&self, clock: Arc<dyn Clock>) -> Vec<(Step, String, String)> {
        self.examined_by(clock).await.into_iter().filter_map(bad).collect()
    }

    async fn diagnosed(&self) -> Vec<(Step, String, String)> {
        self.diagnosed_by(Arc::new(SystemClock)).await
    }
}

fn bad(finding: Finding) -> Option<(Step, String, String)> {
    match finding.outcome {
        Outcome::Bad { problem, remedy } => Some((finding.step, problem, remedy)),
        _ => None,
    }
}

/// Returns the one finding at this step with these words in its problem or remedy.
#[track_caller]
fn one(findings: Vec<(Step, String, String)>, step: Step, words: &str) -> String {
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
    for (persona, kind) in [
        (Persona::Generic, ""),
        (Persona::Dex, ""),
        (Persona::keycloak("lab"), ""),
        (Persona::GitHub, ""),
        (Persona::GitLab, ""),
        (Persona::Zitadel, "kind = \"zitadel\""),
        (Persona::Authelia, ""),
        (Persona::PocketId, ""),
        (Persona::Hydra, ""),
        (Persona::Spring, "kind = \"spring\""),
        (Persona::Kanidm { client: "lab".to_owned() }, "ISSUER"),
        (authentik(), "ISSUER"),
    ] {
        let idp = provider(persona.clone()).start().await.unwrap();
        let kind = kind.replace("ISSUER", &format!("issuer = \"{}\"", idp.issuer()));
        for more in ["", "recheck = \"15m\""] {
            let written = Written { more: format!("{kind}\n{more}"), ..Written::of(&idp) };
            assert_eq!(written.diagnosed().await, [], "{persona} {more}");
        }
    }
}

#[tokio::test]
async fn ten_broken_set_ups_have_ten_findings() {
    let mut told = std::collections::HashSet::new();

    let idp = provider(Persona::Generic).start().await.unwrap();
    let right = Written::of(&idp);
    let wrong_secret = Written { secret: "the-id-of-it", ..right.clone() };
    told.insert(one(wrong_secret.diagnosed().await, Step::Client, "paste the secret's value and not its id"));

    let elsewhere = Written {
        auth_url: "http://127.0.0.1:9/authorize".to_owned(),
        token_url: "http://127.0.0.1:9/token".to_owned(),
        ..right.clone()
    };
    told.insert(one(
        elsewhere.diagnosed().await,
        Step::Metadata,
        "whether this machine reaches the provider",
    ));

    let clock = Arc::new(At(SystemClock.now().as_unix_seconds() + 3600));
    let late = right.diagnosed_by(clock).await;
    told.insert(one(late, Step::Clock, "ahead of the provider"));

    idp.fault(Fault::Jwks500).always();
    told.insert(one(right.diagnosed().await, Step::Keys, "publishes no keys that can be used"));
    idp.clear_faults();
    idp.fault(Fault::DiscoveryIssuerMismatch).always();
    told.insert(one(right.diagnosed().await, Step::Metadata, "issuer"));
    drop(idp);

    let dex = provider(Persona::Dex).start().await.unwrap();
    let right = Written::of(&dex);
    let unknown = Written { client_id: "lob", ..right.clone() };
    told.insert(one(
        unknown.diagnosed().await.into_iter().filter(|(step, ..)| *step != Step::Client).collect(),
        Step::Authorization,
        "staticClients",
    ));
    let scope = Written { more: "scopes = \"email profile nonsense\"".to_owned(), ..right };
    told.insert(one(scope.diagnosed().await, Step::Scopes, "take them out of the settings"));

    let other = registered(
        MockIdp::builder().algorithm(Algorithm::Es256).persona(Persona::Dex),
        "http://127.0.0.1:9/other",
    );
    let other = other.start().await.unwrap();
    told.insert(one(
        Written::of(&other)
            .diagnosed()
            .await
            .into_iter()
            .filter(|(step, ..)| *step != Step::Client)
            .collect(),
        Step::RedirectUri,
        "redirectURIs",
    ));

    let keycloak = provider(Persona::keycloak("lab")).start().await.unwrap();
    let wrong = Written { secret: "another", ..Written::of(&keycloak) };
    told.insert(one(wrong.diagnosed().await, Step::Client, "switch Client authentication on"));

    let github = provider(Persona::GitHub).start().await.unwrap();
    let wrong = Written { secret: "another", ..Written::of(&github) };
    told.insert(one(wrong.diagnosed().await, Step::Client, "incorrect"));

    assert_eq!(told.len(), 10, "{told:#?}");
}

/// A provider that does what this test wants of it: its metadata with these changes, and this page in place
/// of a sign-in.
async fn peculiar(changes: Value, page: Told) -> Written {
    let changes = Arc::new(changes);
    let address = served(move |asked| {
        let origin = format!("http://{}", asked.headers["host"]);
        let mut metadata = json!({
            "issuer": format!("{origin}/op"),
            "authorization_endpoint": format!("{origin}/op/authorize"),
            "token_endpoint": format!("{origin}/op/token"),
            "jwks_uri": format!("{origin}/op/keys"),
        });
        metadata.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        // The public half of RFC 7517 appendix A.1.
        let keys = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }] });
        let json = |status, body: &Value| Told::new(status, "application/json", body.to_string());
        let told = match asked.path() {
            "/op/.well-known/openid-configuration" => json(200, &metadata),
            "/op/keys" => json(200, &keys),
            "/op/token" => json(400, &json!({ "error": "invalid_grant" })),
            "/op/authorize" => page.clone(),
            _ => Told::new(404, "text/html", ""),
        };
        Box::pin(std::future::ready(told))
    });
    let origin = format!("http://{}", address.await);
    Written {
        auth_url: format!("{origin}/op/authorize"),
        token_url: format!("{origin}/op/token"),
        client_id: "lab",
        secret: "lab-secret",
        more: String::new(),
    }
}

fn page(status: u16, body: &str) -> Told {
    Told::new(status, "text/html", body)
}

#[tokio::test]
async fn what_a_provider_publishes_is_looked_at_piece_by_piece() {
    let plain = peculiar(json!({ "code_challenge_methods_supported": ["plain"] }), page(200, "")).await;
    one(plain.diagnosed().await, Step::Pkce, "switch S256 on");

    let secret = json!({ "id_token_signing_alg_values_supported": ["HS256", "none"] });
    let secret = peculiar(secret, page(200, "")).await;
    one(secret.diagnosed().await, Step::Algorithms, "RS256 or ES256");
    let other = json!({ "id_token_signing_alg_values_supported": ["RS256"] });
    let other = peculiar(other, page(200, "")).await;
    one(other.diagnosed().await, Step::Algorithms, "with RS256 only");

    let neither = json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt"] });
    let neither = peculiar(neither, page(200, "")).await;
    one(neither.diagnosed().await, Step::Metadata, "for private_key_jwt set client_key_file");

    // All of them say something else, too; and what is not said is no fault.
    let silent =
        peculiar(json!({ "id_token_signing_alg_values_supported": ["HS256", "ES256"] }), page(200, "")).await;
    let found = silent.examined_by(Arc::new(SystemClock)).await;
    let of = |step| &found.iter().find(|finding| finding.step == step).unwrap().outcome;
    assert_eq!(*of(Step::Algorithms), Outcome::Good("ID tokens may be signed with ES256".to_owned()));
    assert!(matches!(of(Step::Pkce), Outcome::Unknown(_)));
    assert!(matches!(of(Step::RedirectUri), Outcome::Unknown(_)));
}

#[tokio::test]
async fn admission_rules_that_admit_no_user_are_found() {
    let dex = provider(Persona::Dex).start().await.unwrap();
    for (more, words) in [
        (
            "allow_tenants = [\"11111111-2222-3333-4444-555555555555\"]",
            "the rule about tenants keeps everybody out",
        ),
        ("allow_organizations = [\"lab\"]", "the rule about organizations keeps everybody out"),
        ("allow_hosted_domains = [\"example.org\"]", "keeps everybody out"),
        ("allow_groups = [\"lab-users\"]", "add groups to the scopes"),
        ("admin_groups = [\"lab-admins\"]", "add groups to the scopes"),
    ] {
        let written = Written { more: more.to_owned(), ..Written::of(&dex) };
        one(written.diagnosed().await, Step::Settings, words);
    }
    let more = "allow_groups = [\"lab-users\"]\nscopes = \"openid profile email groups\"".to_owned();
    assert_eq!(Written { more, ..Written::of(&dex) }.diagnosed().await, []);
}

#[tokio::test]
async fn error_pages_are_understood_in_each_providers_own_words() {
    let okta = "The &#39;redirect_uri&#39; parameter must be a Login redirect URI";
    for (kind, status, body, step, words) in [
        ("entra", 200, "AADSTS50011: The redirect URI \\u0027x\\u0027 …", Step::RedirectUri, "platform Web"),
        ("entra", 400, "AADSTS700016: Application", Step::Authorization, "Application (client) ID"),
        ("okta", 400, okta, Step::RedirectUri, "Okta"),
        ("auth0", 403, "<p>Callback URL mismatch.</p>", Step::RedirectUri, "Allowed Callback URLs"),
        ("generic", 500, "<p>Internal error</p>", Step::Authorization, "--explain"),
    ] {
        let broken = peculiar(json!({}), page(status, body)).await;
        let issuer = broken.auth_url.trim_end_matches("/authorize");
        let more = format!("kind = \"{kind}\"\nissuer = \"{issuer}\"");
        one(Written { more, ..broken }.diagnosed().await, step, words);
    }
    for (persona, kind, step, words) in [
        (Persona::Google, "", Step::RedirectUri, "add exactly Labgate's callback"),
        (Persona::GitLab, "kind = \"gitlab\"", Step::RedirectUri, "the application's Redirect URI"),
        (Persona::keycloak("lab"), "", Step::RedirectUri, "Valid redirect URIs"),
        (Persona::Dex, "", Step::RedirectUri, "redirectURIs, and restart Dex"),
        (Persona::Zitadel, "kind = \"zitadel\"", Step::RedirectUri, "the application's redirect URIs"),
        (authentik(), "", Step::RedirectUri, "matching mode Strict"),
        (Persona::Authelia, "", Step::RedirectUri, "is not the client's"),
        (Persona::Hydra, "", Step::RedirectUri, "is not the client's"),
        (
            Persona::Cognito { pool: "eu-west-1_AbCdEf123".to_owned() },
            "kind = \"cognito\"",
            Step::RedirectUri,
            "Allowed callback URLs",
        ),
    ] {
        let idp = registered(
            MockIdp::builder().algorithm(Algorithm::Es256).persona(persona),
            "http://127.0.0.1:9/other",
        );
        let idp = idp.start().await.unwrap();
        let issuer = format!("issuer = \"{}\"\n{kind}", idp.issuer());
        let found = Written { more: issuer, ..Written::of(&idp) }.diagnosed().await;
        // Some refuse the code for its redirect URI, which is right as well.
        one(found.into_iter().filter(|(at, ..)| *at != Step::Client).collect(), step, words);
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_in_each_providers_own_words() {
    for (persona, more, words) in [
        (Persona::entra(TENANT), "kind = \"entra\"", "the column Value, not Secret ID"),
        (Persona::Dex, "", "compare both with the provider's"),
        (Persona::keycloak("lab"), "", "the tab Credentials"),
        (Persona::GitHub, "", "make a new secret in the OAuth app"),
        (Persona::Google, "", "paste the secret's value"),
        (Persona::GitLab, "kind = \"gitlab\"", "marked as Confidential"),
    ] {
        let idp = provider(persona.clone()).start().await.unwrap();
        // Some have a second host, which nobody but the operator can vouch for inside this machine.
        let port = idp.address().unwrap().port();
        let more = format!("plain_http_origin = \"http://localhost:{port}\"\n{more}");
        let right = Written { more, ..Written::of(&idp) };
        assert_eq!(right.diagnosed().await, [], "{persona}");
        let wrong = Written { secret: "another", ..right };
        one(wrong.diagnosed().await, Step::Client, words);
    }
}

#[tokio::test]
async fn f40_a_wrong_url_is_answered_with_the_published_one() {
    let dex = provider(Persona::Dex).start().await.unwrap();
    let right = Written::of(&dex);
    let wrong = Written { auth_url: format!("{}/local", right.auth_url), ..right.clone() };
    let setting = format!("LAB_EXTERNAL_OIDC_AUTH_URL={}", right.auth_url);
    one(wrong.diagnosed().await, Step::Metadata, &setting);
}

#[tokio::test]
async fn f26_a_page_after_sign_out_that_is_not_registered_is_found() {
    let client = Client::new("lab", "lab-secret").redirect_uri(CALLBACK);
    let idp = MockIdp::builder().algorithm(Algorithm::Es256).persona(Persona::keycloak("lab")).client(client);
    let idp = idp.start().await.unwrap();
    one(Written::of(&idp).diagnosed().await, Step::Logout, "register http://127.0.0.1:9/signed-out");
}

#[tokio::test]
async fn f25_a_secret_is_accepted_only_where_a_made_up_one_is_refused() {
    let of_client = async |written: Written| {
        let found = written.examined_by(Arc::new(SystemClock)).await;
        found.into_iter().find(|finding| finding.step == Step::Client).unwrap().outcome
    };
    let idp = provider(Persona::Generic).start().await.unwrap();
    assert!(matches!(of_client(Written::of(&idp)).await, Outcome::Good(_)));
    // It refuses every code alike.
    let alike = of_client(peculiar(json!({}), page(200, "")).await).await;
    assert!(matches!(&alike, Outcome::Unknown(text) if text.contains("made-up secret")), "{alike:?}");
}

/// A provider that takes the client's secret in the body alone, checks nothing before its second page, and
/// says there that the redirect URI is not registered.
async fn strict() -> Written {
    let address = served(|asked| {
        let origin = format!("http://{}", asked.headers["host"]);
        let metadata = json!({
            "issuer": format!("{origin}/op"),
            "authorization_endpoint": format!("{origin}/op/authorize"),
            "token_endpoint": format!("{origin}/op/token"),
            "jwks_uri": format!("{origin}/op/keys"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        });
        let keys = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }] });
        let json = |status, body: &Value| Told::new(status, "application/json", body.to_string());
        let has_secret = String::from_utf8_lossy(&asked.body).contains("client_secret=lab-secret");
        let told = match asked.path() {
            "/op/.well-known/openid-configuration" => json(200, &metadata),
            "/op/keys" => json(200, &keys),
            "/op/token" if has_secret => json(400, &json!({ "error": "invalid_grant" })),
            "/op/token" => json(401, &json!({ "error": "invalid_client" })),
            "/op/authorize" => {
                let mut told = page(302, "");
                let query = asked.target.split_once('?').unwrap().1;
                told.headers.push(("location".to_owned(), format!("/op/authorize/local?{query}")));
                told.headers.push(("set-cookie".to_owned(), "step=2; Path=/".to_owned()));
                told
            }
            "/op/authorize/local" if asked.headers.get("cookie").map(String::as_str) == Some("step=2") => {
                page(400, "<p>Unregistered redirect_uri.</p>")
            }
            _ => page(404, ""),
        };
        Box::pin(std::future::ready(told))
    });
    let origin = format!("http://{}", address.await);
    Written {
        auth_url: format!("{origin}/op/authorize"),
        token_url: format!("{origin}/op/token"),
        client_id: "lab",
        secret: "lab-secret",
        more: String::new(),
    }
}

#[tokio::test]
async fn f39_f42_the_second_page_and_the_other_client_authentication_are_tried() {
    let found = strict().await.diagnosed().await;
    let [(page_at, page, _), (client_at, _, remedy)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*page_at, *client_at), (Step::RedirectUri, Step::Client), "{found:?}");
    assert!(page.contains("Unregistered redirect_uri."), "{page}");
    assert_eq!(remedy, "set LAB_EXTERNAL_OIDC_CLIENT_AUTH=client_secret_post");
    let more = "client_auth = \"client_secret_post\"".to_owned();
    let mended = Written { more, ..strict().await }.diagnosed().await;
    assert!(mended.iter().all(|(step, ..)| *step != Step::Client), "{mended:?}");
}

#[tokio::test]
async fn f39_dex_is_followed_to_the_page_of_its_connector_which_checks() {
    let dex = registered(
        MockIdp::builder().algorithm(Algorithm::Es256).persona(Persona::Dex),
        "http://127.0.0.1:9/other",
    );
    let dex = dex.start().await.unwrap();
    let right = Written::of(&dex);
    for (written, step, words) in [
        (right.clone(), Step::RedirectUri, "redirectURIs, and restart Dex"),
        (Written { client_id: "lob", ..right }, Step::Authorization, "staticClients"),
    ] {
        let found = written.diagnosed().await;
        one(found.into_iter().filter(|(at, ..)| *at != Step::Client).collect(), step, words);
    }
    let dex = provider(Persona::Dex).start().await.unwrap();
    let nonsense = Written { more: "scopes = \"email nonsense\"".to_owned(), ..Written::of(&dex) };
    one(nonsense.diagnosed().await, Step::Scopes, "take them out of the settings");
    let pages = dex.requests().into_iter().filter(|request| request.path().starts_with("/dex/auth"));
    let pages: Vec<String> = pages.map(|request| request.path().to_owned()).collect();
    assert_eq!(pages, ["/dex/auth", "/dex/auth/local"]);
}

#[tokio::test]
async fn a_response_that_would_be_refused_is_found_before_anybody_signs_in() {
    let idp = provider(Persona::keycloak("lab")).start().await.unwrap();
    let right = Written::of(&idp);
    for (fault, step, words) in [
        (Fault::CallbackWrongIss, Step::Issuer, "every sign-in is refused"),
        (Fault::CallbackAlteredState, Step::Authorization, "another state"),
        (Fault::CallbackMissingState, Step::Authorization, "another state"),
        (
            Fault::CallbackError("temporarily_unavailable".into(), "down".into()),
            Step::Authorization,
            "status page",
        ),
    ] {
        idp.fault(fault).once();
        one(right.diagnosed().await, step, words);
    }
    // An error without it says nothing of sign-ins.
    idp.fault(Fault::CallbackNoIss).once();
    let found = right.examined_by(Arc::new(SystemClock)).await;
    let issuer = found.iter().find(|finding| finding.step == Step::Issuer).map(|it| &it.outcome);
    assert!(matches!(issuer, Some(Outcome::Unknown(_))), "{issuer:?}");
    assert_eq!(right.diagnosed().await, []);
}

#[tokio::test]
async fn a_token_endpoint_that_fails_says_nothing_of_the_client() {
    let idp = provider(Persona::Generic).start().await.unwrap();
    idp.fault(Fault::HtmlTokenError).always();
    let found = Written::of(&idp).examined_by(Arc::new(SystemClock)).await;
    let client = found.into_iter().find(|finding| finding.step == Step::Client).unwrap();
    assert!(matches!(&client.outcome, Outcome::Unknown(text) if text.contains("502")), "{client:?}");
}

#[tokio::test]
async fn an_untrusted_certificate_is_reported_as_such() {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![certificate.der().clone()];
    let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            assert!(acceptor.accept(stream).await.is_err(), "nobody goes on after this certificate");
        }
    });
    let untrusted = Written {
        auth_url: format!("{origin}/dex/auth"),
        token_url: format!("{origin}/dex/token"),
        client_id: "lab",
        secret: "lab-secret",
        more: String::new(),
    };
    one(untrusted.diagnosed().await, Step::Tls, "SSL_CERT_FILE");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_findings_and_the_only_ones() {
    let text = "listen = \"nowhere\"\nlisten_to = 1\n".to_owned();
    let sources = Sources { file: Some(File { name: "lab.toml".to_owned(), text }), environment: Vec::new() };
    let problems = Configuration::read(&sources).unwrap_err();
    let found = findings(Err(&problems), Arc::new(SystemClock)).await;
    assert!(found.len() >= 2, "{found:?}");
    for finding in found {
        assert_eq!((finding.subject.as_str(), finding.step), ("lab", Step::Configuration));
        assert!(bad(finding).unwrap().1.contains("lab.toml"));
    }
}
