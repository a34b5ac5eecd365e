//! Many client addresses from one machine.
//!
//! - As **source addresses**: on Linux all of 127.0.0.0/8 is this machine, so connections to
//!   loopback can really come from thousands of addresses. Nothing has to trust anything.
//! - As a **claim** in a header or in a PROXY protocol preamble, for a target that trusts this
//!   machine as its load balancer. Claimed addresses are those set aside for benchmarks
//!   (198.18.0.0/15, RFC 2544) and for documentation (2001:db8::/32): they belong to nobody, and no
//!   list of trusted proxies holds them by accident.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderName;

use crate::proxy_protocol::ProxyVersion;

/// How many client addresses, and how they show.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// How many. One without a mode: the machine's own.
    pub count: u32,
    /// How the target gets to know them.
    pub mode: AddressMode,
}

/// How the target gets to know a client address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AddressMode {
    /// The machine's own address, for all requests.
    #[default]
    Own,
    /// Connections come from addresses of 127.0.0.0/8.
    Source,
    /// A header names the client.
    Header(HeaderName),
    /// Each connection starts with a PROXY protocol header.
    Proxy(ProxyVersion),
}

impl Addresses {
    /// Whether connections belong to an address, or carry requests of all.
    pub(crate) fn are_per_connection(&self) -> bool {
        matches!(self.mode, AddressMode::Source | AddressMode::Proxy(_))
    }

    /// How many there are: at least one.
    pub(crate) fn len(&self) -> u32 {
        if self.mode == AddressMode::Own {
            1
        } else {
            self.count.max(1)
        }
    }

    /// The address number `n`, for a target of this family; `None` if it is the machine's own.
    pub(crate) fn nth(&self, n: u32, target: IpAddr) -> Option<IpAddr> {
        match self.mode {
            AddressMode::Own => None,
            // Not 127.0.0.1, which everything else on the machine uses.
            AddressMode::Source => Some(IpAddr::V4(offset(Ipv4Addr::new(127, 16, 0, 1), n))),
            AddressMode::Header(_) => Some(IpAddr::V4(offset(CLAIMED, n))),
            AddressMode::Proxy(_) if target.is_ipv4() => Some(IpAddr::V4(offset(CLAIMED, n))),
            AddressMode::Proxy(_) => {
                let first = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
                Some(IpAddr::V6(Ipv6Addr::from_bits(
                    first.to_bits() + u128::from(n),
                )))
            }
        }
    }
}

const CLAIMED: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

fn offset(first: Ipv4Addr, n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(first.to_bits().saturating_add(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caps;

    fn all(mode: AddressMode, target: &str) -> Vec<IpAddr> {
        let addresses = Addresses {
            count: caps::ADDRESSES,
            mode,
        };
        (0..addresses.len())
            .map(|n| addresses.nth(n, target.parse().unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn as_many_as_the_caps_allow_stay_in_their_network() {
        let source = all(AddressMode::Source, "127.0.0.1");
        assert!(source.iter().all(|address| address.is_loopback()));
        assert_eq!(source[1].to_string(), "127.16.0.2");
        let claimed = all(AddressMode::Proxy(ProxyVersion::V1), "127.0.0.1");
        assert!(claimed.iter().all(|a| a.to_string().starts_with("198.1")));
        let claimed = all(AddressMode::Proxy(ProxyVersion::V2), "::1");
        assert!(
            claimed
                .iter()
                .all(|a| a.to_string().starts_with("2001:db8:"))
        );
        assert_eq!(
            claimed
                .iter()
                .collect::<std::collections::HashSet<_>>()
                .len(),
            caps::ADDRESSES as usize
        );
    }

    #[test]
    fn without_a_mode_there_is_one_address() {
        let own = Addresses {
            count: 9,
            mode: AddressMode::Own,
        };
        assert_eq!(
            (own.len(), own.nth(0, IpAddr::V4(Ipv4Addr::LOCALHOST))),
            (1, None)
        );
    }
}
