//! The body of a backend's response: reading it drives the connection, and its end gives the
//! connection back.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::uri::Authority;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::link::Link;
use super::pool::Pool;

/// A response body. Dropped before its end it closes the connection, which is how a backend learns
/// that nobody wants the rest.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    /// Absent only while it is dropped.
    incoming: Option<Incoming>,
    /// Absent if the connection is driven by a task of its own.
    link: Option<Box<Link>>,
    pool: Pool,
    authority: Authority,
}

impl UpstreamBody {
    /// `has_upload` says that the request has a body, which may still be on its way. Then the
    /// connection goes on in a task of its own: a client that sends first and reads afterwards
    /// would otherwise wait for itself.
    pub(super) fn new(
        incoming: Incoming,
        link: Box<Link>,
        has_upload: bool,
        pool: Pool,
        authority: Authority,
    ) -> Self {
        if !has_upload {
            return Self {
                incoming: Some(incoming),
                link: Some(link),
                pool,
                authority,
            };
        }
        let (mut link, home, address) = (link, pool.clone(), authority.clone());
        tokio::spawn(async move {
            if link.becomes_free().await {
                home.put(&address, link);
            }
        });
        Self {
            incoming: Some(incoming),
            link: None,
            pool,
            authority,
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        drop(self.incoming.take());
        // The connection may have to see first that the response is over, or that nobody wants its
        // rest. Whoever takes it next polls it before anything else, so nobody has to be woken
        // here.
        if let Some(mut link) = self.link.take()
            && (link.seems_free() || link.is_free(&mut Context::from_waker(Waker::noop())))
        {
            self.pool.put(&self.authority, link);
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
        let Some(link) = &mut this.link else {
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
