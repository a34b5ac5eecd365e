//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of the socket.
    pub address: SocketAddr,
    /// The client that a trusted proxy announced in a PROXY protocol header. Canonical.
    pub announced: Option<IpAddr>,
}

impl Peer {
    /// Whose connection it is: the client that was announced, else the other end of the socket.
    /// Canonical: an IPv4 address in IPv6 clothes is an IPv4 address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.announced
            .unwrap_or_else(|| self.address.ip().to_canonical())
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            announced: None,
        }
    }
}
