//! The sockets a role serves on.

use http::HeaderValue;
use tokio::net::TcpListener;
use weir_telemetry::Ops;

use crate::tls::Tls;

/// Sockets that are bound already, so that a role never has to say which port was taken: whoever
/// started it knows.
#[derive(Debug)]
pub struct Listeners {
    /// Where the role does its work.
    pub service: TcpListener,
    /// Where it does the same over TLS.
    pub tls: Option<TlsListener>,
    /// Where [`operations`](crate::operations) answers; without it the role has no operations
    /// endpoints.
    pub ops: Option<TcpListener>,
}

/// A socket for TLS.
#[derive(Debug)]
pub struct TlsListener {
    /// The socket.
    pub listener: TcpListener,
    /// Its certificates.
    pub tls: Tls,
    /// Clients that come to the other socket are sent to this port, at which they reach this one;
    /// all but those of trusted proxies that say in `X-Forwarded-Proto` that they came over TLS.
    pub redirect: Option<u16>,
    /// What browsers that came over TLS are told (`Strict-Transport-Security`, RFC 6797).
    pub strict_transport: Option<HeaderValue>,
}

/// The sockets on which a role does its work.
#[derive(Debug)]
pub struct Sockets {
    pub(crate) plain: TcpListener,
    pub(crate) tls: Option<TlsListener>,
}

impl From<TcpListener> for Sockets {
    fn from(plain: TcpListener) -> Self {
        Self { plain, tls: None }
    }
}

impl Listeners {
    /// Without TLS.
    #[must_use]
    pub fn plain(service: TcpListener, ops: Option<TcpListener>) -> Self {
        Self {
            service,
            tls: None,
            ops,
        }
    }

    /// Where the role does its work, and where operators look. What is counted of TLS is registered
    /// with `ops`.
    #[must_use]
    pub fn split(self, ops: &Ops) -> (Sockets, Option<TcpListener>) {
        if let Some(secure) = &self.tls {
            secure.tls.register(ops);
        }
        let sockets = Sockets {
            plain: self.service,
            tls: self.tls,
        };
        (sockets, self.ops)
    }
}
