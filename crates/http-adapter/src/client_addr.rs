//! The address of the client, behind trusted proxies.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Once;

use http::HeaderMap;
use ipnet::IpNet;
use labgate_domain::ForeignText;
use labgate_domain::ports::Source;
use serde::Serialize;

/// The other end of the connection that a request came over; the accept loop states it as an extension of the
/// request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The address of a trusted proxy, or a network of them such as `10.0.0.0/8`: its `X-Forwarded-For` is
/// believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyNetwork(IpNet);

impl ProxyNetwork {
    /// Returns whether the address is a proxy of this network.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl std::fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("is neither an IP address nor a network such as 10.0.0.0/8")
    }
}

impl std::error::Error for NotANetwork {}

impl FromStr for ProxyNetwork {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| NotANetwork)
    }
}

/// The source of a request, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddr {
    pub(crate) told_by: AddrSource,
    pub(crate) source: Source,
    /// The value that is no address, if there was one.
    pub(crate) unreadable: Option<ForeignText>,
}

/// The source of a client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AddrSource {
    /// The connection itself: no trusted proxy is in between.
    Connection,
    /// A trusted proxy.
    Forwarded,
    /// A trusted proxy that names only trusted proxies: it asks for itself, or does not say for which client.
    Proxy,
    /// A proxy that the operator has not told us of.
    UnknownProxy,
    /// A trusted proxy, in words that are no address.
    Unreadable,
}

/// Returns the source of a request: the peer, or behind trusted proxies the last address that is none of
/// theirs. Without a trusted proxy no header counts.
///
/// A private address that forwards a request is a proxy that the operator has not named. The people behind it
/// are many: counted as one, a few mistyped passwords would make all of them wait. So they count as a shared
/// source under the proxy's address, with a larger allowance; and so do those behind a trusted proxy that sends
/// no address. A public address always counts as itself.
pub(crate) fn client_addr(peer: Option<Peer>, headers: &HeaderMap, proxies: &[ProxyNetwork]) -> ClientAddr {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|proxy| proxy.0.contains(&address.to_canonical()));
    let found = |told_by, source| ClientAddr { told_by, source, unreadable: None };
    let Some(Peer(peer)) = peer else { return found(AddrSource::Connection, Source::default()) };
    if !is_proxy(&peer) {
        if is_private(peer.to_canonical()) && FORWARDING.iter().any(|name| headers.contains_key(*name)) {
            warn_of_unknown_proxy(peer, &WARNED_OF_PROXY);
            return found(AddrSource::UnknownProxy, Source::behind(peer));
        }
        return found(AddrSource::Connection, Source::of(peer));
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    // From the last on, for only what our own proxies have added can be believed: whatever a client put
    // before it, readable or not, is never looked at.
    for hop in lines.into_iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
        // An unreadable hop cannot be judged: no other address is blamed for it.
        let Some(address) = std::str::from_utf8(hop).ok().and_then(address_of) else {
            let value = ForeignText::new(String::from_utf8_lossy(hop).trim());
            warn_of_unreadable_address(peer, &value, &WARNED_OF_VALUE);
            let source = Source::behind(peer);
            return ClientAddr { told_by: AddrSource::Unreadable, source, unreadable: Some(value) };
        };
        if !is_proxy(&address) {
            return found(AddrSource::Forwarded, Source::of(address));
        }
    }
    found(AddrSource::Proxy, Source::behind(peer))
}

/// Reads an address, with or without a port: `192.0.2.1`, `192.0.2.1:4711` (as the gateways of Azure and IIS
/// write it), `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    hop.parse().ok().or_else(with_port).or_else(|| bracketed().map(IpAddr::from))
}

/// The headers in which proxies name their clients.
const FORWARDING: [&str; 2] = ["x-forwarded-for", "forwarded"];

/// Done when the operator was told of a proxy that is not configured, or of a value that is no address: once is
/// enough, it comes with each request.
static WARNED_OF_PROXY: Once = Once::new();
static WARNED_OF_VALUE: Once = Once::new();

fn warn_of_unknown_proxy(proxy: IpAddr, warned: &Once) {
    warned.call_once(|| {
        tracing::warn!(
            %proxy,
            "a proxy forwards requests and is not in LABGATE_TRUSTED_PROXIES: the clients behind it cannot be told \
             apart, and share one rate limit. If it is yours, add its address there"
        );
    });
}

