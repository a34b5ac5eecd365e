//! Sets of addresses that somebody named: trusted proxies, those who may call.
//!
//! An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address, and a network of such
//! addresses the IPv4 network. Both are brought into that form here and nowhere else, so that a
//! network means the same wherever it is written.

use std::net::IpAddr;

use ipnet::IpNet;

/// Addresses before the 32 bits of an IPv4 one (RFC 4291, section 2.5.5.2).
const MAPPED: u8 = 96;

/// Networks in the form that addresses are compared in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether `address` lies in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self(networks.into_iter().map(canonical).collect())
    }
}

impl From<Vec<IpNet>> for Networks {
    fn from(networks: Vec<IpNet>) -> Self {
        networks.into_iter().collect()
    }
}

fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    match (
        v6.prefix_len().checked_sub(MAPPED),
        v6.addr().to_canonical(),
    ) {
        (Some(length), IpAddr::V4(address)) => IpNet::new_assert(address.into(), length),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn addresses_and_networks_in_other_clothes_are_the_same() {
        for written in ["127.0.0.0/8", "::ffff:127.0.0.0/104"] {
            let networks = networks(&[written]);
            for inside in ["127.9.8.7", "::ffff:127.0.0.1"] {
                assert!(
                    networks.contains(inside.parse().unwrap()),
                    "{written} {inside}"
                );
            }
            for outside in ["128.0.0.1", "::1", "::127.0.0.1"] {
                assert!(
                    !networks.contains(outside.parse().unwrap()),
                    "{written} {outside}"
                );
            }
        }
        let wide = networks(&["::/0"]);
        assert!(wide.contains("2001:db8::1".parse().unwrap()));
        assert!(
            !wide.contains("10.0.0.1".parse().unwrap()),
            "IPv4 is another family"
        );
        assert!(networks(&[]).is_empty());
    }
}
