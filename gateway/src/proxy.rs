//! Calls backends: pooled connections, streamed bodies, a time for every phase.
//!
//! A request is sent once. The only repetition is the connection pool's: a pooled connection that turns out to be closed
//! before a byte of the request was written gives the request back untouched, and it goes out on another one.
//! Dropping the call (the client went away) closes its connection, which is how a backend learns of it.

pub(crate) mod body;

use std::error::Error as _;
use std::io;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::body::{BodyError, RequestBody};
use crate::config::UpstreamLimits;
use crate::errors::Failure;
use crate::metrics::UpstreamFault;

/// The client side of the gateway.
#[derive(Debug)]
pub(crate) struct Proxy {
    client: Client<HttpConnector, RequestBody>,
}

/// Why a call brought no response.
#[derive(Debug)]
pub(crate) struct CallError {
    /// Whose fault it is, for the metrics.
    pub(crate) fault: UpstreamFault,
    /// What the client gets.
    pub(crate) failure: Box<Failure>,
}

impl Proxy {
    pub(crate) fn new(limits: &UpstreamLimits) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.connect_timeout));
        connector.set_keepalive(Some(Duration::from_secs(60)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.idle_timeout)
            .pool_max_idle_per_host(limits.idle_connections)
            .http1_max_headers(limits.headers)
            // hyper refuses a smaller buffer.
            .http1_max_buf_size(limits.header_bytes.max(8 * 1024))
            .set_host(false)
            .build(connector);
        Self { client }
    }

    /// Sends `request`; `timeout` is the time until the headers of the response.
    pub(crate) async fn call(
        &self,
        request: Request<RequestBody>,
        timeout: Duration,
    ) -> Result<Response<Incoming>, CallError> {
        match tokio::time::timeout(timeout, self.client.request(request)).await {
            // A 101 would make the connection something else than HTTP; nobody asked for that.
            Ok(Ok(response)) if response.status().is_informational() => {
                Err(broken("the backend answered with an informational status"))
            }
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(CallError::from(error)),
            Err(_) => Err(timed_out(format!("no response headers within {timeout:?}"))),
        }
    }
}

impl From<ClientError> for CallError {
    fn from(error: ClientError) -> Self {
        let detail = chain(&error);
        match BodyError::behind(&error) {
            Some(BodyError::TooLarge) => return client_fault(Failure::body_too_large()),
            Some(BodyError::Stalled(_)) => {
                let message = "The request body did not arrive in time.";
                let failure = Failure::new(http::StatusCode::REQUEST_TIMEOUT, "ClientConnectionFailure", message);
                return client_fault(failure);
            }
            Some(BodyError::Broken(_)) => {
                let failure = Failure::bad_request(detail).telling("The request body ended early.");
                return client_fault(failure);
            }
            None => {}
        }
        if !error.is_connect() {
            return broken(detail);
        }
        if timed_out_connecting(&error) {
            return timed_out(detail);
        }
        CallError {
            fault: UpstreamFault::Connect,
            failure: Failure::new(http::StatusCode::BAD_GATEWAY, "BackendConnectionFailure", detail)
                .telling("The backend could not be reached."),
        }
    }
}

fn client_fault(failure: Box<Failure>) -> CallError {
    CallError { fault: UpstreamFault::Client, failure }
}

fn broken(detail: impl Into<std::borrow::Cow<'static, str>>) -> CallError {
    CallError {
        fault: UpstreamFault::Broken,
        failure: Failure::new(http::StatusCode::BAD_GATEWAY, "BackendConnectionFailure", detail)
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

fn timed_out_connecting(error: &ClientError) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        source = error.source();
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
