//! Accepts connections, bounded in number, and ends them in an orderly way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::uri::Scheme;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::announced;
use crate::io::Io;
use crate::limits::Limits;
use crate::listeners::Sockets;
use crate::networks::Networks;
use crate::peer::Peer;
use crate::proxy_protocol::Source;
use crate::stall::Guarded;
use crate::tls::{ClientCertificate, Handshake, Tls};

/// How long to wait after a failed accept. What fails then (no free file descriptor) passes when a
/// connection ends, and trying again at once would only take the time that it needs for that.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection that was accepted.
#[derive(Debug)]
pub struct Connection {
    io: Io,
    stall_timeout: Duration,
    /// Whose it is.
    pub peer: Peer,
    /// Once cancelled: finish what is in progress, take no more.
    pub shutdown: CancellationToken,
}

impl Connection {
    /// Its bytes, behind the guard against a peer that takes nothing for [`Limits::stall_timeout`].
    /// `on_read` is told whenever bytes came.
    pub fn guarded<F: Fn()>(self, on_read: F) -> Guarded<Io, F> {
        Guarded::new(self.io, self.stall_timeout, on_read)
    }
}

/// Gives every connection to `handle`, those of `proxies` once they said whose they are in a PROXY
/// protocol header, those over TLS once the handshake is done, until `shutdown`; then waits for
/// them, at most [`Limits::drain`]. Whatever is open after that, or when this future is dropped, is
/// cut off.
pub async fn accept<H, F>(
    sockets: Sockets,
    limits: &Limits,
    proxies: &Networks,
    handle: H,
    shutdown: CancellationToken,
) where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let handle = Arc::new(handle);
    let places = Arc::new(Semaphore::new(limits.connections));
    // Half of the places: peers that only ever begin handshakes cannot take the rest.
    let handshakes = Arc::new(Semaphore::new(limits.connections.div_ceil(2)));
    let plain = (sockets.plain, None);
    let secure = sockets
        .tls
        .map(|secure| (secure.listener, Some(secure.tls)));
    let loops = [plain].into_iter().chain(secure).map(|(listener, tls)| {
        let places = Arc::clone(&places);
        let template = Template {
            tls,
            handshakes: Arc::clone(&handshakes),
            limits: limits.clone(),
            proxies: proxies.clone(),
            shutdown: shutdown.clone(),
        };
        accept_on(listener, places, template, Arc::clone(&handle))
    });
    join_all(loops).await;
}

async fn accept_on<H, F>(
    listener: TcpListener,
    places: Arc<Semaphore>,
    template: Template,
    handle: Arc<H>,
) where
    H: Fn(Connection) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let template = Arc::new(template);
    let mut connections = JoinSet::new();
    loop {
        let (stream, address, place) = tokio::select! {
            () = template.shutdown.cancelled() => break,
            accepted = next(&listener, &places) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (template, handle) = (Arc::clone(&template), Arc::clone(&handle));
        connections.spawn(async move {
            if let Some(connection) = template.open(stream, address).await {
                handle(connection).await;
            }
            drop(place);
        });
    }
    // New connections are refused from here on, not left hanging in the backlog.
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let drain = template.limits.drain;
    if tokio::time::timeout(drain, ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "closing connections that did not end in time"
        );
        connections.shutdown().await;
    }
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

/// What all connections of a socket begin with.
struct Template {
    tls: Option<Tls>,
    handshakes: Arc<Semaphore>,
    limits: Limits,
    proxies: Networks,
    shutdown: CancellationToken,
}

impl Template {
    /// Makes a connection of what was accepted. `None`: it is to be closed.
    async fn open(&self, mut stream: TcpStream, address: SocketAddr) -> Option<Connection> {
        // Answers are small and written at once: waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
        let mut peer = Peer::from(address);
        let opened = async {
            self.identify(&mut stream, &mut peer).await?;
            match &self.tls {
                None => Some(Io::Tcp(stream)),
                Some(tls) => self.secure(tls, stream, &mut peer).await,
            }
        };
        let io = tokio::select! {
            () = self.shutdown.cancelled() => None,
            io = opened => io,
        };
        Some(Connection {
            io: io?,
            stall_timeout: self.limits.stall_timeout,
            peer,
            shutdown: self.shutdown.clone(),
        })
    }

    /// Finds out whose connection it is, if the peer has to say so.
    async fn identify(&self, stream: &mut TcpStream, peer: &mut Peer) -> Option<()> {
        let proxy = peer.ip();
        if !self.proxies.contains(proxy) {
            return Some(());
        }
        match announced::source(stream, self.limits.header_timeout).await {
            Ok(Some(Source::Client(address))) => peer.announced = Some(address),
            Ok(Some(Source::Proxy)) => {}
            Ok(None) => return None,
            Err(error) => {
                tracing::warn!(%proxy, %error, "a trusted proxy's connection was closed");
                return None;
            }
        }
        Some(())
    }

    async fn secure(&self, tls: &Tls, stream: TcpStream, peer: &mut Peer) -> Option<Io> {
        let address = peer.ip();
        let Ok(_under_way) = self.handshakes.try_acquire() else {
            tls.count(Handshake::Refused);
            tracing::debug!(peer = %address, "too many TLS handshakes are under way");
            return None;
        };
        let handshake = tls.handshake(stream);
        let stream = match tokio::time::timeout(self.limits.header_timeout, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tls.count(Handshake::Failure);
                tracing::debug!(peer = %address, %error, "a TLS handshake failed");
                return None;
            }
            Err(_) => {
                tls.count(Handshake::Timeout);
                tracing::debug!(peer = %address, "a TLS handshake took too long");
                return None;
            }
        };
        tls.count(Handshake::Success);
        peer.scheme = Scheme::HTTPS;
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.and_then(|chain| ClientCertificate::read(chain.first()?));
        peer.certificate = shown.map(Arc::new);
        Some(Io::Tls(Box::new(stream)))
    }
}
