//! Checks that arrive while a round trip is under way leave together in the next one.
//!
//! No check waits for a timer: on an idle limiter it leaves at once, and only when the store is
//! busy do checks wait, for no longer than a round trip takes. So the busier the store, the larger
//! the batches and the less each check costs. A second round trip begins beside the first if enough
//! waits to be worth it, or if the first takes long: the store is far away, or does not answer.
//!
//! A round trip belongs to no caller: it is a task, so a caller that goes away takes nobody with
//! it. Its own checks leave the queue if they have not been sent, and are charged if they have.
//! Everything is bounded: round trips under way, lists in one of them, lists that wait, and the
//! time a round trip may take.

mod queue;

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::stack::GRACE;
use crate::check::{CheckList, Outcome};
use crate::error::StoreError;
use crate::store::{ChecksOnly, Decide};
use queue::{Queue, Reply, Waiting};

/// How much travels together.
#[derive(Debug, Clone)]
pub(crate) struct BatchConfig {
    /// Round trips under way at once. Two keep the store busy while an answer is on its way back;
    /// more only make the batches smaller.
    pub(crate) round_trips: NonZeroUsize,
    /// Lists that are worth another round trip while one is under way: fewer wait for it to end,
    /// because a round trip costs as much as deciding several lists does.
    pub(crate) worth: usize,
    /// A round trip that takes longer than this does not keep those waiting who come then.
    pub(crate) long: Duration,
    /// Nor those who wait already, if it takes longer than this. It takes a timer, and timers that
    /// are often short cost more than the round trips they watch.
    pub(crate) silent: Duration,
    /// The most lists in one round trip. What one caller brings is never split.
    pub(crate) lists: NonZeroUsize,
    /// The most checks in one round trip, all lists together.
    pub(crate) checks: NonZeroUsize,
    /// The most lists that may wait; further callers get [`StoreError::Unavailable`] at once.
    pub(crate) waiting: usize,
    /// The most time one round trip may take.
    pub(crate) timeout: Duration,
}

impl BatchConfig {
    /// In front of a store that ends by `timeout`.
    pub(crate) fn within(timeout: Duration) -> Self {
        Self {
            timeout: timeout + GRACE,
            ..Self::default()
        }
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            round_trips: const { NonZeroUsize::new(2).expect("it is not zero") },
            worth: 32,
            long: Duration::from_millis(1),
            silent: Duration::from_millis(10),
            // The most that `CheckBatch` takes, and few enough that a batch does not keep the store
            // from others for long.
            lists: const { NonZeroUsize::new(256).expect("it is not zero") },
            checks: const { NonZeroUsize::new(1_024).expect("it is not zero") },
            // What two round trips of this size a millisecond, which any store manages, answer
            // within the time-out.
            waiting: 16_384,
            timeout: Duration::from_millis(100),
        }
    }
}

/// More checks wait than may.
#[derive(Debug, thiserror::Error)]
#[error(
    "{waiting} checks are waiting for the store already: it is slower than the checks that arrive"
)]
pub(crate) struct QueueFull {
    /// How many wait.
    pub(crate) waiting: usize,
}

/// Only a store that panics leaves its callers without an answer.
const NO_ANSWER: &str = "the round trip ended without an answer";

/// A store whose callers share round trips.
#[derive(Debug)]
pub(crate) struct Batched<S> {
    dispatcher: Arc<Dispatcher<S>>,
}

/// Who makes round trips for everybody.
#[derive(Debug)]
struct Dispatcher<S> {
    store: S,
    config: BatchConfig,
    lists_per_round_trip: Histogram,
    /// Locked for a few instructions at a time and never across an await.
    queue: Mutex<Queue>,
}

impl<S: Decide> Batched<S> {
    /// Puts callers of `store` together. `lists_per_round_trip` observes the size of every batch.
    pub(crate) fn new(store: S, config: BatchConfig, lists_per_round_trip: Histogram) -> Self {
        Self {
            dispatcher: Arc::new(Dispatcher {
                store,
                config,
                lists_per_round_trip,
                queue: Mutex::default(),
            }),
        }
    }
}

impl<S: Decide> Decide for Batched<S> {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            // The one copy that a check needs here: the round trip may outlive its caller.
            lists: lists.to_vec(),
            span: Span::current(),
            answer,
        };
        if self.dispatcher.queue(waiting)? {
            RoundTrips::spawn(&self.dispatcher);
        }
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(NO_ANSWER.into())))
    }
}

/// What is not a check does not wait for others.
impl<S: Decide> ChecksOnly for Batched<S> {
    type Store = S;

    fn store(&self) -> impl Deref<Target = S> + Send {
        &self.dispatcher.store
    }
}

/// A task that makes round trips until nobody waits. It holds one of the queue's places for that,
/// and gives it back also if the store panics: then its answers are dropped unsent, and the next
/// caller starts another task.
struct RoundTrips<S: Decide> {
    dispatcher: Arc<Dispatcher<S>>,
    holds_place: bool,
    is_late: bool,
}

impl<S: Decide> Drop for RoundTrips<S> {
    fn drop(&mut self) {
        let mut queue = self.dispatcher.queue.lock();
        queue.round_trips -= usize::from(self.holds_place);
        queue.late -= usize::from(self.is_late);
    }
}

