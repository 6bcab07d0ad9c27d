//! The doctor in place of services, behind a proxy that checks requests and forwards them, or does not quite.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use labgate::configuration::Configuration;
use labgate::doctor::{CannotStandIn, Finding, Outcome, StandIns, Step, examine};
use labgate::wiring::Server;
use labgate::world::SystemClock;
use labgate_domain::session::SessionToken;
use labgate_domain::world::Clock;
use reqwest::{Client, Method};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::lab::{TRUSTED, with_file};
use super::served::{Asked, read};

/// On a path, on a host of its own, and for everybody.
const SERVICES: [&str; 3] = ["paper", "own", "open"];

/// What a proxy does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Unchecked,
    OptionsUnchecked,
    WebSocketsUnchecked,
    HeadersPass,
    UnderscoresPass,
    AuthorizationPasses,
    OtherWordsPass,
    ConnectionTakesAway,
    CookiesPass,
    NoCookiePasses,
    SaysNothing,
    SaysAnother,
    OldAssertion,
    NoUpgrade,
    EveryUpgrade,
    Decoded,
    PrefixTaken,
    Crossed,
    Nowhere,
}

/// A proxy with its ways: to Labgate, and to the stand-ins.
#[derive(Clone)]
struct Proxy {
    fault: Fault,
    labgate: SocketAddr,
    services: BTreeMap<String, SocketAddr>,
    client: Client,
}

impl Proxy {
    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let asked = read(&mut stream).await?;
        let is_lab = asked.headers["host"].starts_with("127.0.0.1");
        let first = asked.path().split('/').nth(1)?.to_owned();
        match (is_lab, &*first) {
            (true, "paper" | "open") => self.to_service(&first, asked, stream).await,
            (true, _) | (false, ".labgate") => forward(self.labgate, asked, "close", stream).await,
            (false, _) => self.to_service("own", asked, stream).await,
        }
    }

    async fn to_service(&self, service: &str, mut asked: Asked, mut stream: TcpStream) -> Option<()> {
        let fault = self.fault;
        let upgrade = asked.headers.get("upgrade").cloned().unwrap_or_default();
        let told = self.check(&asked).await?;
        let is_unchecked = match fault {
            Fault::Unchecked => true,
            Fault::OptionsUnchecked => asked.method == "OPTIONS",
            Fault::WebSocketsUnchecked => !upgrade.is_empty(),
            _ => false,
        };
        if told.status() != 200 && !is_unchecked {
            let headers = told.headers().iter().filter(|(name, _)| *name == "location");
            let headers: Vec<_> =
                headers.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
            let headers = headers.concat();
            let answer =
                format!("HTTP/1.1 {} X\r\n{headers}content-length: 0\r\n\r\n", told.status().as_u16());
            return stream.write_all(answer.as_bytes()).await.ok();
        }
        let client: BTreeSet<String> = asked.headers.keys().cloned().collect();
        asked.headers.retain(|name, _| self.passes(name));
        if let Some(cookies) = asked.headers.remove("cookie") {
            let is_kept = |cookie: &&str| match fault {
                Fault::CookiesPass => true,
                Fault::NoCookiePasses => false,
                _ => !cookie.trim_start().starts_with("labgate"),
            };
            let kept: Vec<&str> = cookies.split(';').filter(is_kept).collect();
            asked.headers.insert("cookie".to_owned(), kept.join(";"));
        }
        let connection = asked.headers.remove("connection").unwrap_or_default();
        let says_who = |name: &str| {
            name.starts_with("remote-") || name.starts_with("x-auth-request-") || is_assertion(name)
        };
        for (name, value) in told.headers().iter().filter(|(name, _)| says_who(name.as_str())) {
            let value = match (fault, name.as_str()) {
                (Fault::SaysNothing, _) => continue,
                (Fault::ConnectionTakesAway, name) if connection.contains(name) => continue,
                (Fault::SaysAnother, "remote-user" | "x-auth-request-user") => "grace",
                (Fault::OldAssertion, name) if is_assertion(name) => "Bearer eyJ.eyJ.x",
                (Fault::AuthorizationPasses, "authorization") if client.contains("authorization") => continue,
                _ => value.to_str().unwrap(),
            };
            asked.headers.insert(name.to_string(), value.to_owned());
        }
        let passes = match fault {
            Fault::NoUpgrade => false,
            Fault::EveryUpgrade => true,
            _ => upgrade == "websocket",
        };
        if !passes {
            asked.headers.remove("upgrade");
        }
        match fault {
            Fault::Decoded => asked.target = asked.target.replace("%20", "+"),
            Fault::PrefixTaken => {
                asked.target = asked.target.replacen(&format!("/{service}/"), "/", 1);
            }
            _ => {}
        }
        let place = match (fault, service) {
            (Fault::Crossed, "paper") => "open",
            (Fault::Nowhere, _) => {
                return stream.write_all(b"HTTP/1.1 502 X\r\ncontent-length: 0\r\n\r\n").await.ok();
            }
            _ => service,
        };
        let is_upgrade = asked.headers.contains_key("upgrade");
        forward(self.services[place], asked, if is_upgrade { "upgrade" } else { "close" }, stream).await
    }

    async fn check(&self, asked: &Asked) -> Option<reqwest::Response> {
        let check = format!("http://{}/api/auth/check/caddy", self.labgate);
        let mut request = self.client.request(Method::GET, check);
        let known = ["host", "cookie", "accept", "sec-fetch-mode", "sec-fetch-dest"];
        for (name, value) in known.iter().filter_map(|name| asked.headers.get_key_value(*name)) {
            request = request.header(name, value);
        }
        let request = request
            .header("x-forwarded-for", "198.51.100.7")
            .header("x-forwarded-host", &asked.headers["host"])
            .header("x-forwarded-uri", &asked.target)
            .header("x-forwarded-method", &asked.method);
        request.send().await.ok()
    }

    /// Returns whether a client's header passes.
    fn passes(&self, name: &str) -> bool {
        let canonical = name.replace(['_', '.'], "-");
        let is_ours = canonical.starts_with("remote-")
            || canonical.starts_with("x-auth-request-")
            || canonical == "x-labgate-assertion";
        let is_others = canonical.starts_with("x-forwarded-")
            || ["x-remote-user", "x-webauth-user", "x-auth-request-access-token"].contains(&&*canonical);
        match self.fault {
            _ if is_others => self.fault == Fault::OtherWordsPass,
            Fault::HeadersPass if name == "remote-groups" || name == "x-auth-request-groups" => true,
            Fault::UnderscoresPass => !is_ours || name.contains('_'),
            Fault::AuthorizationPasses => !is_ours,
            _ => !is_ours && canonical != "authorization",
        }
    }
}

