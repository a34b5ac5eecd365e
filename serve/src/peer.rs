//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use http::uri::Scheme;

use crate::tls::ClientCertificate;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of the socket.
    pub address: SocketAddr,
    /// The client that a trusted proxy announced in a PROXY protocol header. Canonical.
    pub announced: Option<IpAddr>,
    /// `https` if the connection is inside TLS, `http` if not.
    pub scheme: Scheme,
    /// The certificate it has shown, if it was asked for one and had one.
    pub certificate: Option<Arc<ClientCertificate>>,
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
            scheme: Scheme::HTTP,
            certificate: None,
        }
    }
}

/// The scheme that the client used, as proxies say it in `X-Forwarded-Proto`: to be asked only
/// about those that are trusted. Of several values the first is the client's side.
#[must_use]
pub fn forwarded_scheme(headers: &HeaderMap) -> Option<Scheme> {
    let text = headers.get("x-forwarded-proto")?.to_str().ok()?;
    let first = text.split(',').next().unwrap_or_default().trim();
    if first.eq_ignore_ascii_case("https") {
        Some(Scheme::HTTPS)
    } else if first.eq_ignore_ascii_case("http") {
        Some(Scheme::HTTP)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_scheme_is_the_clients_and_others_mean_nothing() {
        for (text, expected) in [
            ("https", Some(Scheme::HTTPS)),
            ("HTTPS", Some(Scheme::HTTPS)),
            (" https , http", Some(Scheme::HTTPS)),
            ("http, https", Some(Scheme::HTTP)),
            ("javascript", None),
            ("", None),
            (",https", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-proto", text.parse().unwrap());
            assert_eq!(forwarded_scheme(&headers), expected, "{text:?}");
        }
        assert_eq!(forwarded_scheme(&HeaderMap::new()), None);
    }
}
