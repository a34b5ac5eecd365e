//! The PROXY protocol header (versions 1 and 2 of haproxy's specification) that a load balancer
//! writes before a connection's first byte, here written by us.

use std::net::{IpAddr, SocketAddr};

/// Which form of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What every version 2 header starts with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, command PROXY.
const VERSION_AND_COMMAND: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// The header for a connection of `client` to `target`. Both are of one family.
pub(crate) fn header(version: ProxyVersion, client: SocketAddr, target: SocketAddr) -> Vec<u8> {
    match version {
        ProxyVersion::V1 => {
            let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (client.ip(), target.ip());
            format!(
                "PROXY {family} {from} {to} {} {}\r\n",
                client.port(),
                target.port()
            )
            .into_bytes()
        }
        ProxyVersion::V2 => {
            let mut addresses = Vec::with_capacity(36);
            for ip in [client.ip(), target.ip()] {
                match ip {
                    IpAddr::V4(ip) => addresses.extend(ip.octets()),
                    IpAddr::V6(ip) => addresses.extend(ip.octets()),
                }
            }
            addresses.extend(client.port().to_be_bytes());
            addresses.extend(target.port().to_be_bytes());
            let family = if client.is_ipv4() {
                TCP_OVER_IPV4
            } else {
                TCP_OVER_IPV6
            };
            let length = u16::try_from(addresses.len()).expect("at most 36 bytes");
            let mut header = SIGNATURE.to_vec();
            header.extend([VERSION_AND_COMMAND, family]);
            header.extend(length.to_be_bytes());
            header.extend(addresses);
            header
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: ProxyVersion, client: &str, target: &str) -> Vec<u8> {
        header(version, client.parse().unwrap(), target.parse().unwrap())
    }

    #[test]
    fn version_1_is_the_line_of_the_specification() {
        let line = of(ProxyVersion::V1, "198.18.0.9:4711", "127.0.0.1:8080");
        assert_eq!(line, b"PROXY TCP4 198.18.0.9 127.0.0.1 4711 8080\r\n");
        let line = of(ProxyVersion::V1, "[2001:db8::9]:4711", "[::1]:8080");
        assert_eq!(line, b"PROXY TCP6 2001:db8::9 ::1 4711 8080\r\n");
    }

    #[test]
    fn version_2_has_addresses_and_ports_in_network_order() {
        let bytes = of(ProxyVersion::V2, "198.18.0.9:4711", "127.0.0.1:8080");
        let rest = [
            0x21, 0x11, 0, 12, 198, 18, 0, 9, 127, 0, 0, 1, 0x12, 0x67, 0x1f, 0x90,
        ];
        assert_eq!(bytes, [&SIGNATURE[..], &rest].concat());
        let bytes = of(ProxyVersion::V2, "[2001:db8::9]:1", "[::1]:2");
        assert_eq!((bytes.len(), bytes[13], bytes[15]), (16 + 36, 0x21, 36));
    }
}
