//! The address of the client, behind trusted proxies.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Once;

use http::HeaderMap;
use ipnet::IpNet;
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

/// The address of a client, and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddr {
    pub(crate) source: AddrSource,
    /// `None` when it cannot be known.
    pub(crate) address: Option<Source>,
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

/// Returns the address of the client: the peer, or behind trusted proxies the last address that is none of
/// theirs. Without a trusted proxy no header counts.
///
/// A private address that forwards a request is a proxy that the operator has not named. The people behind it
/// are many: counted as one, a few mistyped passwords would shut all of them out, so the address counts as
/// unknown. Only the operator's own network can have that by sending the header; a public address always
/// counts as itself. The attempts against one account are counted in either case.
pub(crate) fn client_addr(peer: Option<Peer>, headers: &HeaderMap, proxies: &[ProxyNetwork]) -> ClientAddr {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|proxy| proxy.0.contains(&address.to_canonical()));
    let known = |source, address| ClientAddr { source, address: Some(Source::of(address)) };
    let unknown = |source| ClientAddr { source, address: None };
    let Some(Peer(peer)) = peer else { return unknown(AddrSource::Connection) };
    if !is_proxy(&peer) {
        if is_private(peer.to_canonical()) && FORWARDING.iter().any(|name| headers.contains_key(*name)) {
            warn_of_unknown_proxy(peer, &WARNED);
            return unknown(AddrSource::UnknownProxy);
        }
        return known(AddrSource::Connection, peer);
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    // From the last on, for only what our own proxies have added can be believed: whatever a client put
    // before it, readable or not, is never looked at.
    for hop in lines.into_iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')) {
        // An unreadable hop cannot be judged: the address is unknown, and no other one is blamed for it.
        let Some(address) = std::str::from_utf8(hop).ok().and_then(|hop| hop.trim().parse::<IpAddr>().ok())
        else {
            return unknown(AddrSource::Unreadable);
        };
        if !is_proxy(&address) {
            return known(AddrSource::Forwarded, address);
        }
    }
    known(AddrSource::Proxy, peer)
}

/// The headers in which proxies name their clients.
const FORWARDING: [&str; 2] = ["x-forwarded-for", "forwarded"];

/// Done when the operator was told of a proxy that is not configured: once is enough, it comes with each
/// request.
static WARNED: Once = Once::new();

fn warn_of_unknown_proxy(proxy: IpAddr, warned: &Once) {
    warned.call_once(|| {
        tracing::warn!(
            %proxy,
            "a proxy forwards requests and is not in LABGATE_TRUSTED_PROXIES: who tries passwords through it cannot be \
             told apart. If it is yours, add its address there"
        );
    });
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
        client_addr.address.map(|source| source.address().to_string())
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
        assert_eq!(of(&[]).unwrap(), "10.1.1.1");
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
            ("10.1.1.1", Some("198.51.100.7:4711"), "unreadable"),
            ("172.18.0.2", None, "connection"),
            ("172.18.0.2", Some("198.51.100.7"), "unknown_proxy"),
        ] {
            let header = |line: &str| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap());
            let headers = forwarded.map(header).into_iter().collect();
            let proxies = ["10.0.0.0/8".parse().unwrap()];
            let client_addr = client_addr(Some(Peer(peer.parse().unwrap())), &headers, &proxies);
            assert_eq!(serde_json::json!(client_addr.source), source, "{peer} {forwarded:?}");
            let known = ["connection", "proxy", "forwarded"].contains(&source);
            assert_eq!(client_addr.address.is_some(), known, "{peer} {forwarded:?}");
        }
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
        assert_eq!(client_addr(Some(Peer([10, 1, 1, 1].into())), &headers, &[]).address, None);
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
