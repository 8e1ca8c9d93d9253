//! The network that a request comes from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

const UNKNOWN: &str = "unknown";

/// The network that a request comes from: an IPv4 /24 or an IPv6 /64. One customer gets at least a /64 (RFC 6177), so
/// limits per network cannot be evaded by changing the address within it.
///
/// All requests without an address share one value, [`SourceNetwork::UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceNetwork(Option<IpAddr>);

impl SourceNetwork {
    /// The network of all requests whose address is missing or cannot be read.
    pub const UNKNOWN: Self = Self(None);

    /// The network that contains `address`; [`SourceNetwork::UNKNOWN`] if `address` is not an IP address.
    #[must_use]
    pub fn of_address(address: &str) -> Self {
        Self(IpAddr::from_str(address).ok().map(|address| match address.to_canonical() {
            IpAddr::V4(address) => first_of_ipv4_network(address).into(),
            IpAddr::V6(address) => first_of_ipv6_network(address).into(),
        }))
    }

    /// Whether the network is known. [`SourceNetwork::UNKNOWN`] may stand for many senders.
    #[must_use]
    pub fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }
}

fn first_of_ipv4_network(address: Ipv4Addr) -> Ipv4Addr {
    let [first, second, third, _] = address.octets();
    Ipv4Addr::new(first, second, third, 0)
}

fn first_of_ipv6_network(address: Ipv6Addr) -> Ipv6Addr {
    let [first, second, third, fourth, ..] = address.segments();
    Ipv6Addr::new(first, second, third, fourth, 0, 0, 0, 0)
}

impl fmt::Display for SourceNetwork {
    /// Such as `127.0.113.0/24`, `1:2:3:4::/64` or `unknown`. At most 24 characters.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V4(first)) => write!(formatter, "{first}/24"),
            Some(IpAddr::V6(first)) => write!(formatter, "{first}/64"),
            None => formatter.write_str(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(address: &str) -> String {
        SourceNetwork::of_address(address).to_string()
    }

    #[test]
    fn neighbours_are_of_one_network() {
        assert_eq!(network("127.0.113.7"), "127.0.113.0/24");
        assert_eq!(network("127.0.113.255"), "127.0.113.0/24");
        assert_eq!(network("1:2:3:4:5:6:7:8"), "1:2:3:4::/64");
        assert_eq!(network("1:2:3:4::"), "1:2:3:4::/64");
        assert_ne!(network("127.0.114.7"), network("127.0.113.7"));
        assert_ne!(network("1:2:3:5::1"), network("1:2:3:4::1"));
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_same_client() {
        assert_eq!(network("::ffff:127.0.113.7"), "127.0.113.0/24");
    }

    #[test]
    fn a_text_that_is_no_address_is_unknown() {
        for text in ["", "localhost", "127.0.113", "127.0.113.7, 127.0.114.7", "127.0.113.7:443", "unknown"] {
            assert_eq!(SourceNetwork::of_address(text), SourceNetwork::UNKNOWN, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_network_is_printed_in_few_characters_and_prints_as_the_network_of_its_first_address(address: IpAddr) {
            let printed = network(&address.to_string());
            prop_assert!(printed.len() <= 24, "{}", printed);
            prop_assert_eq!(network(printed.split_once('/').unwrap().0), printed);
        }
    }
}
