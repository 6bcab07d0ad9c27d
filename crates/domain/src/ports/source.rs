use std::net::{IpAddr, Ipv6Addr};

/// The network source of a request: what rate limits and shares of work are counted under. There always is
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Place);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// No address at all.
    #[default]
    Nowhere,
    /// Clients that a proxy does not tell apart.
    Behind(IpAddr),
    Client(IpAddr),
}

impl Source {
    /// Returns the source of a client: an IPv6 host stands for its /64, an IPv4-mapped address for the IPv4
    /// one.
    #[must_use]
    pub fn of(client: IpAddr) -> Self {
        Self(Place::Client(network(client, 64)))
    }

    /// Returns the source of all clients behind a proxy that does not tell them apart. They share one, with a
    /// larger allowance.
    #[must_use]
    pub fn behind(proxy: IpAddr) -> Self {
        Self(Place::Behind(network(proxy, 64)))
    }

    /// Returns the client's address, if it is known.
    #[must_use]
    pub fn address(self) -> Option<IpAddr> {
        match self.0 {
            Place::Client(address) => Some(address),
            Place::Behind(_) | Place::Nowhere => None,
        }
    }

    /// Returns whether many clients share the source.
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.address().is_none()
    }

    /// Returns the site that the source belongs to: one customer has a whole IPv6 /48.
    #[must_use]
    pub fn site(self) -> Self {
        Self(match self.0 {
            Place::Client(address) => Place::Client(network(address, 48)),
            other => other,
        })
    }

    /// Returns the bytes that stand for the source in a key.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let of = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        match self.0 {
            Place::Nowhere => b"nowhere".to_vec(),
            Place::Behind(address) => [b"behind".to_vec(), of(address)].concat(),
            Place::Client(address) => of(address),
        }
    }
}

fn network(address: IpAddr, prefix: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    #[test]
    fn c177_an_ipv6_host_is_its_network() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn f07_a_site_is_an_ipv6_48_or_an_ipv4_address() {
        assert_eq!(of("2001:db8:1:2::1").site(), of("2001:db8:1:ffff::9").site());
        assert_ne!(of("2001:db8:1:2::1").site(), of("2001:db8:2:2::1").site());
        assert_ne!(of("192.0.2.1").site(), of("192.0.2.2").site());
    }

    #[test]
    fn f04_clients_behind_a_proxy_are_a_source_of_their_own() {
        let proxy = "10.0.0.1".parse().unwrap();
        assert_ne!(Source::behind(proxy), Source::of(proxy));
        assert_ne!(Source::behind(proxy).bytes(), Source::of(proxy).bytes());
        assert!(Source::behind(proxy).is_shared() && Source::default().is_shared());
        assert!(!Source::of(proxy).is_shared());
        assert_eq!(Source::behind(proxy).address(), None);
    }
}
