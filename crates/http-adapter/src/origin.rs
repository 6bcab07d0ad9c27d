//! Where a request comes from.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use ipnet::IpNet;
use labgate_domain::ports::Source;

/// The other end of the connection that a request came over; the accept loop states it as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Addresses of proxies whose `X-Forwarded-For` is believed: one address, or a network such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyNetwork(IpNet);

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

/// The source of a request: the peer, or behind trusted proxies the last address that is none of theirs. Without a
/// trusted proxy nothing that a client says counts.
pub(crate) fn source(peer: Option<Peer>, headers: &HeaderMap, proxies: &[ProxyNetwork]) -> Option<Source> {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|proxy| proxy.0.contains(&address.to_canonical()));
    let Peer(peer) = peer?;
    if !is_proxy(&peer) {
        return Some(Source::of(peer));
    }
    let mut hops: Vec<&str> = Vec::new();
    for line in headers.get_all("x-forwarded-for") {
        hops.extend(line.to_str().ok()?.split(',').map(str::trim));
    }
    for hop in hops.into_iter().rev() {
        // What cannot be read cannot be judged: the source is not known, and nobody else is blamed for it.
        let address: IpAddr = hop.parse().ok()?;
        if !is_proxy(&address) {
            return Some(Source::of(address));
        }
    }
    Some(Source::of(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source_of(peer: &str, forwarded: &[&str], proxies: &[&str]) -> Option<String> {
        let headers = forwarded
            .iter()
            .map(|line| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap()))
            .collect();
        let proxies: Vec<ProxyNetwork> = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        let source = source(Some(Peer(peer.parse().unwrap())), &headers, &proxies);
        source.map(|source| source.address().to_string())
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
    fn a_network_is_an_address_or_a_prefix() {
        for good in ["127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8"] {
            assert!(good.parse::<ProxyNetwork>().is_ok(), "{good}");
        }
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0"] {
            assert_eq!(bad.parse::<ProxyNetwork>(), Err(NotANetwork), "{bad}");
        }
    }
}