impl<S: Decide> RoundTrips<S> {
    /// Starts one with the place that was taken for it.
    fn spawn(dispatcher: &Arc<Dispatcher<S>>) {
        let round_trips = Self {
            dispatcher: Arc::clone(dispatcher),
            holds_place: true,
            is_late: false,
        };
        tokio::spawn(round_trips.run());
    }

    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let dispatcher = Arc::clone(&self.dispatcher);
            let mut trip = pin!(dispatcher.make_round_trip(batch));
            if tokio::time::timeout(dispatcher.config.silent, &mut trip)
                .await
                .is_err()
            {
                self.is_late = true;
                dispatcher.start_beside_late();
                trip.await;
                self.is_late = false;
                dispatcher.queue.lock().late -= 1;
            }
        }
    }

    /// The next batch. That there is none for this task and that it ends is one step under one
    /// lock: a caller that comes in between would wait for a task that takes nothing more.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = self.dispatcher.queue.lock();
        // Another one is under way, and takes what waits when it ends.
        let is_spare = queue.round_trips > 1 && !queue.is_worth_another(&self.dispatcher.config);
        let batch = if is_spare {
            Vec::new()
        } else {
            queue.next_batch(&self.dispatcher.config)
        };
        if batch.is_empty() {
            queue.round_trips -= 1;
            self.holds_place = false;
            return None;
        }
        queue.began = Some(Instant::now());
        Some(batch)
    }
}

impl<S: Decide> Dispatcher<S> {
    /// Puts a caller in the queue; says whether a place was taken for another round trip, which
    /// then has to begin.
    fn queue(&self, waiting: Waiting) -> Result<bool, StoreError> {
        let mut queue = self.queue.lock();
        if queue.lists.saturating_add(waiting.lists.len()) > self.config.waiting {
            return Err(StoreError::Unavailable(Box::new(QueueFull {
                waiting: queue.lists,
            })));
        }
        queue.lists += waiting.lists.len();
        queue.waiting.push_back(waiting);
        Ok(queue.start_round_trip(&self.config))
    }

    /// Notes that a round trip takes long: what waits does not wait for it.
    fn start_beside_late(self: &Arc<Self>) {
        let starts = {
            let mut queue = self.queue.lock();
            queue.late += 1;
            queue.lists > 0 && queue.start_round_trip(&self.config)
        };
        if starts {
            RoundTrips::spawn(self);
        }
    }

    async fn make_round_trip(&self, batch: Vec<Waiting>) {
        let span = span_of(&batch);
        let (lists, callers) = put_together(batch);
        self.lists_per_round_trip.observe(lists.len() as f64);
        match self.ask(&lists).instrument(span.clone()).await {
            Err(error) if callers.len() > 1 && !error.is_transient() => {
                self.ask_apart(&lists, callers).instrument(span).await;
            }
            answer => share(callers, answer),
        }
    }

    async fn ask(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let answer = tokio::time::timeout(self.config.timeout, self.store.check(lists)).await;
        answer.unwrap_or(Err(StoreError::Timeout(self.config.timeout)))
    }

    /// Asks again, for each caller by itself: what cannot be decided may be one caller's check, and
    /// must not leave the others to a degraded mode. What was charged the first time is charged
    /// twice: too much, never too little.
    async fn ask_apart(&self, mut lists: &[CheckList], callers: Vec<Caller>) {
        let mut apart = Vec::with_capacity(callers.len());
        for caller in callers {
            let (own, others) = lists.split_at(caller.lists);
            lists = others;
            apart.push(async move {
                let _ = caller.answer.send(self.ask(own).await);
            });
        }
        join_all(apart).await;
    }
}

/// The round trip belongs to the trace of its oldest caller; the others' spans are linked to it.
fn span_of(batch: &[Waiting]) -> Span {
    let Some(oldest) = batch.first().filter(|oldest| !oldest.span.is_disabled()) else {
        return Span::none();
    };
    let span =
        tracing::info_span!(parent: &oldest.span, "limiter.round_trip", callers = batch.len());
    for waiting in &batch[1..] {
        span.follows_from(&waiting.span);
    }
    span
}

/// One of those whose checks left together.
struct Caller {
    /// How many of the lists are its own.
    lists: usize,
    answer: Reply,
}

fn put_together(batch: Vec<Waiting>) -> (Vec<CheckList>, Vec<Caller>) {
    let mut lists = Vec::new();
    let mut callers = Vec::with_capacity(batch.len());
    for waiting in batch {
        callers.push(Caller {
            lists: waiting.lists.len(),
            answer: waiting.answer,
        });
        if lists.is_empty() {
            lists = waiting.lists;
        } else {
            lists.extend(waiting.lists);
        }
    }
    (lists, callers)
}

/// Gives every caller its part. A caller that has gone away meanwhile does not mind.
fn share(callers: Vec<Caller>, answer: Result<Vec<Outcome>, StoreError>) {
    match answer {
        Ok(outcomes) => {
            let mut outcomes = outcomes.into_iter();
            for caller in callers {
                let _ = caller
                    .answer
                    .send(Ok(outcomes.by_ref().take(caller.lists).collect()));
            }
        }
        Err(error) => {
            for caller in callers {
                let _ = caller.answer.send(Err(error.duplicate()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
