//! What is going on on a connection, so that an idle one can be ended and a busy one is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::Version;
use tokio::time::Instant;

use crate::limits::Limits;

/// How many connections are open. Clones are the same number.
#[derive(Debug, Clone, Default)]
pub struct OpenConnections(Arc<AtomicI64>);

impl OpenConnections {
    /// How many there are now.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is going on on one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    open: OpenConnections,
    opened: Instant,
    in_progress: AtomicUsize,
    /// When the last request ended, in milliseconds after `opened`; 0 before the first.
    last_end: AtomicU64,
    /// When the headers of the next HTTP/1 request began to come, likewise; 0 while none do.
    headers_since: AtomicU64,
    /// HTTP/2 has frames besides requests: bytes on an idle connection mean nothing there.
    http2: AtomicBool,
}

impl Activity {
    pub(crate) fn new(open: OpenConnections) -> Self {
        open.0.fetch_add(1, Ordering::Relaxed);
        Self {
            open,
            opened: Instant::now(),
            in_progress: AtomicUsize::new(0),
            last_end: AtomicU64::new(0),
            headers_since: AtomicU64::new(0),
            http2: AtomicBool::new(false),
        }
    }

    /// The headers of a request are there.
    pub(crate) fn begin(&self, version: Version) {
        self.in_progress.fetch_add(1, Ordering::AcqRel);
        if version == Version::HTTP_2 {
            self.http2.store(true, Ordering::Relaxed);
        }
        self.headers_since.store(0, Ordering::Release);
    }

    /// The answer was sent, or nobody wants it any more.
    pub(crate) fn end(&self) {
        self.last_end.store(self.now(), Ordering::Release);
        self.in_progress.fetch_sub(1, Ordering::AcqRel);
    }

    /// Bytes came.
    pub(crate) fn read(&self) {
        let waiting =
            self.in_progress.load(Ordering::Acquire) == 0 && !self.http2.load(Ordering::Relaxed);
        if waiting && self.headers_since.load(Ordering::Acquire) == 0 {
            self.headers_since.store(self.now(), Ordering::Release);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// When the connection has been idle for too long, if nothing happens until then. `None`: it is
    /// busy.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        if self.in_progress.load(Ordering::Acquire) > 0 {
            return None;
        }
        let (end, headers) = (
            self.last_end.load(Ordering::Acquire),
            self.headers_since.load(Ordering::Acquire),
        );
        Some(match (end, headers) {
            (0, _) => self.opened + limits.header_timeout,
            (end, 0) => self.opened + Duration::from_millis(end) + limits.idle_timeout,
            (_, since) => self.opened + Duration::from_millis(since) + limits.header_timeout,
        })
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.open.0.fetch_sub(1, Ordering::Relaxed);
    }
}
