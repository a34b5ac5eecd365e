//! Accepts connections, bounded in number, and ends them in an orderly way.

mod announced;
mod connection;
mod stall;

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::connection::Activity;
use crate::config::ClientLimits;
use crate::gateway::Current;

/// How long to wait after a failed accept. What fails then (no free file descriptor) passes when a
/// connection ends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// HTTP/2 connections are asked for a sign of life this often, and given up after the second
/// interval without one.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Serves connections (those of trusted proxies with `proxy_protocol` once they said whose they
/// are) until `shutdown`, then tells every one to end and waits for the requests in progress, at
/// most as long as the limits say.
pub(crate) async fn serve(
    listener: TcpListener,
    gateway: Current,
    limits: &ClientLimits,
    proxy_protocol: bool,
    shutdown: CancellationToken,
) {
    let protocols = Arc::new(protocols(limits));
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    while let Some(place) = next_place(&places, &shutdown).await {
        let Some((mut stream, peer)) = accept(&listener, &shutdown).await else {
            break;
        };
        let connection = connection::Connection {
            gateway: Arc::clone(&gateway),
            peer: peer.ip().to_canonical(),
            limits: limits.clone(),
            proxy_protocol,
            shutdown: shutdown.clone(),
            abort: abort.clone(),
        };
        let protocols = Arc::clone(&protocols);
        connections.spawn(async move {
            if let Some(connection) = connection.identified(&mut stream).await {
                connection.serve(stream, &protocols).await;
            }
            drop(place);
        });
    }
    // New connections are refused from here on, not left hanging in the backlog.
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "closing connections that did not end in time"
        );
        abort.cancel();
        connections.wait().await;
    }
}

async fn next_place(
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<tokio::sync::OwnedSemaphorePermit> {
    tokio::select! {
        () = shutdown.cancelled() => None,
        place = Arc::clone(places).acquire_owned() => place.ok(),
    }
}

/// The next connection; errors of single connections are survived.
async fn accept(
    listener: &TcpListener,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, std::net::SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => return Some(connection),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn protocols(limits: &ClientLimits) -> Builder<TokioExecutor> {
    // hyper refuses a smaller buffer.
    let header_bytes = limits.header_bytes.max(8 * 1024);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        // hyper's own timer cannot tell slow headers from an idle connection; ours can
        // (`connection::Activity`).
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(header_bytes)
        .max_headers(limits.headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
    builder
}
