//! Makes connections: the address, TCP, TLS and which HTTP is spoken inside, all within one time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpStream;
use tower::Service as _;

use super::destination::{Destination, Tls};
use super::error::{CallError, Unanswered, timed_out};
use super::link::Link;
use super::shared::Shared;
use super::stream::Stream;
use super::{Client, Connection};
use crate::limits::UpstreamLimits;

/// While requests wait for answers on an HTTP/2 connection that is silent, the backend is asked for
/// a sign of life: otherwise a connection that a network forgot would hold all of them until their
/// own times are over. Idle connections are left alone; they end soon by themselves.
const PING_AFTER: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// What one HTTP/2 request body may have waiting to be sent: the kernel buffers as much again.
const SEND_BUFFER: usize = 256 * 1024;

pub(super) fn connector(limits: &UpstreamLimits) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(limits.connect_timeout));
    connector.set_keepalive(Some(Duration::from_secs(60)));
    connector
}

pub(super) fn http1(limits: &UpstreamLimits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    // hyper refuses a smaller buffer.
    protocol
        .max_headers(limits.headers)
        .max_buf_size(limits.header_bytes.max(8 * 1024));
    protocol
}

pub(super) fn http2(limits: &UpstreamLimits) -> http2::Builder<TokioExecutor> {
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    protocol
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
    protocol
}

impl Client {
    /// A connection to `to`; with `use_shared`, one that somebody else makes meanwhile may do.
    pub(super) async fn connect(
        &self,
        to: &Arc<Destination>,
        use_shared: bool,
    ) -> Result<Connection, CallError> {
        if to.is_exclusive.load(Ordering::Relaxed) || !use_shared {
            return self.connect_alone(to).await;
        }
        let turn = self.connect_in_turn(to);
        match tokio::time::timeout(self.connect_timeout, turn).await {
            Ok(result) => result,
            Err(_) => Err(self.too_slow()),
        }
    }

    /// One makes the connection that the others wait for. Once it could not be made, or turns out
    /// not to be one to share, everybody makes one.
    async fn connect_in_turn(&self, to: &Arc<Destination>) -> Result<Connection, CallError> {
        let failures = to.failures.load(Ordering::Relaxed);
        let turn = to.connecting.lock().await;
        if let Some(place) = to.enter() {
            return Ok(Connection::Shared(place));
        }
        let is_hopeless = to.failures.load(Ordering::Relaxed) != failures;
        if is_hopeless || to.is_exclusive.load(Ordering::Relaxed) {
            drop(turn);
        }
        self.connect_alone(to).await
    }

    async fn connect_alone(&self, to: &Arc<Destination>) -> Result<Connection, CallError> {
        let result = self.establish(to).await;
        if result.is_err() {
            to.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    async fn establish(&self, to: &Arc<Destination>) -> Result<Connection, CallError> {
        let Some(tls) = &to.tls else {
            let stream = self.dial(to).await?;
            return self.link(to, Stream::Plain(stream)).await;
        };
        let secured = async {
            let stream = self.dial(to).await?;
            secure(to, tls, stream).await
        };
        let (stream, multiplexes) = tokio::time::timeout(self.connect_timeout, secured)
            .await
            .unwrap_or_else(|_| Err(self.too_slow()))?;
        to.is_exclusive.store(!multiplexes, Ordering::Relaxed);
        if !multiplexes {
            return self.link(to, stream).await;
        }
        let shared = Shared::new(&self.http2, stream).await;
        let shared = shared.map_err(|error| unanswered(to, error))?;
        let place = shared.enter().expect("a new connection has room");
        to.share(shared);
        Ok(Connection::Shared(place))
    }

    async fn dial(&self, to: &Destination) -> Result<TcpStream, CallError> {
        // Connectors are cheap to clone: what they know is shared.
        let stream = self.connector.clone().call(to.url.clone()).await;
        let stream = stream.map_err(|error| CallError::connecting(&to.url, &error))?;
        Ok(stream.into_inner())
    }

    async fn link(&self, to: &Destination, stream: Stream) -> Result<Connection, CallError> {
        let link = Link::new(&self.http1, stream).await;
        let link = link.map_err(|error| unanswered(to, error))?;
        Ok(Connection::Exclusive(Box::new(link)))
    }

    fn too_slow(&self) -> CallError {
        timed_out(format!("no connection within {:?}", self.connect_timeout))
    }
}

/// TLS over `stream`, and whether HTTP/2 is spoken in it.
async fn secure(
    to: &Destination,
    tls: &Tls,
    stream: TcpStream,
) -> Result<(Stream, bool), CallError> {
    let secured = tls.connector.connect(tls.name.clone(), stream).await;
    let secured = secured.map_err(|error| CallError::connecting(&to.url, &error))?;
    let multiplexes = secured.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((Stream::Tls(Box::new(secured)), multiplexes))
}

fn unanswered(to: &Destination, error: hyper::Error) -> CallError {
    let unanswered = Unanswered {
        request: None,
        error,
    };
    unanswered.into_call_error(&to.url, None)
}
