//! Services behind a proxy that does what proxies do and should not.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use labgate::doctor::{Finding, Outcome, Step};
use labgate::wiring::Server;
use labgate::world::SystemClock;
use labgate_domain::ports::{ServiceStore as _, StoredService};
use labgate_store::{Location, Store};
use serde_json::json;

use super::findings;
use super::lab::{Proxy, TRUSTED, passed_on, with_file};
use super::served::{Asked, Told, served};

/// As docs/proxies.md has it, in Caddy's words.
const GOOD: Proxy =
    Proxy { on_the_way_in: asks_labgate, instead: |_| None, on_the_way_out: |_| (), keeps_connections: true };

/// The service on a path, the one on a host of its own, and one for everybody.
const PAPER: &str = "service paper";
const OWN: &str = "service own";
const OPEN: &str = "service open";
/// One that an administrator added.
const ADDED: &str = "service added";

fn is_for_a_service(asked: &Asked) -> bool {
    let is_lab = asked.headers["host"].starts_with("127.0.0.1");
    let is_below = |path: &str| asked.path().starts_with(path);
    if is_lab { is_below("/paper") || is_below("/open") } else { !is_below("/.labgate/") }
}

fn asks_labgate(asked: &mut Asked) {
    asked.headers.insert("x-forwarded-for".to_owned(), "198.51.100.7".to_owned());
    if is_for_a_service(asked) {
        let said = [
            ("x-forwarded-host", asked.headers["host"].clone()),
            ("x-forwarded-uri", asked.target.clone()),
            ("x-forwarded-method", asked.method.clone()),
        ];
        asked.headers.extend(said.map(|(name, value)| (name.to_owned(), value)));
        "/api/auth/check/caddy".clone_into(&mut asked.target);
    }
}

/// Returns whether [`asks_labgate`] has made a check of the request.
fn is_checked(asked: &Asked) -> bool {
    asked.headers.contains_key("x-forwarded-uri")
}

/// Adds a service, and one that is left out because another has its id.
async fn add_services(database: &Location, public_url: &str) {
    let store = Store::open(database).await.unwrap();
    for id in ["added", "paper"] {
        let definition = json!({
            "id": id, "name": id, "url": format!("{public_url}/paper-{id}"), "runs_user_code": false,
        });
        let revision = store.list().await.unwrap().revision;
        let service = StoredService { id: id.to_owned(), definition: definition.to_string() };
        assert!(store.put(&service, &revision).await.unwrap());
    }
}

