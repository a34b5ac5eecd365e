//! Binding addresses, before anything else starts: a taken port is an error and nothing is
//! half-started.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};
use weir_serve::Listeners;

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
    Ok(Listeners {
        service: bind(service)?,
        ops: Some(bind(ops)?),
    })
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

/// Prints, on standard output, where a role is to be found.
#[allow(clippy::print_stdout)] // the one line of output that a person or a script waits for
pub(crate) fn announce(role: &str, scheme: &str, listeners: &Listeners) {
    let service = address_of(&listeners.service);
    match &listeners.ops {
        Some(ops) => println!(
            "{role} {scheme}://{service} operations http://{}",
            address_of(ops)
        ),
        None => println!("{role} {scheme}://{service}"),
    }
}
