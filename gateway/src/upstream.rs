//! Calls backends: kept connections, plain or in TLS, HTTP/1.1 or HTTP/2; streamed bodies, a time
//! for every phase.
//!
//! A request is sent once, unless a kept connection turns out to have ended. One that was closed
//! before a byte of the request was written gives it back untouched, and it goes out on another
//! one. One that ends before a byte of the answer came may have been closed, or forgotten by a
//! network, just then: the request goes out once more, on a fresh connection, if doing it twice is
//! the same as doing it once (RFC 9110, 9.2.2) and it has no body. So does, without a body, what
//! an HTTP/2 backend says it has not looked at (RFC 9113, 8.7). Dropping the call (the client went
//! away) closes its connection, or its stream in HTTP/2, which is how a backend learns of it.

pub(crate) mod bases;
pub(crate) mod body;
mod connect;
mod destination;
mod error;
mod link;
mod shared;
mod stream;
pub(crate) mod target;
pub(crate) mod tls;
mod upstream_body;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery};
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use self::body::RequestBody;
pub(crate) use self::destination::Destination;
use self::destination::Destinations;
pub(crate) use self::error::CallError;
use self::error::{Unanswered, broken, timed_out};
use self::link::Link;
use self::shared::Place;
use self::tls::{Terms, TlsFiles};
pub(crate) use self::upstream_body::UpstreamBody;
use crate::limits::UpstreamLimits;

/// The client side of the gateway.
#[derive(Debug)]
pub(crate) struct Client {
    connector: HttpConnector,
    http1: hyper::client::conn::http1::Builder,
    http2: hyper::client::conn::http2::Builder<TokioExecutor>,
    connect_timeout: Duration,
    /// Header lines of one response.
    headers: usize,
    destinations: Destinations,
}

/// A connection that a request can be sent on.
enum Connection {
    /// For this request alone.
    Exclusive(Box<Link>),
    /// Others use it too.
    Shared(Place),
}

impl Client {
    pub(crate) fn new(limits: &UpstreamLimits) -> Self {
        Self {
            connector: connect::connector(limits),
            http1: connect::http1(limits),
            http2: connect::http2(limits),
            connect_timeout: limits.connect_timeout,
            headers: limits.headers,
            destinations: Destinations::new(limits.idle_connections, limits.idle_timeout),
        }
    }

    /// Where requests to `authority` go: in TLS if there are `terms`.
    pub(crate) fn destination(
        &self,
        authority: &Authority,
        terms: Option<&Terms>,
        files: &TlsFiles,
    ) -> Arc<Destination> {
        self.destinations.get(authority, terms, files)
    }

    /// Sends `request`; `timeout` is the time until the headers of the response.
    pub(crate) async fn call(
        &self,
        to: &Arc<Destination>,
        request: Request<RequestBody>,
        timeout: Duration,
    ) -> Result<Response<UpstreamBody>, CallError> {
        match tokio::time::timeout(timeout, self.send(to, request)).await {
            // A 101 would make the connection something else than HTTP; nobody asked for that.
            Ok(Ok(response)) if response.status().is_informational() => {
                Err(broken("the backend answered with an informational status"))
            }
            Ok(result) => result,
            Err(_) => Err(timed_out(format!("no response headers within {timeout:?}"))),
        }
    }

    async fn send(
        &self,
        to: &Arc<Destination>,
        mut request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, CallError> {
        let has_upload = !request.body().is_end_stream();
        let mut use_kept = true;
        loop {
            let kept = if use_kept { kept(to).await } else { None };
            let is_kept = kept.is_some();
            let connection = match kept {
                Some(connection) => connection,
                None => Box::pin(self.connect(to, use_kept)).await?,
            };
            let is_shared = matches!(connection, Connection::Shared(_));
            let may_repeat = is_shared || request.method().is_idempotent();
            let copy = (is_kept && !has_upload && may_repeat).then(|| copy_of(&request));
            let upload = (is_shared && has_upload).then(|| request.body_mut().witness());
            let sent = match connection {
                Connection::Exclusive(link) => exclusive(to, link, request, has_upload).await,
                Connection::Shared(place) => self.shared(place, request).await,
            };
            let unanswered = match sent {
                // HTTP/1.1 has seen to that while it read.
                Ok(response) if response.headers().len() > self.headers => {
                    return Err(broken("the response has too many headers"));
                }
                Ok(response) => return Ok(response),
                Err(unanswered) => unanswered,
            };
            match (unanswered, copy) {
                (
                    Unanswered {
                        request: Some(untouched),
                        ..
                    },
                    _,
                ) if is_kept => request = untouched,
                (unanswered @ Unanswered { request: None, .. }, Some(copy))
                    if unanswered.was_refused()
                        || copy.method().is_idempotent() && unanswered.connection_ended() =>
                {
                    tracing::debug!(backend = %to.url, "a kept connection had ended: asked again on a fresh one");
                    (request, use_kept) = (copy, false);
                }
                (unanswered, _) => {
                    let upload = upload.and_then(|upload| upload.get().copied());
                    return Err(unanswered.into_call_error(&to.url, upload));
                }
            }
        }
    }

    async fn shared(
        &self,
        place: Place,
        request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let response = place.send(request).await?;
        Ok(response.map(|body| UpstreamBody::shared(body, place)))
    }
}

/// A kept connection to `to`.
async fn kept(to: &Arc<Destination>) -> Option<Connection> {
    if !to.is_exclusive.load(Ordering::Relaxed)
        && let Some(place) = to.enter()
    {
        return Some(Connection::Shared(place));
    }
    let link = poll_fn(|cx| Poll::Ready(to.take(cx))).await?;
    Some(Connection::Exclusive(link))
}

async fn exclusive(
    to: &Arc<Destination>,
    mut link: Box<Link>,
    mut request: Request<RequestBody>,
    has_upload: bool,
) -> Result<Response<UpstreamBody>, Unanswered> {
    to_origin_form(&mut request);
    let response = link.send(request).await?;
    Ok(response.map(|body| UpstreamBody::exclusive(body, link, has_upload, Arc::clone(to))))
}

/// Leaves path and query in the request, as a server expects them.
fn to_origin_form(request: &mut Request<RequestBody>) {
    let path = request
        .uri()
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
}

/// The head of a request without a body, to send it again.
fn copy_of(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
