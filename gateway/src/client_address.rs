//! Who the client is: the peer of the connection, unless the peer is a configured proxy.
//!
//! `X-Forwarded-For` grows to the right: each proxy appends the address it saw. So the list is read
//! from the right, trusted addresses are skipped, and the first address that is not trusted is the
//! client; whatever stands left of it was typed by that client and means nothing. An entry that is
//! not an address ends the walk at the last good one. `Forwarded` and its relatives are never read
//! (and never forwarded): two headers for one fact are a way around both.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;
use weir_serve::Networks;

/// The header that carries the chain.
pub(crate) const X_FORWARDED_FOR: http::HeaderName =
    http::HeaderName::from_static("x-forwarded-for");

/// Entries read from the right before the walk ends: no real chain is longer, and a forged one must
/// not cost time.
const MOST_ENTRIES: usize = 32;

/// The peers that may say who the client is.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Networks);

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks.into())
    }

    /// Whether `address` belongs to a proxy.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }

    /// The client's address. Canonical: an IPv4 address in IPv6 clothes is an IPv4 address.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let mut last_good = peer;
        let lines = headers.get_all(X_FORWARDED_FOR);
        let entries = lines
            .iter()
            .rev()
            .flat_map(|line| line.as_bytes().rsplit(|b| *b == b','));
        for entry in entries.take(MOST_ENTRIES) {
            let Some(address) = std::str::from_utf8(entry).ok().and_then(parse) else {
                break;
            };
            last_good = address;
            if !self.contains(address) {
                break;
            }
        }
        last_good
    }
}

/// `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:567`.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim_matches([' ', '\t']);
    let address = entry.parse::<IpAddr>().ok();
    let address = address.or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    let address = address.or_else(|| entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::HeaderValue;

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let proxies = TrustedProxies::new(trusted.iter().map(|n| n.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_says() {
        assert_eq!(client(&[], "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(
            client(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn a_trusted_peer_names_the_client() {
        assert_eq!(
            client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[]), "10.0.0.1");
        let mapped = client(&["::ffff:10.0.0.0/104"], "10.0.0.1", &["198.51.100.7"]);
        assert_eq!(mapped, "198.51.100.7", "the same network in other clothes");
    }

    #[test]
    fn forged_entries_on_the_left_mean_nothing() {
        let chain = "1.1.1.1, 2.2.2.2, 198.51.100.7, 10.0.0.2";
        assert_eq!(
            client(&["10.0.0.0/8"], "10.0.0.1", &[chain]),
            "198.51.100.7"
        );
        assert_eq!(
            client(
                &["10.0.0.0/8"],
                "10.0.0.1",
                &["1.1.1.1", "198.51.100.7,10.0.0.2"]
            ),
            "198.51.100.7"
        );
    }

    #[test]
    fn if_all_are_trusted_the_leftmost_is_the_client() {
        assert_eq!(
            client(&["10.0.0.0/8"], "10.0.0.1", &["10.0.0.9, 10.0.0.2"]),
            "10.0.0.9"
        );
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_walk() {
        for odd in [
            "unknown",
            "_hidden",
            "",
            "1.2.3.4.5",
            "[::1",
            "example.org",
            "1.2.3.4:99999",
        ] {
            let chain = format!("198.51.100.7, {odd}, 10.0.0.2");
            assert_eq!(
                client(&["10.0.0.0/8"], "10.0.0.1", &[&chain]),
                "10.0.0.2",
                "{odd}"
            );
        }
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_one_address() {
        for form in [
            "198.51.100.7",
            "198.51.100.7:4711",
            "::ffff:198.51.100.7",
            "[::ffff:198.51.100.7]:9",
        ] {
            assert_eq!(
                client(&["10.0.0.0/8"], "10.0.0.1", &[form]),
                "198.51.100.7",
                "{form}"
            );
        }
        for form in [
            "2001:db8::1",
            "[2001:db8::1]",
            "[2001:db8::1]:443",
            "2001:DB8:0::1",
        ] {
            assert_eq!(
                client(&["10.0.0.0/8"], "10.0.0.1", &[form]),
                "2001:db8::1",
                "{form}"
            );
        }
    }

    #[test]
    fn ten_thousand_entries_are_not_all_read() {
        let chain = format!("198.51.100.7{}", ", 10.0.0.2".repeat(10_000));
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[&chain]), "10.0.0.2");
    }
}
