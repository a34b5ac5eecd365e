//! The listener: HTTP/1.1 and HTTP/2 with prior knowledge, bounded, and drained at the end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::host::Host;

/// How long to wait after the system refused a connection, which is when it is out of file
/// descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Streams of one HTTP/2 connection at a time. One gateway may well have a single connection, and
/// must be able to use all the places there are (200 outstanding requests by default) and to be
/// told when it wants more.
const STREAMS: u32 = 256;

/// Serves until `shutdown`, then lets requests under way end, for as long as `limits.drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    host: Arc<Host>,
    limits: &Limits,
    shutdown: CancellationToken,
) {
    let builder = Arc::new(builder(limits));
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            let slot = Arc::clone(&slots)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            let (stream, peer) = accept(&listener).await;
            while connections.try_join_next().is_some() {}
            let connection = Connection {
                stream,
                peer,
                host: Arc::clone(&host),
                builder: Arc::clone(&builder),
                watcher: graceful.watcher(),
                first_request: limits.header_time,
            };
            connections.spawn(async move {
                connection.serve().await;
                drop(slot);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.cancelled() => {}
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(limit = ?limits.drain, "requests still under way are cut off");
    }
    connections.shutdown().await;
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    const KEEP_ALIVE: Duration = Duration::from_secs(30);
    /// The least that hyper takes.
    const LEAST_BUFFER: usize = 8192;
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(
            usize::try_from(limits.header_bytes)
                .unwrap_or(usize::MAX)
                .max(LEAST_BUFFER),
        );
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(limits.header_bytes);
    builder
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

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    host: Arc<Host>,
    builder: Arc<Builder<TokioExecutor>>,
    watcher: Watcher,
    first_request: Duration,
}

impl Connection {
    async fn serve(self) {
        let Self {
            stream,
            peer,
            host,
            builder,
            watcher,
            first_request,
        } = self;
        // Answers are small: holding them back to fill a packet only costs time.
        let _ = stream.set_nodelay(true);
        let spoke = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let spoke = Arc::clone(&spoke);
            move |request| {
                spoke.store(true, Ordering::Relaxed);
                let host = Arc::clone(&host);
                async move { Ok::<_, std::convert::Infallible>(host.answer(peer, request).await) }
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let mut connection = pin!(watcher.watch(connection));
        // While the protocol is being told apart, no timer of the library runs; this one covers
        // that.
        let ended = match tokio::time::timeout(first_request, &mut connection).await {
            Ok(ended) => ended,
            Err(_) if !spoke.load(Ordering::Relaxed) => return,
            Err(_) => connection.await,
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "the connection broke");
        }
    }
}
