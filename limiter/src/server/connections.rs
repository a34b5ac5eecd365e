//! Serving connections: a bounded number of them, and no busy loop when the machine has no room for
//! another.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::calls::Calls;

/// Gateways hold one connection each; this is room for a thousand of them.
const MAX_CONNECTIONS: usize = 1_024;

/// The pause after a failed accept. It fails when the process is out of file descriptors, and
/// trying again at once only takes the time that would free one.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Calls one connection may have in flight. A gateway has one connection and may have thousands of
/// requests waiting.
const CALLS_PER_CONNECTION: u32 = 4_096;

/// Calls a client may give up before they are looked at, without its connection being taken for an
/// attack: after a standstill a gateway has given up all it was waiting for.
const GIVEN_UP_CALLS: usize = CALLS_PER_CONNECTION as usize;

/// A peer that does not answer a ping in this time is gone, and its connection's place is free
/// again.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// gRPC metadata is a few hundred bytes; a caller with more is something else.
const MAX_HEADER_BYTES: u32 = 16 * 1_024;

/// Serves connections until `stop`, then those that are open until they have answered what they
/// were asked. Dropped, it cuts them off.
pub(crate) async fn serve<S>(listener: TcpListener, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            (stream, place) = accept(&listener, &places) => {
                let (service, stop) = (service.clone(), stop.clone());
                open.spawn(async move {
                    serve_one(stream, service, stop).await;
                    drop(place);
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// The next connection and its place. Without a place it waits in the kernel's backlog.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // It fails only if the semaphore is closed, which nobody does.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small: waiting to fill a packet would only delay them. A socket that
                // refuses the option works all the same.
                let _ = stream.set_nodelay(true);
                return (stream, place);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

async fn serve_one<S>(stream: TcpStream, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let calls = Calls::default();
    let connection = Builder::new(calls.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(CALLS_PER_CONNECTION)
        .max_pending_accept_reset_streams(GIVEN_UP_CALLS)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_header_list_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = calls
        .drive(connection, stop.cancelled(), |connection| {
            connection.graceful_shutdown();
        })
        .await
    {
        tracing::debug!(%error, "a connection broke");
    }
}
