//! Serving gRPC on accepted connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use weir_serve::{Connection, Limits, Sockets};

use super::calls::Calls;

/// A peer that does not answer a ping in this time is gone, and its connection's place is free
/// again.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client says before anything else (RFC 9113, section 3.4). Pings begin after it, so that
/// they do not find a peer that never says it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves connections until `stop`, then those that are open until they have answered what they
/// were asked, at most as long as the limits say.
pub(crate) async fn serve<S>(sockets: Sockets, limits: &Limits, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let shared = Arc::new(limits.clone());
    let handle = move |connection| serve_one(connection, Arc::clone(&shared), service.clone());
    weir_serve::accept(
        sockets,
        limits,
        &weir_serve::Networks::default(),
        handle,
        stop,
    )
    .await;
}

async fn serve_one<S>(connection: Connection, limits: Arc<Limits>, service: S)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let calls = Calls::default();
    let stop = connection.shutdown.clone();
    let io = connection
        .guarded(|| ())
        .opening(PREFACE.len(), limits.header_timeout);
    let connection = Builder::new(calls.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        // Calls a client may give up before they are looked at, without its connection being taken
        // for an attack: after a standstill a gateway has given up all it was waiting for.
        .max_pending_accept_reset_streams(limits.streams as usize)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(io), service);
    if let Err(error) = calls
        .drive(connection, stop.cancelled(), |connection| {
            connection.graceful_shutdown();
        })
        .await
    {
        tracing::debug!(%error, "a connection broke");
    }
}