fn is_assertion(name: &str) -> bool {
    name == "x-labgate-assertion" || name == "authorization"
}

/// Passes a request on, and what comes after it both ways.
async fn forward(to: SocketAddr, asked: Asked, connection: &str, mut stream: TcpStream) -> Option<()> {
    let Asked { method, target, headers, body } = asked;
    let own = ["connection", "x-forwarded-for"];
    let headers = headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers: Vec<_> = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let head = format!(
        "{method} {target} HTTP/1.1\r\n{headers}connection: {connection}\r\nx-forwarded-for: 198.51.100.7\r\n\r\n"
    );
    let mut upstream = TcpStream::connect(to).await.ok()?;
    upstream.write_all(&[head.as_bytes(), &body].concat()).await.ok()?;
    copy_bidirectional(&mut stream, &mut upstream).await.ok().map(drop)
}

/// A lab behind a proxy, with a person who is signed in.
struct Lab {
    configuration: Configuration,
    session: String,
    /// The proxy of this moment.
    proxy: Arc<Mutex<Option<Proxy>>>,
    labgate: SocketAddr,
    _folder: TempDir,
}

impl Lab {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let public_url = format!("http://127.0.0.1:{port}");
        let proxy: Arc<Mutex<Option<Proxy>>> = Arc::default();
        let serving = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = serving.lock().unwrap().clone().unwrap();
                tokio::spawn(proxy.serve(stream));
            }
        });
        let services = format!(
            "[[service]]\nid = \"paper\"\nname = \"Paper\"\nurl = \"{public_url}/paper\"\nruns_user_code = false\n\
             [[service]]\nid = \"own\"\nname = \"Own\"\nurl = \"http://localhost:{port}\"\n\
             identity_headers = \"x-auth-request\"\n\
             [[service]]\nid = \"open\"\nname = \"Open\"\nurl = \"{public_url}/open\"\nruns_user_code = false\n\
             allow = \"public\"\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let configuration = || with_file(Some(services.clone()), &public_url, &folder, &[TRUSTED]);
        let server = Server::start(configuration()).await.unwrap();
        let labgate = server.address().unwrap();
        tokio::spawn(server.run(std::future::pending()));
        let registration = r#"{"username":"ada","password":"tulip anchor velvet"}"#;
        let registered = Client::new()
            .post(format!("http://{labgate}/api/auth/register"))
            .header("content-type", "application/json")
            .header("origin", &public_url)
            .body(registration)
            .send();
        let registered = registered.await.unwrap();
        let cookies = registered.headers().get_all("set-cookie").iter();
        let session = cookies.filter_map(|cookie| cookie.to_str().unwrap().strip_prefix("labgate="));
        let session = session.map(|cookie| cookie.split(';').next().unwrap().to_owned()).next().unwrap();
        Self { configuration: configuration(), session, proxy, labgate, _folder: folder }
    }

    /// Returns what the doctor finds about each subject behind a proxy with this fault.
    async fn examined(&self, fault: Fault, session: &str) -> BTreeMap<String, Vec<(Step, Outcome)>> {
        let places = SERVICES.map(|id| (id.to_owned(), "127.0.0.1:0".parse().unwrap())).to_vec();
        let stand_ins = StandIns::listen(places, SessionToken::new(session.to_owned())).await.unwrap();
        let services = stand_ins.places().iter().cloned().collect();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let proxy = Proxy { fault, labgate: self.labgate, services, client };
        *self.proxy.lock().unwrap() = Some(proxy);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
        let tell =
            |Finding { subject, step, outcome }| found.entry(subject).or_default().push((step, outcome));
        examine(Ok(&self.configuration), &clock, Some(&stand_ins), tell).await.unwrap();
        let shown = format!("{found:?} {stand_ins:?}");
        assert!(!shown.contains(&self.session), "{shown}");
        found
    }
}

