//! Accepts connections, bounded in number, and ends them in an orderly way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::announced;
use crate::limits::Limits;
use crate::peer::Peer;
use crate::proxy_protocol::Source;
use crate::stall::Guarded;

/// How long to wait after a failed accept. What fails then (no free file descriptor) passes when a
/// connection ends, and trying again at once would only take the time that it needs for that.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection that was accepted.
#[derive(Debug)]
pub struct Connection {
    io: TcpStream,
    stall_timeout: Duration,
    /// Whose it is.
    pub peer: Peer,
    /// Once cancelled: finish what is in progress, take no more.
    pub shutdown: CancellationToken,
}

impl Connection {
    /// Its bytes, behind the guard against a peer that takes nothing for [`Limits::stall_timeout`].
    /// `on_read` is told whenever bytes came.
    pub fn guarded<F: Fn()>(self, on_read: F) -> Guarded<TcpStream, F> {
        Guarded::new(self.io, self.stall_timeout, on_read)
    }
}

/// Gives every connection to `handle`, those of `proxies` once they said whose they are in a PROXY
/// protocol header, until `shutdown`; then waits for them, at most [`Limits::drain`]. Whatever is
/// open after that, or when this future is dropped, is cut off.
pub async fn accept<H, F>(
    listener: TcpListener,
    limits: &Limits,
    proxies: &[IpNet],
    handle: H,
    shutdown: CancellationToken,
) where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let handle = Arc::new(handle);
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let (stream, address, place) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = next(&listener, &places) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let handle = Arc::clone(&handle);
        let arrival = Arrival {
            stream,
            peer: Peer::from(address),
            limits: limits.clone(),
            shutdown: shutdown.clone(),
        };
        let announces = contains(proxies, &arrival.peer);
        connections.spawn(async move {
            if let Some(connection) = arrival.identified(announces).await {
                handle(connection).await;
            }
            drop(place);
        });
    }
    // New connections are refused from here on, not left hanging in the backlog.
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "closing connections that did not end in time"
        );
        connections.shutdown().await;
    }
}

fn contains(networks: &[IpNet], peer: &Peer) -> bool {
    let address = peer.ip();
    networks.iter().any(|network| network.contains(&address))
}

/// The next connection and its place. Without a place it waits in the kernel's backlog; errors of
/// single connections are survived.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .expect("nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address, place),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection that has not said anything yet.
struct Arrival {
    stream: TcpStream,
    peer: Peer,
    limits: Limits,
    shutdown: CancellationToken,
}

impl Arrival {
    /// Finds out whose connection it is, if the peer has to say so. `None`: it is to be closed.
    async fn identified(mut self, announces: bool) -> Option<Connection> {
        // Answers are small and written at once: waiting for more to send only delays them.
        if let Err(error) = self.stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
        if announces {
            let within = self.limits.header_timeout;
            let announced = tokio::select! {
                () = self.shutdown.cancelled() => return None,
                announced = announced::source(&mut self.stream, within) => announced,
            };
            match announced {
                Ok(Some(Source::Client(address))) => self.peer.announced = Some(address),
                Ok(Some(Source::Proxy)) => {}
                Ok(None) => return None,
                Err(error) => {
                    let proxy = self.peer.ip();
                    tracing::warn!(%proxy, %error, "a trusted proxy's connection was closed");
                    return None;
                }
            }
        }
        Some(Connection {
            io: self.stream,
            stall_timeout: self.limits.stall_timeout,
            peer: self.peer,
            shutdown: self.shutdown,
        })
    }
}
