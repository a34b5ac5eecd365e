//! One connection to a backend, driven by the task of the request that uses it.
//!
//! hyper leaves it to its user who polls a connection. A task of its own costs every request
//! several wake-ups across threads: to hand the request over, to hand the headers back, and one for
//! each part of the body. The task that waits for the answer has nothing else to do, so it does
//! that work itself. Nobody polls an idle connection; it is looked at when it is taken out of the
//! pool.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::body::RequestBody;
use super::error::Unanswered;
use super::stream::Stream;

/// A connection with at most one request in progress.
#[derive(Debug)]
pub(super) struct Link {
    sender: SendRequest<RequestBody>,
    /// `None` once it has ended.
    connection: Option<Connection<TokioIo<Stream>, RequestBody>>,
}

impl Link {
    pub(super) async fn new(protocol: &Builder, stream: Stream) -> hyper::Result<Self> {
        let (sender, connection) = protocol.handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            sender,
            connection: Some(connection),
        })
    }

    /// Whether a request could be sent, as far as is known without looking.
    pub(super) fn seems_free(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Whether a request can be sent: the last one is over, and the backend has not closed the
    /// connection.
    pub(super) fn is_free(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.seems_free()
    }

    /// Waits for that; `false` if it will never be so.
    pub(super) async fn becomes_free(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            if self.connection.is_none() {
                return Poll::Ready(false);
            }
            self.sender.poll_ready(cx).map(|ready| ready.is_ok())
        })
        .await
    }

    /// Sends `request` and waits for the headers of the response.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        // Unconstrained, because a pause for other tasks would be announced to a waker that wakes
        // nobody.
        let mut response = pin!(tokio::task::unconstrained(
            self.sender.try_send_request(request)
        ));
        let connection = &mut self.connection;
        poll_fn(|cx| {
            drive(connection, cx);
            // Only what was just done can make it ready: it need not wake this task, which is
            // awake.
            response
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
        .map_err(Unanswered::from)
    }

    /// Does what there is to do: reads, writes, hands over.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }
}

/// A connection that ended is dropped, which gives whatever still waits for it its error.
fn drive(connection: &mut Option<Connection<TokioIo<Stream>, RequestBody>>, cx: &mut Context<'_>) {
    if let Some(running) = connection
        && let Poll::Ready(result) = Pin::new(running).poll(cx)
    {
        if let Err(error) = result {
            tracing::debug!(%error, "a connection to a backend ended early");
        }
        *connection = None;
    }
}
