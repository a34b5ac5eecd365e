//! One client connection: HTTP/1.1 or HTTP/2, until it is idle for too long or told to end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stall::Watched;
use crate::config::ClientLimits;
use crate::gateway::Current;
use crate::metrics::Lasting;

/// What is going on on a connection, so that an idle one can be ended and a busy one is not.
#[derive(Debug)]
pub(crate) struct Activity {
    lasting: Arc<Lasting>,
    opened: Instant,
    in_progress: AtomicUsize,
    /// When the last request ended, in milliseconds after `opened`; 0 before the first.
    last_end: AtomicU64,
    /// When the headers of the next HTTP/1 request began to come, likewise; 0 while none do.
    headers_since: AtomicU64,
    /// HTTP/2 has frames besides requests: bytes on an idle connection mean nothing there.
    http2: AtomicBool,
}

impl Activity {
    fn new(lasting: Arc<Lasting>) -> Self {
        lasting.connection_opened();
        Self {
            lasting,
            opened: Instant::now(),
            in_progress: AtomicUsize::new(0),
            last_end: AtomicU64::new(0),
            headers_since: AtomicU64::new(0),
            http2: AtomicBool::new(false),
        }
    }

    pub(crate) fn lasting(&self) -> &Lasting {
        &self.lasting
    }

    /// The headers of a request are there.
    pub(crate) fn begin(&self, version: Version) {
        self.in_progress.fetch_add(1, Ordering::AcqRel);
        if version == Version::HTTP_2 {
            self.http2.store(true, Ordering::Relaxed);
        }
        self.headers_since.store(0, Ordering::Release);
    }

    /// The answer was sent, or nobody wants it any more.
    pub(crate) fn end(&self) {
        self.last_end.store(self.now(), Ordering::Release);
        self.in_progress.fetch_sub(1, Ordering::AcqRel);
    }

    /// Bytes came.
    fn read(&self) {
        let waiting =
            self.in_progress.load(Ordering::Acquire) == 0 && !self.http2.load(Ordering::Relaxed);
        if waiting && self.headers_since.load(Ordering::Acquire) == 0 {
            self.headers_since.store(self.now(), Ordering::Release);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// When the connection has been idle for too long, if nothing happens until then. `None`: it is
    /// busy.
    fn deadline(&self, limits: &ClientLimits) -> Option<Instant> {
        if self.in_progress.load(Ordering::Acquire) > 0 {
            return None;
        }
        let (end, headers) = (
            self.last_end.load(Ordering::Acquire),
            self.headers_since.load(Ordering::Acquire),
        );
        Some(match (end, headers) {
            (0, _) => self.opened + limits.header_timeout,
            (end, 0) => self.opened + Duration::from_millis(end) + limits.idle_timeout,
            (_, since) => self.opened + Duration::from_millis(since) + limits.header_timeout,
        })
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.lasting.connection_closed();
    }
}

/// What serving one connection takes.
pub(super) struct Connection {
    /// Each request is answered by the gateway that holds when it comes.
    pub(super) gateway: Current,
    /// Whose connection it is: the other end of the socket, or the client it announced.
    pub(super) peer: IpAddr,
    pub(super) limits: ClientLimits,
    /// Trusted proxies begin with a PROXY protocol header.
    pub(super) proxy_protocol: bool,
    /// Finish what is in progress, take no more.
    pub(super) shutdown: CancellationToken,
    /// Stop at once.
    pub(super) abort: CancellationToken,
}

impl Connection {
    pub(super) async fn serve(self, stream: TcpStream, protocols: &Builder<TokioExecutor>) {
        let Self {
            gateway,
            peer,
            limits,
            shutdown,
            abort,
            ..
        } = self;
        // Answers are small and written at once: waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
        let activity = Arc::new(Activity::new(Arc::clone(
            gateway.load().counters().lasting(),
        )));
        let service = {
            let activity = Arc::clone(&activity);
            service_fn(move |request: Request<Incoming>| {
                let (gateway, activity) = (gateway.load_full(), Arc::clone(&activity));
                async move { Ok::<_, Infallible>(gateway.handle(request, peer, &activity).await) }
            })
        };
        let reading = Arc::clone(&activity);
        let io = TokioIo::new(Watched::new(stream, limits.stall_timeout, move || {
            reading.read();
        }));
        let mut connection = pin!(protocols.serve_connection(io, service));
        let mut idle = pin!(tokio::time::sleep_until(
            Instant::now() + limits.header_timeout
        ));
        let mut orders = orders(shutdown, abort);
        let mut ending = false;
        loop {
            tokio::select! {
                // The connection is nearly always why this task was woken.
                biased;
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(%error, %peer, "a connection ended early");
                    }
                    return;
                }
                Some(order) = orders.next() => match order {
                    Order::Stop => return,
                    Order::End if ending => {}
                    Order::End => {
                        ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                },
                () = &mut idle => {
                    let now = Instant::now();
                    let deadline = activity.deadline(&limits);
                    let next = match deadline {
                        Some(deadline) if deadline <= now && ending => return,
                        Some(deadline) if deadline <= now => {
                            ending = true;
                            connection.as_mut().graceful_shutdown();
                            // A peer that does not end the connection either has this long.
                            now + limits.header_timeout
                        }
                        // The deadline comes closer when headers begin to come: look again soon
                        // enough for that.
                        Some(deadline) => deadline.min(now + limits.header_timeout),
                        None => now + limits.header_timeout,
                    };
                    idle.as_mut().reset(next);
                }
            }
        }
    }
}

/// What a connection is told from outside.
enum Order {
    /// Finish what is in progress, take no more.
    End,
    /// Stop at once.
    Stop,
}

/// The orders as they come. Asking for the next costs nothing while there is none: a cancellation
/// token by itself takes a lock that all connections share, each time this task is woken.
fn orders(
    shutdown: CancellationToken,
    abort: CancellationToken,
) -> FuturesUnordered<BoxFuture<'static, Order>> {
    let end = shutdown.cancelled_owned().map(|()| Order::End).boxed();
    let stop = abort.cancelled_owned().map(|()| Order::Stop).boxed();
    [end, stop].into_iter().collect()
}
