//! A socket that gives up on a peer that does not take what is sent to it (a client that never
//! reads would hold a connection, a request and a backend's connection for ever) or does not even
//! begin to speak, and that notes when bytes come.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Fires when nothing moved for a while. Costs nothing as long as data is there when asked for.
#[derive(Debug)]
pub struct IdleTimer {
    after: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl IdleTimer {
    /// One that fires `after` this long.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        Self {
            after,
            sleep: None,
            running: false,
        }
    }

    /// How long nothing may move.
    #[must_use]
    pub fn after(&self) -> Duration {
        self.after
    }

    /// Something moved.
    pub fn progress(&mut self) {
        self.running = false;
    }

    /// Nothing moves at the moment: ready once that has been so for too long.
    pub fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let after = self.after;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        if !self.running {
            sleep.as_mut().reset(Instant::now() + after);
            self.running = true;
        }
        sleep.as_mut().poll(cx)
    }
}

/// A stream whose writes fail once none of them moved for a while.
#[derive(Debug)]
pub struct Guarded<S, F> {
    inner: S,
    writes: IdleTimer,
    opening: Option<Opening>,
    on_read: F,
}

/// What a peer has to send before it is believed to speak the protocol at all.
#[derive(Debug)]
struct Opening {
    bytes: usize,
    timer: IdleTimer,
}

impl<S, F> Guarded<S, F> {
    pub(crate) fn new(inner: S, stall_timeout: Duration, on_read: F) -> Self {
        Self {
            inner,
            writes: IdleTimer::new(stall_timeout),
            opening: None,
            on_read,
        }
    }

    /// Reads fail unless the first `bytes` come `within` this time, however they are dealt out.
    #[must_use]
    pub fn opening(mut self, bytes: usize, within: Duration) -> Self {
        self.opening = Some(Opening {
            bytes,
            timer: IdleTimer::new(within),
        });
        self
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.writes.progress();
            return write;
        }
        self.writes
            .poll_stalled(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// `came` bytes were read, and more are waited for if the read is pending.
    fn open(&mut self, came: usize, pending: bool, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(opening) = &mut self.opening else {
            return Poll::Pending;
        };
        opening.bytes = opening.bytes.saturating_sub(came);
        if opening.bytes == 0 {
            self.opening = None;
        } else if pending {
            let late = opening.timer.poll_stalled(cx);
            return late.map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin, F: Fn() + Unpin> AsyncRead for Guarded<S, F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(cx, buf);
        let came = buf.filled().len() - before;
        if came > 0 {
            (this.on_read)();
        }
        match this.open(came, read.is_pending(), cx) {
            Poll::Pending => read,
            late => late,
        }
    }
}

impl<S: AsyncWrite + Unpin, F: Unpin> AsyncWrite for Guarded<S, F> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.watch(cx, write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        this.watch(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flush = Pin::new(&mut this.inner).poll_flush(cx);
        this.watch(cx, flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shutdown = Pin::new(&mut this.inner).poll_shutdown(cx);
        this.watch(cx, shutdown)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_given_up() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut stream = Guarded::new(ours, Duration::from_secs(30), || ());
        let error = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let reader = tokio::spawn(async move {
            let mut total = 0;
            while total < 64 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                total += theirs.read(&mut [0; 16]).await.unwrap();
            }
        });
        let mut stream = Guarded::new(ours, Duration::from_secs(30), || ());
        stream.write_all(&[0; 64]).await.unwrap();
        reader.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_begin_is_given_up_however_it_dawdles() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let dawdler = tokio::spawn(async move {
            for byte in b"PRI" {
                tokio::time::sleep(Duration::from_secs(4)).await;
                if theirs.write_all(&[*byte]).await.is_err() {
                    break;
                }
            }
            theirs
        });
        let mut stream =
            Guarded::new(ours, Duration::from_secs(30), || ()).opening(24, Duration::from_secs(10));
        let begun = Instant::now();
        let error = stream.read_exact(&mut [0; 24]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        drop(dawdler);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_has_begun_may_be_silent() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut stream =
            Guarded::new(ours, Duration::from_secs(30), || ()).opening(3, Duration::from_secs(10));
        theirs.write_all(b"PRI").await.unwrap();
        stream.read_exact(&mut [0; 3]).await.unwrap();
        let later = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            theirs.write_all(b"!").await.unwrap();
        });
        assert_eq!(stream.read_u8().await.unwrap(), b'!');
        later.await.unwrap();
    }
}
