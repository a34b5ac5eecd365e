//! Binding addresses, before anything else starts: a taken port is an error and nothing is
//! half-started.

use std::net::SocketAddr;

use http::HeaderValue;
use tokio::net::{TcpListener, TcpSocket};
use weir_serve::{Listeners, Tls, TlsListener};

use crate::error::Error;

/// Connections the kernel keeps waiting while we are busy accepting; the usual ceiling of
/// `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// One address to listen on and the flag that chooses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    pub(crate) at: SocketAddr,
    pub(crate) flag: &'static str,
}

/// Binds a role's listeners.
pub(crate) fn bind_both(service: Address, ops: Address) -> Result<Listeners, Error> {
    Ok(Listeners::plain(bind(service)?, Some(bind(ops)?)))
}

/// Binds a role's listeners, that for TLS among them if there is one.
pub(crate) fn bind_all(
    service: Address,
    secure: Option<Secure>,
    ops: Address,
) -> Result<Listeners, Error> {
    let mut listeners = bind_both(service, ops)?;
    if let Some(secure) = secure {
        listeners.tls = Some(TlsListener {
            listener: bind(secure.address)?,
            tls: secure.tls,
            redirect: secure.redirect,
            strict_transport: secure.strict_transport,
        });
    }
    Ok(listeners)
}

/// TLS that is to be served, and where.
#[derive(Debug)]
pub(crate) struct Secure {
    pub(crate) address: Address,
    pub(crate) tls: Tls,
    /// See [`TlsListener::redirect`].
    pub(crate) redirect: Option<u16>,
    /// See [`TlsListener::strict_transport`].
    pub(crate) strict_transport: Option<HeaderValue>,
}

fn bind(address: Address) -> Result<TcpListener, Error> {
    let open = || {
        let socket = if address.at.is_ipv6() {
            TcpSocket::new_v6()?
        } else {
            TcpSocket::new_v4()?
        };
        // A restarted role takes its port back at once, without waiting for old connections to time
        // out.
        socket.set_reuseaddr(true)?;
        socket.bind(address.at)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| Error::Bind {
        address: address.at,
        flag: address.flag,
        source,
    })
}

/// The address a listener really has (port 0 was replaced by a free one).
pub(crate) fn address_of(listener: &TcpListener) -> SocketAddr {
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

#[cfg(feature = "development")]
/// What a browser on this machine calls a listener. `localhost`, because there, over http, cookies
/// marked `Secure` work and scripts may use the browser's cryptography, which signing in needs.
pub(crate) fn localhost_url(address: SocketAddr) -> String {
    format!("http://localhost:{}", address.port())
}

#[cfg(feature = "development")]
/// The same over TLS.
pub(crate) fn https_localhost_url(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}

/// Prints, on standard output, where a role is to be found.
#[allow(clippy::print_stdout)] // the one line of output that a person or a script waits for
pub(crate) fn announce(role: &str, scheme: &str, listeners: &Listeners) {
    let mut line = format!("{role} {scheme}://{}", address_of(&listeners.service));
    if let Some(secure) = &listeners.tls {
        line.push_str(&format!(" https://{}", address_of(&secure.listener)));
    }
    if let Some(ops) = &listeners.ops {
        line.push_str(&format!(" operations http://{}", address_of(ops)));
    }
    println!("{line}");
}
