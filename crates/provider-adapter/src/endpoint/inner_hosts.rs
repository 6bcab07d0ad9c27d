//! The hosts inside this machine or a private network.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::Host;

/// Returns whether a host is loopback, link-local, private, unspecified, or otherwise no public unicast
/// address. The `url` crate has already turned the decimal, octal, hexadecimal and short forms of an IPv4
/// address into the usual one.
pub(super) fn is_inner(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => names_this_machine(name),
        Host::Ipv4(address) => is_inner_v4(*address),
        Host::Ipv6(address) => is_inner_v6(*address),
    }
}

/// The names of RFC 6761 section 6.3, and those that hosts files commonly give to loopback addresses.
fn names_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    matches!(name, "localhost" | "localhost.localdomain" | "ip6-localhost" | "ip6-loopback")
        || name.ends_with(".localhost")
}

/// RFC 6890 and its registry, without the documentation networks: those lead nowhere.
fn is_inner_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240
}

/// RFC 6890, site-local addresses (RFC 3879), local-use NAT64 (RFC 8215), and what stands for an inner IPv4
/// address.
fn is_inner_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || matches!(segments, [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..])
        || embedded_v4(segments).is_some_and(is_inner_v4)
}

/// The IPv4 address that an IPv6 one stands for: mapped (`::ffff:0:0/96`), compatible (`::/96`), NAT64
/// (`64:ff9b::/96`, RFC 6052) and 6to4 (`2002::/16`, RFC 3056).
fn embedded_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0 | 0xffff, high, low]
    | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
    | [0x2002, high, low, ..]) = segments
    else {
        return None;
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}
