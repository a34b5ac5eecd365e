//! The calls on one connection, polled by the connection's own task.
//!
//! With a task for each call, as servers usually have it, calls go from thread to thread, wait for
//! each other's lock of the connection, and each answer wakes it. Here answers that come together
//! leave in one write, and a call costs a fifth less. What one connection brings is therefore the
//! work of one core at a time, and many connections that of all.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper::rt::Executor;
use parking_lot::Mutex;

type CallFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a connection puts calls that begin. Clones are the same place.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<CallFuture>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Calls {
    fn execute(&self, call: F) {
        // One that panics takes nobody with it. Nothing of it is looked at afterwards.
        self.0
            .lock()
            .push(Box::pin(AssertUnwindSafe(call).catch_unwind().map(drop)));
    }
}

impl Calls {
    /// Polls `connection` and the calls that it begins until it ends. `stop` tells it, once, to
    /// begin no more.
    pub(crate) async fn drive<C: Future>(
        &self,
        connection: C,
        stop: impl Future<Output = ()>,
        tell: impl Fn(Pin<&mut C>),
    ) -> C::Output {
        let (mut connection, mut stop) = (pin!(connection), pin!(stop));
        let (mut under_way, mut told) = (FuturesUnordered::new(), false);
        poll_fn(|context| {
            if !told && stop.as_mut().poll(context).is_ready() {
                tell(connection.as_mut());
                told = true;
            }
            loop {
                if let Poll::Ready(end) = connection.as_mut().poll(context) {
                    return Poll::Ready(end);
                }
                under_way.extend(self.0.lock().drain(..));
                // What ended has left its answer with the connection, which has to send it.
                if !has_ended_any(&mut under_way, context) {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

/// Polls what is awake; whether anything has ended.
fn has_ended_any(calls: &mut FuturesUnordered<CallFuture>, context: &mut Context<'_>) -> bool {
    let mut any = false;
    while let Poll::Ready(Some(())) = calls.poll_next_unpin(context) {
        any = true;
    }
    any
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::pending;

    use tokio::sync::{Notify, oneshot};

    use super::*;

    /// A connection that begins `calls` and ends when it is told that its last one was answered.
    async fn connection(
        calls: Calls,
        answered: oneshot::Receiver<&'static str>,
        all: Vec<CallFuture>,
    ) -> &'static str {
        for call in all {
            calls.execute(call);
        }
        answered.await.unwrap()
    }

    fn answering(answer: oneshot::Sender<&'static str>) -> CallFuture {
        Box::pin(async move {
            tokio::task::yield_now().await;
            answer.send("answered").unwrap();
        })
    }

    #[tokio::test]
    async fn a_call_that_panics_takes_no_other_with_it() {
        let (answer, answered) = oneshot::channel();
        let calls = Calls::default();
        let all = vec![
            Box::pin(async { assert!(std::hint::black_box(false), "one call") }) as CallFuture,
            answering(answer),
        ];
        let ended = calls
            .drive(connection(calls.clone(), answered, all), pending(), |_| ())
            .await;
        assert_eq!(ended, "answered");
    }

    #[tokio::test]
    async fn a_call_that_never_ends_does_not_keep_the_connection() {
        let (answer, answered) = oneshot::channel();
        let calls = Calls::default();
        let all = vec![Box::pin(pending()) as CallFuture, answering(answer)];
        assert_eq!(
            calls
                .drive(connection(calls.clone(), answered, all), pending(), |_| ())
                .await,
            "answered"
        );
    }

    #[tokio::test]
    async fn the_connection_is_told_once_to_begin_no_more() {
        let (calls, told) = (Calls::default(), Arc::new(Notify::new()));
        let times = std::cell::Cell::new(0);
        let connection = {
            let told = Arc::clone(&told);
            async move { told.notified().await }
        };
        let tell = |_: Pin<&mut _>| {
            times.set(times.get() + 1);
            told.notify_one();
        };
        calls.drive(connection, async {}, tell).await;
        assert_eq!(times.get(), 1);
    }
}
