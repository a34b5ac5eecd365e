//! The body of a backend's response: reading it drives the connection, and its end gives the
//! connection back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::destination::Destination;
use super::link::Link;
use super::shared::Place;

/// A response body. Dropped before its end it closes the connection (or the stream, if others use
/// the connection too), which is how a backend learns that nobody wants the rest.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    /// Absent only while it is dropped.
    incoming: Option<Incoming>,
    carrier: Carrier,
}

/// What brings the body.
#[derive(Debug)]
enum Carrier {
    /// A connection that reading drives, and where it goes afterwards.
    Link(Box<Link>, Arc<Destination>),
    /// A connection that others use too.
    Place(#[expect(dead_code, reason = "kept until the body is dropped")] Place),
    /// A connection that a task of its own drives.
    Task,
}

impl UpstreamBody {
    /// The body of a response on a connection that others use too.
    pub(super) fn shared(incoming: Incoming, place: Place) -> Self {
        Self {
            incoming: Some(incoming),
            carrier: Carrier::Place(place),
        }
    }

    /// The body of a response on a connection of its own. `has_upload` says that the request has a
    /// body, which may still be on its way. Then the connection goes on in a task of its own: a
    /// client that sends first and reads afterwards would otherwise wait for itself.
    pub(super) fn exclusive(
        incoming: Incoming,
        mut link: Box<Link>,
        has_upload: bool,
        home: Arc<Destination>,
    ) -> Self {
        let carrier = if has_upload {
            tokio::spawn(async move {
                if link.becomes_free().await {
                    home.put(link);
                }
            });
            Carrier::Task
        } else {
            Carrier::Link(link, home)
        };
        Self {
            incoming: Some(incoming),
            carrier,
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        drop(self.incoming.take());
        // The connection may have to see first that the response is over, or that nobody wants its
        // rest. Whoever takes it next polls it before anything else, so nobody has to be woken
        // here.
        if let Carrier::Link(mut link, home) = std::mem::replace(&mut self.carrier, Carrier::Task)
            && (link.seems_free() || link.is_free(&mut Context::from_waker(Waker::noop())))
        {
            home.put(link);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        let Carrier::Link(link, _) = &mut this.carrier else {
            return Pin::new(incoming).poll_frame(cx);
        };
        // Asking tells the connection that there is room; what it then reads is there when it was
        // driven. As it is driven by this very task, it does not have to wake it.
        let mut unheard = Context::from_waker(Waker::noop());
        if let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(&mut unheard) {
            return Poll::Ready(frame);
        }
        link.drive(cx);
        Pin::new(incoming).poll_frame(&mut unheard)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
