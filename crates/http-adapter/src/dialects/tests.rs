use bytes::Bytes;
use http::{Method, Request};
use labgate_domain::public_url::{PlainHttp, PublicUrl};

use super::*;
use crate::client_addr::Peer;
use crate::cookies::{CookieName, Cookies};
use crate::paths;

/// Returns what is asked about, as each dialect finds it in these headers.
fn targets(peer: &str, method: &Method, path: &str, headers: &[(&str, &str)]) -> [Option<String>; 5] {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    parts.extensions.insert(Peer(peer.parse().unwrap()));
    let lab = PublicUrl::parse("https://lab.example", PlainHttp::LoopbackOnly, paths::REGISTERED).unwrap();
    let cookies = Cookies::of_lab_at(&lab, &CookieName::default());
    let proxies = ["10.0.0.1".parse().unwrap()];
    let request = ParsedRequest::parse(&parts, Vec::new(), &Bytes::new(), &cookies, &lab, &proxies);
    let all = [Dialect::Nginx, Dialect::Traefik, Dialect::Caddy, Dialect::HaProxy, Dialect::Envoy];
    all.map(|dialect| {
        dialect.target(&request).ok().map(|target| {
            format!("{} {}", target.method(), target.host().to_owned() + &target.path_and_query())
        })
    })
}

const PROXY: &str = "10.0.0.1";

const ORIGINAL: [(&str, &str); 2] =
    [("x-original-url", "https://nb.example/a%20b?c=%2F"), ("x-original-method", "PUT")];
const FORWARDED: [(&str, &str); 3] = [
    ("x-forwarded-host", "NB.example:443"),
    ("x-forwarded-uri", "/a%20b?c=%2F"),
    ("x-forwarded-method", "PUT"),
];

#[test]
fn each_dialect_reads_its_own_words_alone() {
    let put = || Some("PUT nb.example/a%20b?c=%2F".to_owned());
    let found = targets(PROXY, &Method::GET, paths::VERIFY.as_str(), &ORIGINAL);
    assert_eq!(found, [put(), None, None, None, None]);
    let found = targets(PROXY, &Method::GET, paths::CHECK_CADDY.as_str(), &FORWARDED);
    assert_eq!(found, [None, put(), put(), put(), None]);
    let path = format!("{}/a%20b?c=%2F", paths::CHECK_ENVOY.as_str());
    let found = targets(PROXY, &Method::PUT, &path, &[("host", "nb.example")]);
    assert_eq!(found, [None, None, None, None, put()]);
    let found = targets(PROXY, &Method::GET, paths::CHECK_ENVOY.as_str(), &[("host", "nb.example")]);
    assert_eq!(found[4], Some("GET nb.example/".to_owned()));
}

#[test]
fn c181_of_a_peer_that_is_no_trusted_proxy_nothing_is_read() {
    let all: Vec<_> = ORIGINAL.into_iter().chain(FORWARDED).chain([("host", "nb.example")]).collect();
    let path = format!("{}/a", paths::CHECK_ENVOY.as_str());
    assert_eq!(targets("10.0.0.2", &Method::GET, &path, &all), [const { None }; 5]);
}

#[test]
fn c184_several_values_and_other_headers_say_nothing() {
    for doubled in ORIGINAL {
        let lines: Vec<_> = ORIGINAL.into_iter().chain([doubled]).collect();
        assert_eq!(targets(PROXY, &Method::GET, paths::VERIFY.as_str(), &lines)[0], None, "{doubled:?}");
    }
    for doubled in FORWARDED {
        let lines: Vec<_> = FORWARDED.into_iter().chain([doubled]).collect();
        assert_eq!(
            targets(PROXY, &Method::GET, paths::CHECK_TRAEFIK.as_str(), &lines)[1],
            None,
            "{doubled:?}"
        );
    }
    let joined = [("x-forwarded-host", "nb.example, evil.example"), FORWARDED[1], FORWARDED[2]];
    assert_eq!(targets(PROXY, &Method::GET, paths::CHECK_TRAEFIK.as_str(), &joined)[1], None);
    // None of these is ever looked at.
    let others = [
        ("forwarded", "host=evil.example;proto=https"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-port", "1"),
        ("x-original-uri", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-original-host", "evil.example"),
    ];
    let lines: Vec<_> = FORWARDED.into_iter().chain(others).collect();
    assert_eq!(
        targets(PROXY, &Method::GET, paths::CHECK_TRAEFIK.as_str(), &lines)[1].as_deref(),
        Some("PUT nb.example/a%20b?c=%2F")
    );
}
