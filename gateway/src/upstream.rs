//! Calls backends: pooled connections, streamed bodies, a time for every phase.
//!
//! A request is sent once, unless a pooled connection turns out to have ended. One that was closed
//! before a byte of the request was written gives it back untouched, and it goes out on another
//! one. One that ends before a byte of the answer came may have been closed, or forgotten by a
//! network, just then: the request goes out once more, on a fresh connection, if doing it twice is
//! the same as doing it once (RFC 9110, 9.2.2) and it has no body. Dropping the call (the client
//! went away) closes its connection, which is how a backend learns of it.

pub(crate) mod bases;
pub(crate) mod body;
mod link;
mod pool;
pub(crate) mod target;
mod upstream_body;

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery};
use http::{Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::Builder;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::Service as _;

use self::body::{BodyError, RequestBody};
use self::link::Link;
use self::pool::Pool;
pub(crate) use self::upstream_body::UpstreamBody;
use crate::config::UpstreamLimits;
use crate::errors::Failure;
use crate::metrics::UpstreamFault;

/// The client side of the gateway.
#[derive(Debug)]
pub(crate) struct Client {
    connector: HttpConnector,
    protocol: Builder,
    pool: Pool,
}

/// Why a call brought no response.
#[derive(Debug)]
pub(crate) struct CallError {
    /// Whose fault it is, for the metrics.
    pub(crate) fault: UpstreamFault,
    /// What the client gets.
    pub(crate) failure: Box<Failure>,
}

impl Client {
    pub(crate) fn new(limits: &UpstreamLimits) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.connect_timeout));
        connector.set_keepalive(Some(Duration::from_secs(60)));
        let mut protocol = Builder::new();
        // hyper refuses a smaller buffer.
        protocol
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes.max(8 * 1024));
        Self {
            connector,
            protocol,
            pool: Pool::new(limits.idle_connections, limits.idle_timeout),
        }
    }

    /// Sends `request`; `timeout` is the time until the headers of the response.
    pub(crate) async fn call(
        &self,
        request: Request<RequestBody>,
        timeout: Duration,
    ) -> Result<Response<UpstreamBody>, CallError> {
        match tokio::time::timeout(timeout, self.send(request)).await {
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
        mut request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, CallError> {
        let url = to_origin_form(&mut request);
        let Some(authority) = url.authority() else {
            return Err(broken("the URL names no host"));
        };
        let has_upload = !request.body().is_end_stream();
        let mut use_pool = true;
        loop {
            let pooled = poll_fn(|cx| {
                Poll::Ready(if use_pool {
                    self.pool.take(authority, cx)
                } else {
                    None
                })
            })
            .await;
            let is_pooled = pooled.is_some();
            let copy = (is_pooled && !has_upload && request.method().is_idempotent())
                .then(|| copy_of(&request));
            let mut link = match pooled {
                Some(link) => link,
                None => Box::new(self.connect(&url).await?),
            };
            let mut error = match link.send(request).await {
                Ok(response) => {
                    return Ok(response.map(|body| self.body(body, link, has_upload, authority)));
                }
                Err(error) => error,
            };
            match (error.take_message(), copy) {
                (Some(untouched), _) if is_pooled => request = untouched,
                (None, Some(copy)) if went_unanswered(error.error()) => {
                    tracing::debug!(backend = %authority, "a pooled connection had ended: asked again on a fresh one");
                    (request, use_pool) = (copy, false);
                }
                _ => return Err(CallError::from(error.into_error())),
            }
        }
    }

    fn body(
        &self,
        body: Incoming,
        link: Box<Link>,
        has_upload: bool,
        authority: &Authority,
    ) -> UpstreamBody {
        UpstreamBody::new(body, link, has_upload, self.pool.clone(), authority.clone())
    }

    async fn connect(&self, url: &Uri) -> Result<Link, CallError> {
        // Connectors are cheap to clone: what they know is shared.
        let stream = self.connector.clone().call(url.clone()).await;
        let stream = stream.map_err(|error| CallError::connecting(&error))?;
        Ok(Link::new(&self.protocol, stream).await?)
    }
}

/// Leaves path and query in the request, as a server expects them, and gives its whole URL.
fn to_origin_form(request: &mut Request<RequestBody>) -> Uri {
    let path = request
        .uri()
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    std::mem::replace(request.uri_mut(), Uri::from(path))
}

/// The head of a request without a body, to send it again.
fn copy_of(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Whether the connection ended, and not with an answer that makes no sense.
fn went_unanswered(error: &hyper::Error) -> bool {
    let broke = std::error::Error::source(error).is_some_and(|cause| cause.is::<io::Error>());
    error.is_incomplete_message() || error.is_canceled() || broke
}

impl From<hyper::Error> for CallError {
    fn from(error: hyper::Error) -> Self {
        let detail = chain(&error);
        match BodyError::behind(&error) {
            Some(BodyError::TooLarge) => client_fault(Failure::body_too_large()),
            Some(BodyError::Stalled(_)) => {
                let message = "The request body did not arrive in time.";
                let failure = Failure::new(
                    http::StatusCode::REQUEST_TIMEOUT,
                    "ClientConnectionFailure",
                    message,
                );
                client_fault(failure)
            }
            Some(BodyError::Broken(_)) => {
                let failure = Failure::bad_request(detail).telling("The request body ended early.");
                client_fault(failure)
            }
            None => broken(detail),
        }
    }
}

impl CallError {
    /// There is no connection.
    fn connecting(error: &(dyn std::error::Error + 'static)) -> Self {
        let detail = chain(error);
        if has_timed_out(error) {
            return timed_out(detail);
        }
        Self {
            fault: UpstreamFault::Connect,
            failure: Failure::new(
                http::StatusCode::BAD_GATEWAY,
                "BackendConnectionFailure",
                detail,
            )
            .telling("The backend could not be reached."),
        }
    }
}

fn client_fault(failure: Box<Failure>) -> CallError {
    CallError {
        fault: UpstreamFault::Client,
        failure,
    }
}

fn broken(detail: impl Into<std::borrow::Cow<'static, str>>) -> CallError {
    CallError {
        fault: UpstreamFault::Broken,
        failure: Failure::new(
            http::StatusCode::BAD_GATEWAY,
            "BackendConnectionFailure",
            detail,
        )
        .telling("The backend did not answer properly."),
    }
}

fn timed_out(detail: String) -> CallError {
    CallError {
        fault: UpstreamFault::Timeout,
        failure: Failure::new(http::StatusCode::GATEWAY_TIMEOUT, "Timeout", detail)
            .telling("The backend did not answer in time."),
    }
}

fn has_timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut current = Some(error);
    while let Some(error) = current {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::TimedOut)
        {
            return true;
        }
        current = error.source();
    }
    false
}

/// The whole story of an error: hyper's own texts leave the cause to its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
