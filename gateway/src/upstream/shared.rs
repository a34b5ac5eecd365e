//! A connection to a backend that many requests use at once: HTTP/2.
//!
//! It runs in tasks of its own, because no request is there from its beginning to its end. How many
//! requests it carries is what the backend allows, so that none waits for another inside it.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header::HOST};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::body::RequestBody;
use super::error::Unanswered;
use super::stream::Stream;

/// Requests on one connection until the backend has said how many it allows: the least that RFC
/// 9113 recommends.
const STREAMS_BEFORE_SETTINGS: usize = 100;
/// The most, whatever the backend allows: one lost packet holds up all of them.
const MOST_STREAMS: usize = 256;

/// One connection.
#[derive(Debug)]
pub(super) struct Shared {
    sender: SendRequest<RequestBody>,
    /// Requests in progress.
    open: AtomicUsize,
    /// What the backend allows.
    most: AtomicUsize,
    /// Whether it refused a request: the next one goes elsewhere.
    retired: AtomicBool,
    /// When the last request ended.
    unused_since: Mutex<Instant>,
}

/// The place of one request on a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Shared>);

impl Shared {
    pub(super) async fn new(
        protocol: &Builder<TokioExecutor>,
        stream: Stream,
    ) -> hyper::Result<Arc<Self>> {
        let (sender, mut connection) = protocol.handshake(TokioIo::new(stream)).await?;
        let shared = Arc::new(Self {
            sender,
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(STREAMS_BEFORE_SETTINGS),
            retired: AtomicBool::new(false),
            unused_since: Mutex::new(Instant::now()),
        });
        // Weak: the connection ends when nobody can send on it any more.
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            let ended = poll_fn(|cx| {
                let poll = Pin::new(&mut connection).poll(cx);
                if let (Poll::Pending, Some(shared)) = (&poll, weak.upgrade()) {
                    let allowed = connection.current_max_send_streams();
                    shared
                        .most
                        .store(allowed.clamp(1, MOST_STREAMS), Ordering::Relaxed);
                }
                poll
            });
            if let Err(error) = ended.await {
                tracing::debug!(%error, "an HTTP/2 connection to a backend ended early");
            }
        });
        Ok(shared)
    }

    /// Whether nothing more can be sent on it.
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed() || self.retired.load(Ordering::Relaxed)
    }

    /// Whether no request used it for that long.
    pub(super) fn is_unused_for(&self, time: Duration) -> bool {
        self.open.load(Ordering::Acquire) == 0 && self.unused_since.lock().elapsed() >= time
    }

    /// A place for one more request, if there is one.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let most = self.most.load(Ordering::Relaxed);
        let one_more = |open| (open < most).then_some(open + 1);
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.unused_since.lock() = Instant::now();
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Place {
    /// Sends `request` and waits for the headers of the response.
    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let host = request.headers_mut().remove(HOST);
        name_authority(&mut request, host.as_ref());
        let sent = self.0.sender.clone().try_send_request(request).await;
        sent.map_err(|error| {
            let mut unanswered = Unanswered::from(error);
            if unanswered.was_refused() {
                self.0.retired.store(true, Ordering::Relaxed);
            }
            if let (Some(request), Some(host)) = (&mut unanswered.request, host) {
                request.headers_mut().insert(HOST, host);
            }
            unanswered
        })
    }
}

/// In HTTP/2 the host is part of the URL (RFC 9113, section 8.3.1), that of the `Host` if a policy
/// chose one.
fn name_authority(request: &mut Request<RequestBody>, host: Option<&HeaderValue>) {
    let chosen = host.and_then(|host| host.as_bytes().try_into().ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = chosen.or(parts.authority);
    parts
        .path_and_query
        .get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}
