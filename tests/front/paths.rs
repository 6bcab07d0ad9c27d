//! Targets that a proxy, Labgate and a service may read in different ways. Whatever the proxy serves was judged as the
//! service reads it: Bob, who may use one service, gets nothing of the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::lab::{Lab, Person};
use super::table::session;

/// Ways from a path that is allowed to one that is not, and spellings of the latter.
const TRICKS: [&str; 40] = [
    "{allowed}/..{forbidden}",
    "{allowed}/../..{forbidden}",
    "{allowed}/x/../..{forbidden}",
    "{allowed}/%2e%2e{forbidden}",
    "{allowed}/%2E./%2e.{forbidden}",
    "{allowed}/.%2e{forbidden}",
    "{allowed}/..%2f..{forbidden}",
    "{allowed}/..%2F..%2f{forbidden}",
    "{allowed}/%2e%2e%2f%2e%2e{forbidden}",
    "{allowed}/..%5c..{forbidden}",
    "{allowed}/..\\..{forbidden}",
    "{allowed}/..;{forbidden}",
    "{allowed}/..;/..{forbidden}",
    "{allowed}/x;/../..{forbidden}",
    "{allowed}/%252e%252e{forbidden}",
    "{allowed}/%252e%252e%252f%252e%252e{forbidden}",
    "{allowed}/..%c0%af..{forbidden}",
    "{allowed}/%u002e%u002e{forbidden}",
    "{allowed}/..%00{forbidden}",
    "{allowed}%00/..{forbidden}",
    "{allowed}/.{forbidden}",
    "{allowed}/..%ef%bc%8f..{forbidden}",
    "{allowed}?/..{forbidden}",
    "{allowed}%3f/..{forbidden}",
    "{allowed}#/..{forbidden}",
    "{allowed}%23/..{forbidden}",
    "{allowed}/x%20/..{forbidden}",
    "{forbidden}",
    "/{forbidden}",
    "//{forbidden}",
    "/.{forbidden}",
    "/x/..{forbidden}",
    "/;{forbidden}",
    "/%2f{forbidden}",
    "/\\{forbidden}",
    "{forbidden};{allowed}",
    "{forbidden}?{allowed}/",
    "{forbidden}#{allowed}/",
    "{forbidden}/..;/..{allowed}/../../{forbidden}",
    "https://notebooks.example.org{forbidden}",
];

/// Spellings of hosts: of the line `Host`, and what the request line has before the path.
const HOSTS: [(&str, &str); 16] = [
    ("data.example.org", ""),
    ("DATA.example.org", ""),
    ("data.example.org.", ""),
    ("data.example.org..", ""),
    ("data.example.org:443", ""),
    ("data.example.org.:443", ""),
    ("data.example.org:80@notebooks.example.org", ""),
    ("notebooks.example.org@data.example.org", ""),
    ("data.example.org, notebooks.example.org", ""),
    ("data.example.org\r\nHost: notebooks.example.org", ""),
    ("notebooks.example.org\r\nHost: data.example.org", ""),
    ("notebooks.example.org", "https://data.example.org"),
    ("data.example.org", "https://notebooks.example.org"),
    ("notebooks.example.org", "HTTPS://DATA.example.org:443"),
    ("notebooks.example.org", "https://notebooks.example.org@data.example.org"),
    ("notebooks.example.org", "//data.example.org"),
];

pub(super) async fn what_is_served_was_judged(lab: Arc<Lab>, on_hosts: bool) {
    let notebooks = "https://notebooks.example.org/x";
    let mut bob = lab.signed_in(Person::Bob, notebooks).await;
    let pass = session(&bob, notebooks);
    let mlflow = "https://lab.example.org/mlflow/x";
    bob.open(mlflow).await;
    let of_lab = session(&bob, mlflow);
    for echo in lab.services.values() {
        echo.take_requests();
    }
    if on_hosts {
        for (host, before) in HOSTS {
            for path in ["/x", "/public/../x", "/public/..%2fx", "/public/x/../../x", "/.labgate/../x"] {
                for cookie in [&pass, &of_lab] {
                    send(&lab, host, &format!("{before}{path}"), cookie).await;
                }
            }
        }
    } else {
        for trick in TRICKS {
            for allowed in ["/mlflow/x", "/mlflow", "/mlflow/health", "/.labgate", "/login"] {
                for forbidden in ["/grafana/x", "/mlflow/admin/x", "/mlflow/admin"] {
                    let target = trick.replace("{allowed}", allowed).replace("{forbidden}", forbidden);
                    send(&lab, "lab.example.org", &target, &of_lab).await;
                    send(&lab, "lab.example.org", &target.replace("admin", "%61dmin"), &of_lab).await;
                }
            }
        }
    }
    let served = |name| lab.services[name].take_requests();
    assert_eq!(served("grafana"), [""; 0]);
    assert_eq!(served("data"), [""; 0]);
    let of_mlflow = served("mlflow");
    let admins: Vec<_> = of_mlflow.iter().filter(|line| may_be_read_as(line, "/mlflow/admin")).collect();
    assert!(admins.is_empty(), "{admins:?}");
    let of_allowed = if on_hosts { served("notebooks") } else { of_mlflow };
    assert!(!of_allowed.is_empty(), "nothing was served at all");

    // The same targets exist: somebody else gets there.
    let ada = lab.signed_in(Person::Ada, "https://data.example.org/x").await;
    assert!(ada.page().html().starts_with("GET /x "), "{}", ada.page());
}

async fn send(lab: &Lab, host: &str, target: &str, cookie: &str) {
    let server_name = if host.contains("lab.") { "lab.example.org" } else { "data.example.org" };
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{cookie}\r\n");
    drop(lab.client.answer(server_name, request.as_bytes()).await);
}

/// Returns whether a service could take a request line for one below this path: it decodes once or twice, or not at all,
/// cuts parameters off or leaves them, and follows dots.
fn may_be_read_as(line: &str, forbidden: &str) -> bool {
    let target = line.split(' ').nth(1).unwrap();
    let path = target.split(['?', '#']).next().unwrap();
    let mut readings = BTreeSet::from([path.to_owned()]);
    for _ in 0..2 {
        let decoded = |path: &String| percent_decode_str(path).decode_utf8_lossy().into_owned();
        readings.extend(readings.iter().map(decoded).collect::<Vec<_>>());
    }
    let cut = |path: &String| {
        let segments = path.split('/').map(|segment| segment.split(';').next().unwrap());
        segments.collect::<Vec<_>>().join("/")
    };
    readings.extend(readings.iter().map(cut).collect::<Vec<_>>());
    readings.iter().any(|path| {
        let mut segments = Vec::new();
        for segment in path.split(['/', '\\']) {
            match segment.trim() {
                "" | "." => {}
                ".." => drop(segments.pop()),
                segment => segments.push(segment),
            }
        }
        format!("/{}", segments.join("/")).starts_with(forbidden)
    })
}

#[test]
fn a_lenient_reading_is_found() {
    for line in [
        "GET /mlflow/x/../admin HTTP/1.1",
        "GET /mlflow/..;/mlflow/admin/x HTTP/1.1",
        "GET /mlflow/%252e%252e/mlflow/%61dmin HTTP/1.1",
        "GET /mlflow/x\\..\\admin HTTP/1.1",
    ] {
        assert!(may_be_read_as(line, "/mlflow/admin"), "{line}");
    }
    assert!(!may_be_read_as("GET /mlflow/x?/../admin HTTP/1.1", "/mlflow/admin"));
}
