//! HTTP/1.1 and HTTP/2 on accepted connections, until one is idle for too long or told to end.

use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::STRICT_TRANSPORT_SECURITY;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::accept::{Connection, accept};
use crate::activity::{Activity, OpenConnections};
use crate::limits::Limits;
use crate::listeners::Sockets;
use crate::networks::Networks;
use crate::peer::{Peer, forwarded_scheme};
use crate::redirect;

/// HTTP/2 connections are asked for a sign of life this often, and given up after the second
/// interval without one.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// hyper refuses a smaller buffer for a request's head.
const LEAST_BUFFER: usize = 8 * 1024;

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// What answers consist of.
    type Body: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers one request of the connection from `peer`. Never fails: whatever goes wrong is an
    /// answer.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Which protocols are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1.1.
    Http1,
    /// HTTP/1.1, and HTTP/2 with prior knowledge.
    Http1AndHttp2,
}

/// How HTTP is served.
#[derive(Debug, Clone)]
pub struct Http {
    /// What connections may hold.
    pub limits: Limits,
    /// What they may speak.
    pub protocols: Protocols,
    /// Peers that may say who the client is, and whether it came over TLS.
    pub trusted: Networks,
    /// Those peers begin each connection with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Counts the connections that are open.
    pub open: OpenConnections,
}

impl Http {
    /// Within `limits`; nobody is trusted, and nobody redirected.
    #[must_use]
    pub fn new(protocols: Protocols, limits: Limits) -> Self {
        Self {
            limits,
            protocols,
            trusted: Networks::default(),
            proxy_protocol: false,
            open: OpenConnections::default(),
        }
    }

    /// The scheme that the client of `peer` used.
    fn scheme(&self, peer: &Peer, headers: &HeaderMap) -> Scheme {
        let address = peer.ip();
        let believed = self.trusted.contains(address);
        let forwarded = if believed {
            forwarded_scheme(headers)
        } else {
            None
        };
        forwarded.unwrap_or_else(|| peer.scheme.clone())
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let header_bytes = self.limits.header_bytes.max(LEAST_BUFFER);
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            // hyper's own timer cannot tell slow headers from an idle connection; ours can
            // (`Activity`).
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(header_bytes)
            .max_headers(self.limits.headers);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL);
        match self.protocols {
            Protocols::Http1 => builder.http1_only(),
            Protocols::Http1AndHttp2 => builder,
        }
    }
}

/// Serves connections until `shutdown`, then tells every one to end and waits for the requests in
/// progress, at most as long as the limits say.
pub async fn http<S: Service>(
    sockets: Sockets,
    how: Http,
    service: S,
    shutdown: CancellationToken,
) {
    let limits = how.limits.clone();
    let proxies = if how.proxy_protocol {
        how.trusted.clone()
    } else {
        Networks::default()
    };
    let server = Arc::new(Server {
        builder: how.builder(),
        redirect: sockets.tls.as_ref().and_then(|tls| tls.redirect),
        strict_transport: sockets
            .tls
            .as_ref()
            .and_then(|tls| tls.strict_transport.clone()),
        how,
        service,
    });
    let handle = move |connection| Arc::clone(&server).serve(connection);
    accept(sockets, &limits, &proxies, handle, shutdown).await;
}

struct Server<S> {
    builder: Builder<TokioExecutor>,
    redirect: Option<u16>,
    strict_transport: Option<HeaderValue>,
    how: Http,
    service: S,
}

/// A connection and what serves it: all that a request on it needs, shared as one.
struct Session<S> {
    server: Arc<Server<S>>,
    peer: Peer,
    activity: Activity,
}

impl<S: Service> Server<S> {
    async fn serve(self: Arc<Self>, connection: Connection) {
        let shutdown = connection.shutdown.clone();
        let session = Arc::new(Session {
            server: Arc::clone(&self),
            peer: connection.peer.clone(),
            activity: Activity::new(self.how.open.clone()),
        });
        let reading = Arc::clone(&session);
        let io = TokioIo::new(connection.guarded(move || reading.activity.read()));
        let service = service_fn(|request: Request<Incoming>| {
            let session = Arc::clone(&session);
            async move { Ok::<_, Infallible>(session.answer(request).await) }
        });
        let limits = &self.how.limits;
        let mut connection = pin!(self.builder.serve_connection(io, service));
        let mut idle = pin!(tokio::time::sleep_until(
            Instant::now() + limits.header_timeout
        ));
        let mut end = order(shutdown);
        let mut ending = false;
        loop {
            tokio::select! {
                // The connection is nearly always why this task was woken.
                biased;
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        let peer = session.peer.ip();
                        tracing::debug!(%error, %peer, "a connection ended early");
                    }
                    return;
                }
                Some(()) = end.next() => {
                    if !ending {
                        ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
                () = &mut idle => {
                    let now = Instant::now();
                    let next = match session.activity.deadline(limits) {
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

impl<S: Service> Server<S> {
    /// What is answered, with no body if it is not the service that answers.
    async fn response(&self, request: Request<Incoming>, peer: &Peer) -> Response<Option<S::Body>> {
        if self.redirect.is_none() && self.strict_transport.is_none() {
            return self.service.answer(request, peer).await.map(Some);
        }
        let over_tls = self.how.scheme(peer, request.headers()) == Scheme::HTTPS;
        if let Some(port) = self.redirect.filter(|_| !over_tls) {
            return redirect::to_tls(request.uri(), request.headers(), port).map(|()| None);
        }
        let mut response = self.service.answer(request, peer).await.map(Some);
        if let Some(value) = self.strict_transport.as_ref().filter(|_| over_tls) {
            let headers = response.headers_mut();
            headers.insert(STRICT_TRANSPORT_SECURITY, value.clone());
        }
        response
    }
}

impl<S: Service> Session<S> {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Tracked<S>> {
        let in_progress = InProgress::begin(self, request.version());
        let session = &*in_progress.0;
        let response = session.server.response(request, &session.peer).await;
        response.map(|body| Tracked {
            body,
            _in_progress: in_progress,
        })
    }
}

/// The order to finish what is in progress and take no more. Asking whether it came costs nothing
/// while it did not: a cancellation token by itself takes a lock that all connections share, each
/// time this task is woken.
fn order(
    shutdown: CancellationToken,
) -> FuturesUnordered<tokio_util::sync::WaitForCancellationFutureOwned> {
    [shutdown.cancelled_owned()].into_iter().collect()
}

/// Marks a request as in progress on its connection until it is dropped.
struct InProgress<S>(Arc<Session<S>>);

impl<S> InProgress<S> {
    fn begin(session: Arc<Session<S>>, version: Version) -> Self {
        session.activity.begin(version);
        Self(session)
    }
}

impl<S> Drop for InProgress<S> {
    fn drop(&mut self) {
        self.0.activity.end();
    }
}

/// An answer on its way: its request is in progress until it is sent or dropped.
struct Tracked<S: Service> {
    /// `None`: nothing.
    body: Option<S::Body>,
    _in_progress: InProgress<S>,
}

impl<S: Service> Body for Tracked<S> {
    type Data = <S::Body as Body>::Data;
    type Error = <S::Body as Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut self.get_mut().body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