/// The steps that need a session.
const STEPS: [Step; 5] =
    [Step::Reached, Step::SpoofedHeaders, Step::CookieStripped, Step::Identity, Step::Websocket];

fn steps(found: &[(Step, Outcome)]) -> Vec<Step> {
    found.iter().map(|(step, _)| *step).filter(|step| STEPS.contains(step)).collect()
}

#[tokio::test]
async fn behind_a_proxy_that_is_set_up_well_all_is_well_with_a_session() {
    let lab = Lab::start().await;
    let found = lab.examined(Fault::None, &lab.session).await;
    for id in SERVICES {
        let of_service = &found[&format!("service {id}")];
        let expected = STEPS.into_iter().filter(|step| id != "open" || *step != Step::Identity);
        assert_eq!(steps(of_service), expected.collect::<Vec<_>>());
        for (step, outcome) in of_service {
            let is_public = id == "open" && *step == Step::Protected;
            assert_eq!(matches!(outcome, Outcome::Good(_)), !is_public, "{id} {step:?}: {outcome:?}");
        }
    }
    let session = &found["lab"].iter().find(|(step, _)| *step == Step::Session).unwrap().1;
    assert_eq!(*session, Outcome::Good("it is ada's".to_owned()));
}

#[tokio::test]
async fn each_fault_behind_the_check_is_found_at_its_step() {
    let every = ["paper", "own"];
    let lab = Lab::start().await;
    for (fault, services, step, words) in [
        (Fault::Unchecked, &every[..], Step::Reached, "GET of a script"),
        (Fault::OptionsUnchecked, &every, Step::Reached, "OPTIONS of a script"),
        (Fault::WebSocketsUnchecked, &every, Step::Reached, "WebSocket"),
        (Fault::Decoded, &every, Step::Reached, "a+b%C3%A4+c"),
        (Fault::Crossed, &["paper"], Step::Reached, "in the place of open"),
        (Fault::Nowhere, &every, Step::Reached, "the answer is 502"),
        (Fault::HeadersPass, &["paper"], Step::SpoofedHeaders, "values of x-auth-request-groups arrive"),
        (Fault::UnderscoresPass, &every, Step::SpoofedHeaders, "remote_user"),
        (Fault::AuthorizationPasses, &every, Step::SpoofedHeaders, "values of authorization arrive"),
        (Fault::ConnectionTakesAway, &["paper"], Step::SpoofedHeaders, "takes remote-user"),
        (Fault::CookiesPass, &every, Step::CookieStripped, "labgate, labgate-"),
        (Fault::NoCookiePasses, &every, Step::CookieStripped, "whose names begin with labgate"),
        (Fault::SaysAnother, &every, Step::Identity, "does not name ada"),
        (Fault::OldAssertion, &every, Step::Identity, "does not hold"),
        (Fault::NoUpgrade, &every, Step::Websocket, "the answer is 200"),
        (Fault::EveryUpgrade, &every, Step::Websocket, "for WebSockets alone"),
    ] {
        let found = lab.examined(fault, &lab.session).await;
        for id in services {
            let of_service = &found[&format!("service {id}")];
            let bad = of_service.iter().filter_map(|(step, outcome)| match outcome {
                Outcome::Bad { problem, remedy } => Some((*step, format!("{problem} → {remedy}"))),
                _ => None,
            });
            let bad: Vec<_> = bad.filter(|(step, _)| STEPS.contains(step)).collect();
            // Without a check a service is told nothing, either.
            let is_alone = bad.len() == 1 || fault == Fault::Unchecked;
            let is_found = matches!(bad.first(), Some((at, told)) if *at == step && told.contains(words));
            assert!(is_alone && is_found, "{fault:?} at {id}: {words}: {bad:?}");
        }
    }
}

