//! The listener: HTTP/1.1, bounded in connections, header size and time, and drained at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::site::Site;
use crate::stall::Impatient;

/// A browser opens six, and lets go of them when it has the files. More wait.
const CONNECTIONS: usize = 4096;

/// How long a client may take for the head of a request, and how long a connection may idle.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Room for the head: cookies of every other program on `localhost` come along.
const HEAD_BYTES: usize = 64 * 1024;

/// How long a client may take none of what is sent to it.
const STALL: Duration = Duration::from_secs(30);

/// How long answers under way may go on when the role stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long to wait after the system refused a connection, which is when it is out of file
/// descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then lets answers under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    site: Site,
    metrics: Metrics,
    shutdown: CancellationToken,
) {
    let site = Arc::new(site);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            let place = Arc::clone(&places)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let (stream, peer) = accept(&listener).await;
            while connections.try_join_next().is_some() {}
            let connection = serve_connection(
                stream,
                peer,
                Arc::clone(&site),
                metrics.clone(),
                graceful.watcher(),
            );
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.cancelled() => {}
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(limit = ?DRAIN, "answers still under way are cut off");
    }
    connections.shutdown().await;
}

/// The next connection. Errors here are about one connection or pass by themselves.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    site: Arc<Site>,
    metrics: Metrics,
    watcher: Watcher,
) {
    // The end of an answer should not wait for a packet to fill.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let (outcome, response) =
            site.answer(request.method(), request.uri().path(), request.headers());
        metrics.request(outcome);
        tracing::debug!(method = %request.method(), path = request.uri().path(), status = response.status().as_u16());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Impatient::new(stream, STALL)), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "the connection broke");
    }
}