fn warn_of_unreadable_address(proxy: IpAddr, value: &ForeignText, warned: &Once) {
    warned.call_once(|| {
        let shape = shape_of(value.as_str());
        tracing::warn!(
            %proxy, shape,
            "a trusted proxy sends a value in X-Forwarded-For that is no address (9 stands for a digit, a for a \
             letter): the clients behind it cannot be told apart, and share one rate limit. Let it send the \
             client's IP address"
        );
    });
}

/// Returns the form of a value without its content.
fn shape_of(value: &str) -> String {
    let sign = |c: char| {
        if c.is_ascii_digit() {
            '9'
        } else if c.is_alphabetic() {
            'a'
        } else {
            c
        }
    };
    value.chars().take(64).map(sign).collect()
}

/// Addresses that are not reached from the internet: loopback, private use (RFC 1918, RFC 4193), link-local,
/// and shared between carrier and customer (RFC 6598), which container networks use too.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = matches!(v4.octets(), [100, 64..=127, ..]);
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lines;

    fn source_of(peer: &str, forwarded: &[&str], proxies: &[&str]) -> Option<String> {
        let headers = forwarded
            .iter()
            .map(|line| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap()))
            .collect();
        let proxies: Vec<ProxyNetwork> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        let client_addr = client_addr(Some(Peer(peer.parse().unwrap())), &headers, &proxies);
        client_addr.source.address().map(|address| address.to_string())
    }

    #[test]
    fn c181_without_a_trusted_proxy_the_header_is_ignored() {
        assert_eq!(source_of("192.0.2.1", &["198.51.100.7"], &[]).unwrap(), "192.0.2.1");
        assert_eq!(source_of("192.0.2.1", &["198.51.100.7"], &["10.0.0.0/8"]).unwrap(), "192.0.2.1");
    }

    #[test]
    fn c184_the_last_hop_that_is_no_proxy_counts() {
        let proxies = ["10.0.0.0/8", "192.0.2.9"];
        let of = |forwarded: &[&str]| source_of("10.1.1.1", forwarded, &proxies);
        assert_eq!(of(&["203.0.113.5, 198.51.100.7, 10.2.2.2"]).unwrap(), "198.51.100.7");
        assert_eq!(of(&["203.0.113.5", "198.51.100.7, 192.0.2.9"]).unwrap(), "198.51.100.7");
        assert_eq!(of(&[]), None, "the client shares it with all behind the proxy");
        assert_eq!(of(&["198.51.100.7, unknown"]), None);
    }

    #[test]
    fn c184_a_client_cannot_hide_its_address_behind_another_entry() {
        for planted in ["\u{e9}, ", "unknown, ", ", ", "\"_x\", ", "1.2.3.4.5, "] {
            let forwarded = [format!("{planted}198.51.100.7")];
            let forwarded: Vec<&str> = forwarded.iter().map(String::as_str).collect();
            assert_eq!(source_of("10.1.1.1", &forwarded, &["10.0.0.0/8"]).unwrap(), "198.51.100.7");
            let lines = [planted, "198.51.100.7"];
            assert_eq!(source_of("10.1.1.1", &lines, &["10.0.0.0/8"]).unwrap(), "198.51.100.7");
        }
    }

    #[test]
    fn the_source_of_an_address_is_known() {
        for (peer, forwarded, source) in [
            ("192.0.2.1", None, "connection"),
            ("192.0.2.1", Some("198.51.100.7"), "connection"),
            ("10.1.1.1", None, "proxy"),
            ("10.1.1.1", Some("10.2.2.2"), "proxy"),
            ("10.1.1.1", Some("198.51.100.7"), "forwarded"),
            ("10.1.1.1", Some("198.51.100.7:4711"), "forwarded"),
            ("10.1.1.1", Some("client-7"), "unreadable"),
            ("172.18.0.2", None, "connection"),
            ("172.18.0.2", Some("198.51.100.7"), "unknown_proxy"),
        ] {
            let header = |line: &str| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap());
            let headers = forwarded.map(header).into_iter().collect();
            let proxies = ["10.0.0.0/8".parse().unwrap()];
            let client_addr = client_addr(Some(Peer(peer.parse().unwrap())), &headers, &proxies);
            assert_eq!(serde_json::json!(client_addr.told_by), source, "{peer} {forwarded:?}");
            let known = ["connection", "forwarded"].contains(&source);
            assert_eq!(client_addr.source.address().is_some(), known, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn f04_every_request_has_a_source() {
        let of = |peer: &str, forwarded: &str| {
            let header = ("x-forwarded-for".parse().unwrap(), forwarded.parse().unwrap());
            let headers = [header].into_iter().collect();
            let proxies = ["10.0.0.0/8".parse().unwrap()];
            client_addr(Some(Peer(peer.parse().unwrap())), &headers, &proxies).source
        };
        let client = |address: &str| Source::of(address.parse().unwrap());
        let behind = |address: &str| Source::behind(address.parse().unwrap());
        for (peer, forwarded, source) in [
            // Azure's gateways and IIS.
            ("10.1.1.1", "203.0.113.7:4711", client("203.0.113.7")),
            ("10.1.1.1", "198.51.100.1, 203.0.113.7:65535", client("203.0.113.7")),
            ("10.1.1.1", "203.0.113.7:4711, 10.2.2.2:80", client("203.0.113.7")),
            ("10.1.1.1", "[2001:db8::1]:4711", client("2001:db8::1")),
            ("10.1.1.1", "[2001:db8::1]", client("2001:db8::1")),
            ("10.1.1.1", "2001:db8::1", client("2001:db8::1")),
            // No address: the clients of the proxy, whatever each of them sends.
            ("10.1.1.1", "unknown", behind("10.1.1.1")),
            ("10.1.1.1", "203.0.113.7:99999", behind("10.1.1.1")),
            ("10.1.1.1", "203.0.113.7:", behind("10.1.1.1")),
            ("10.1.1.1", "[203.0.113.7]", behind("10.1.1.1")),
            ("10.1.1.1", "203.0.113.7, ", behind("10.1.1.1")),
            ("10.1.1.1", "\"203.0.113.7\"", behind("10.1.1.1")),
            // A private peer that is no trusted proxy.
            ("172.18.0.2", "203.0.113.7", behind("172.18.0.2")),
            ("172.18.0.2", "1.2.3.4", behind("172.18.0.2")),
            ("172.18.0.2", "nonsense", behind("172.18.0.2")),
        ] {
            assert_eq!(of(peer, forwarded), source, "{peer} {forwarded}");
        }
    }

    #[test]
    fn f04_the_operator_is_told_once_of_a_value_that_is_no_address_by_its_shape() {
        let lines = Lines::default();
        let _guard = lines.collect();
        let warned = Once::new();
        for value in ["client-203.0.113.7;x", "other"] {
            warn_of_unreadable_address([10, 0, 0, 1].into(), &ForeignText::new(value), &warned);
        }
        let text = lines.text();
        assert_eq!(text.matches("X-Forwarded-For").count(), 1, "{text}");
        assert!(text.contains("aaaaaa-999.9.999.9;a") && !text.contains("203.0.113.7"), "{text}");
    }

    #[test]
    fn behind_a_private_unknown_proxy_the_address_is_unknown() {
        for peer in [
            "127.0.0.1",
            "::1",
            "10.1.1.1",
            "172.18.0.2",
            "192.168.1.1",
            "100.64.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(source_of(peer, &["198.51.100.7"], &[]), None, "{peer}");
            assert_eq!(source_of(peer, &["198.51.100.7"], &["192.0.2.0/24"]), None, "{peer}");
            assert!(source_of(peer, &[], &[]).is_some(), "{peer} forwards nothing");
        }
        let headers =
            [("forwarded".parse().unwrap(), "for=198.51.100.7".parse().unwrap())].into_iter().collect();
        assert_eq!(client_addr(Some(Peer([10, 1, 1, 1].into())), &headers, &[]).source.address(), None);
    }

    #[test]
    fn a_public_address_cannot_hide_behind_the_header() {
        for peer in ["192.0.2.1", "2001:db8::1", "172.32.0.1", "100.128.0.1", "::ffff:192.0.2.1"] {
            let plain = source_of(peer, &[], &[]);
            assert!(plain.is_some());
            assert_eq!(source_of(peer, &["198.51.100.7"], &[]), plain, "{peer}");
        }
    }

    #[test]
    fn the_operator_is_told_once_of_an_unknown_proxy() {
        let lines = Lines::default();
        let _guard = lines.collect();
        let warned = Once::new();
        for last in 1..4 {
            warn_of_unknown_proxy([10, 0, 0, last].into(), &warned);
        }
        let text = lines.text();
        assert_eq!(text.matches("LABGATE_TRUSTED_PROXIES").count(), 1, "{text}");
        assert!(text.contains("10.0.0.1"), "{text}");
    }

    #[test]
    fn a_network_is_an_address_or_a_prefix() {
        for good in ["127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8"] {
            assert!(good.parse::<ProxyNetwork>().is_ok(), "{good}");
        }
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0"] {
            assert_eq!(bad.parse::<ProxyNetwork>(), Err(NotANetwork), "{bad}");
        }
    }
}