#[tokio::test]
async fn a_service_that_is_told_nothing_lacks_each_header_and_loses_them_by_no_connection() {
    let lab = Lab::start().await;
    let found = lab.examined(Fault::SaysNothing, &lab.session).await;
    let of_step = |step| found["service own"].iter().find(|(at, _)| *at == step).unwrap().1.clone();
    let Outcome::Bad { problem, .. } = of_step(Step::Identity) else { panic!("{found:?}") };
    assert_eq!(
        problem,
        "no value of x-auth-request-user, x-auth-request-preferred-username, x-labgate-assertion arrives"
    );
}

#[tokio::test]
async fn other_products_headers_and_a_path_that_is_taken_away_are_no_faults() {
    let lab = Lab::start().await;
    let found = lab.examined(Fault::OtherWordsPass, &lab.session).await;
    let spoofed = &found["service paper"].iter().find(|(step, _)| *step == Step::SpoofedHeaders).unwrap().1;
    assert!(matches!(spoofed, Outcome::Unknown(text) if text.contains("x-forwarded-user")), "{spoofed:?}");

    let found = lab.examined(Fault::PrefixTaken, &lab.session).await;
    assert!(
        found["service paper"].iter().all(|(_, outcome)| matches!(outcome, Outcome::Good(_))),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_session_that_the_lab_does_not_know_looks_at_nothing_more() {
    let found = Lab::start().await.examined(Fault::None, "eyJ.eyJ.x").await;
    let session = &found["lab"].iter().find(|(step, _)| *step == Step::Session).unwrap().1;
    let Outcome::Bad { problem, remedy } = session else { panic!("{session:?}") };
    assert!(problem.ends_with("the answer is 401") && remedy.contains("the cookie labgate"), "{session:?}");
    let of_paper = &found["service paper"];
    assert!(steps(of_paper).is_empty() && of_paper.iter().any(|(step, _)| *step == Step::WithSession));
}

#[tokio::test]
async fn nothing_but_the_doctors_own_requests_is_answered() {
    let session = || SessionToken::new("x".to_owned());
    let place = |address: &str| ("paper".to_owned(), address.parse().unwrap());
    let stand_ins = StandIns::listen(vec![place("127.0.0.1:0")], session()).await.unwrap();
    let address = stand_ins.places()[0].1;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /paper/labgate-doctor/x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");

    let taken = StandIns::listen(vec![place(&address.to_string())], session()).await.unwrap_err();
    assert!(matches!(taken, CannotStandIn::Listen { .. }));
    assert!(taken.to_string().ends_with("stop the service while the doctor stands in for it"), "{taken}");
    let twice = StandIns::listen(vec![place("127.0.0.1:0"), place("127.0.0.1:0")], session()).await;
    assert!(matches!(twice.unwrap_err(), CannotStandIn::Twice(id) if id == "paper"));
}

#[tokio::test]
async fn a_service_that_does_not_exist_is_named() {
    let lab = Lab::start().await;
    let places = vec![("papre".to_owned(), "127.0.0.1:0".parse().unwrap())];
    let stand_ins = StandIns::listen(places, SessionToken::new("x".to_owned())).await.unwrap();
    let client = Client::new();
    let proxy = Proxy { fault: Fault::None, labgate: lab.labgate, services: BTreeMap::new(), client };
    *lab.proxy.lock().unwrap() = Some(proxy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut found = Vec::new();
    examine(Ok(&lab.configuration), &clock, Some(&stand_ins), |finding| found.push(finding)).await.unwrap();
    let named = found.iter().find(|finding| finding.subject == "service papre").unwrap();
    assert!(named.is_bad() && named.step == Step::Reached, "{named:?}");
}
