//! Bodies on their way through: counted and timed, never collected.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use weir_serve::IdleTimer;

use super::UpstreamBody;
use crate::metrics::InFlight;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The request body is over the limit.
    #[error("the request body is larger than the limit")]
    TooLarge,
    /// No bytes came for too long.
    #[error("no bytes came for {0:?}")]
    Stalled(Duration),
    /// The sender went away or broke the protocol.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// The same, to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// [`BodyError::TooLarge`]
    TooLarge,
    /// [`BodyError::Stalled`]
    Stalled,
    /// [`BodyError::Broken`]
    Broken,
}

impl BodyError {
    /// What kind it is.
    pub(crate) fn fault(&self) -> BodyFault {
        match self {
            Self::TooLarge => BodyFault::TooLarge,
            Self::Stalled(_) => BodyFault::Stalled,
            Self::Broken(_) => BodyFault::Broken,
        }
    }

    /// The body error that made a call of a backend fail, if one did: hyper keeps it as a source.
    pub(crate) fn behind<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        let mut current = Some(error);
        while let Some(error) = current {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            current = error.source();
        }
        None
    }
}

/// A request body on its way to a backend.
#[derive(Debug)]
pub(crate) struct RequestBody {
    inner: Option<Incoming>,
    left: u64,
    idle: IdleTimer,
    witness: Option<Arc<OnceLock<BodyFault>>>,
}

impl RequestBody {
    /// `inner` with at most `limit` bytes and at most `idle` between two frames; `None` is the
    /// empty body.
    pub(crate) fn new(inner: Option<Incoming>, limit: u64, idle: Duration) -> Self {
        Self {
            inner: inner.filter(|body| !body.is_end_stream()),
            left: limit,
            idle: IdleTimer::new(idle),
            witness: None,
        }
    }

    /// Where it will be written why this body ended early: over HTTP/2 the error of the call does
    /// not say so.
    pub(super) fn witness(&mut self) -> Arc<OnceLock<BodyFault>> {
        Arc::clone(self.witness.get_or_insert_default())
    }

    fn failed(&self, error: BodyError) -> Option<Result<Frame<Bytes>, BodyError>> {
        if let Some(witness) = &self.witness {
            // The first fault is the one that counts.
            let _ = witness.set(error.fault());
        }
        Some(Err(error))
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self::new(None, 0, Duration::ZERO)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) else {
            ready!(this.idle.poll_stalled(cx));
            return Poll::Ready(this.failed(BodyError::Stalled(this.idle.after())));
        };
        this.idle.progress();
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(this.failed(error.into())),
            None => return Poll::Ready(None),
        };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match this.left.checked_sub(length) {
            Some(left) => this.left = left,
            None => return Poll::Ready(this.failed(BodyError::TooLarge)),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// What an answer consists of.
#[derive(Debug, Default)]
pub(crate) enum Payload {
    /// Nothing.
    #[default]
    Empty,
    /// Written here.
    Full(Bytes),
    /// Streamed from a backend.
    Upstream(UpstreamBody),
}

/// An answer on its way to the client. Holds the mark that its request is in progress until it is
/// sent or dropped.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    payload: Payload,
    idle: IdleTimer,
    _in_flight: InFlight,
}

impl ResponseBody {
    pub(crate) fn new(payload: Payload, idle: Duration, in_flight: InFlight) -> Self {
        Self {
            payload,
            idle: IdleTimer::new(idle),
            _in_flight: in_flight,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let inner = match &mut this.payload {
            Payload::Upstream(inner) => inner,
            Payload::Empty => return Poll::Ready(None),
            Payload::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.payload = Payload::Empty;
                let frame = (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)));
                return Poll::Ready(frame);
            }
        };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            this.idle.progress();
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        ready!(this.idle.poll_stalled(cx));
        Poll::Ready(Some(Err(BodyError::Stalled(this.idle.after()))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.payload {
            Payload::Empty => true,
            Payload::Full(bytes) => bytes.is_empty(),
            Payload::Upstream(inner) => inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.payload {
            Payload::Empty => SizeHint::with_exact(0),
            Payload::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Payload::Upstream(inner) => inner.size_hint(),
        }
    }
}