/// Returns what the doctor finds about each service.
async fn examined(proxy: Proxy) -> BTreeMap<String, Vec<(Step, Outcome)>> {
    let upstream = Arc::new(OnceLock::new());
    let behind = Arc::clone(&upstream);
    let client = proxy.client();
    let front =
        served(move |asked| Box::pin(passed_on(proxy, client.clone(), asked, *behind.get().unwrap()))).await;
    let (public_url, port) = (format!("http://{front}"), front.port());
    let services = format!(
        "[[service]]\nid = \"paper\"\nname = \"Paper\"\nurl = \"{public_url}/paper\"\nruns_user_code = false\n\
         [[service]]\nid = \"own\"\nname = \"Own\"\nurl = \"http://localhost:{port}\"\n\
         [[service]]\nid = \"open\"\nname = \"Open\"\nurl = \"{public_url}/open\"\nruns_user_code = false\n\
         allow = \"public\"\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let configuration = || with_file(Some(services.clone()), &public_url, &folder, &[TRUSTED]);
    add_services(&configuration().database, &public_url).await;
    let server = Server::start(configuration()).await.unwrap();
    upstream.set(server.address().unwrap()).unwrap();
    tokio::spawn(server.run(std::future::pending()));
    let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for Finding { subject, step, outcome } in findings(Ok(&configuration()), Arc::new(SystemClock)).await {
        found.entry(subject).or_default().push((step, outcome));
    }
    found
}

#[tokio::test]
async fn services_behind_a_proxy_that_is_set_up_well_are_protected() {
    let found = examined(GOOD).await;
    let steps = |service: &str| found[service].iter().map(|(step, _)| *step).collect::<Vec<_>>();
    let (left_out, of_paper) = found[PAPER].split_first().unwrap();
    assert!(
        matches!(left_out, (Step::AddedServices, Outcome::Bad { problem, .. }) if problem.contains("two services")),
        "{left_out:?}"
    );
    assert_eq!(&steps(PAPER)[1..], steps(ADDED));
    assert_eq!(steps(ADDED), [Step::Protected, Step::WayBack, Step::Fetch, Step::WithSession]);
    assert_eq!(steps(OWN), [Step::Protected, Step::WayBack, Step::Fetch, Step::Entry, Step::WithSession]);
    for (step, outcome) in of_paper.iter().chain(&found[ADDED]).chain(&found[OWN]) {
        let is_unknown = *step == Step::WithSession;
        assert_eq!(matches!(outcome, Outcome::Good(_)), !is_unknown, "{step:?}: {outcome:?}");
    }
    let (_, count) = found["lab"].iter().find(|(step, _)| *step == Step::AddedServices).unwrap();
    assert!(matches!(count, Outcome::Good(text) if text.starts_with("2 services")), "{count:?}");
    assert!(matches!(&found[OPEN][..], [(Step::Protected, Outcome::Unknown(_))]), "{:?}", found[OPEN]);
}

#[tokio::test]
async fn what_a_proxy_does_wrong_with_services_is_found_each_at_its_step() {
    let unasked = |asked: &Asked| is_checked(asked).then(|| Told::new(200, "text/html", "Welcome"));
    let mute = |asked: &Asked| is_checked(asked).then(|| Told::new(401, "text/html", "No"));
    let decoding = |asked: &mut Asked| {
        asked.target = asked.target.replace("%20", "+");
        asks_labgate(asked);
    };
    let cutting = |asked: &mut Asked| {
        if is_for_a_service(asked) {
            asked.target = asked.target.split('&').next().unwrap().to_owned();
        }
        asks_labgate(asked);
    };
    let eaten = |asked: &mut Asked| {
        asked.headers.retain(|name, _| !name.starts_with("sec-fetch-"));
        asks_labgate(asked);
    };
    let closed =
        |asked: &Asked| asked.path().starts_with("/.labgate/").then(|| Told::new(404, "text/html", ""));
    for (proxy, service, step, words) in [
        (Proxy { instead: unasked, ..GOOD }, PAPER, Step::Protected, "does not ask Labgate"),
        (Proxy { instead: unasked, ..GOOD }, OWN, Step::Protected, "does not ask Labgate"),
        (Proxy { instead: mute, ..GOOD }, PAPER, Step::Protected, "the answer is 401"),
        (Proxy { on_the_way_in: decoding, ..GOOD }, PAPER, Step::WayBack, "undecoded and whole"),
        (Proxy { on_the_way_in: cutting, ..GOOD }, OWN, Step::WayBack, "undecoded and whole"),
        (Proxy { on_the_way_in: eaten, ..GOOD }, PAPER, Step::Fetch, "gets 303 in place of 401"),
        (Proxy { instead: closed, ..GOOD }, OWN, Step::Entry, "the answer is 404"),
    ] {
        let found = examined(proxy).await;
        let bad = found[service].iter().filter_map(|(step, outcome)| match outcome {
            Outcome::Bad { .. } if *step == Step::AddedServices => None,
            Outcome::Bad { problem, remedy } => Some((*step, format!("{problem} → {remedy}"))),
            _ => None,
        });
        let bad: Vec<_> = bad.collect();
        assert!(matches!(&bad[..], [(at, told)] if *at == step && told.contains(words)), "{words}: {bad:?}");
    }
}
