//! What the page at `/live` on the operations port shows: answers, latency and refusals of each
//! second, and the keys that are refused most.
//!
//! Once a second the gateway's counters are read and the difference is kept for two minutes, so
//! that a page that opens shows where the numbers come from. Requests pay nothing for it. Only the
//! refused keys have to be noted as they are refused, and only while a page is open. Everything is
//! bounded: pages, seconds, keys.

mod frame;
mod page;
mod refused;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use frame::{Frame, Reading};
use refused::TopRefused;
pub use refused::{LiveKeys, UnknownLiveKeys};

pub(crate) use page::routes;

/// How often the counters are read.
const EVERY: Duration = Duration::from_secs(1);

/// Seconds kept: as many as the page shows.
const KEPT: usize = 120;

/// Pages that may be open. The operations listener takes 64 connections, and probes must find room.
const PAGES: usize = 16;

/// Seconds a page may lag behind before it misses some.
const LAG: usize = 8;

/// The numbers behind the page.
#[derive(Debug)]
pub(crate) struct Live {
    places: Arc<Semaphore>,
    /// Open pages. Refused keys are noted only while there are any.
    watching: AtomicUsize,
    keys: Mutex<TopRefused>,
    show: LiveKeys,
    past: Mutex<VecDeque<Arc<str>>>,
    frames: broadcast::Sender<Arc<str>>,
}

impl Live {
    pub(crate) fn new(show: LiveKeys) -> Self {
        Self {
            places: Arc::new(Semaphore::new(PAGES)),
            watching: AtomicUsize::new(0),
            keys: Mutex::new(TopRefused::new(Instant::now())),
            show,
            past: Mutex::default(),
            frames: broadcast::channel(LAG).0,
        }
    }

    /// Whether anybody looks at refused keys.
    pub(crate) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::Relaxed) > 0
    }

    /// A limit refused a key. Only worth calling while somebody looks.
    pub(crate) fn refused(&self, limit: &Arc<str>, key: &Bytes) {
        self.keys.lock().note(limit, key, Instant::now());
    }

    /// Reads the counters every second until `shutdown`: those of the configuration that held when
    /// the second began; `counters` gives those of the one that holds now. What a new one counts is shown from the next second on, what both count at
    /// once.
    pub(crate) async fn run(
        self: Arc<Self>,
        counters: impl Fn() -> Arc<Metrics>,
        shutdown: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut metrics = counters();
        let mut before = Reading::of(&metrics);
        let watch = async {
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let current = counters();
                let now = Reading::of(&metrics);
                let first = (!Arc::ptr_eq(&current, &metrics)).then(|| Reading::of(&current));
                self.publish(&Frame::between(&before, &now, &metrics, self.top()));
                (before, metrics) = (first.unwrap_or(now), current);
            }
        };
        shutdown.run_until_cancelled(watch).await;
    }

    fn top(&self) -> frame::Keys {
        let top = if self.is_watched() {
            self.keys.lock().top(Instant::now())
        } else {
            Vec::new()
        };
        frame::Keys::named(top, &self.show)
    }

    fn publish(&self, frame: &Frame<'_>) {
        let text: Arc<str> = serde_json::to_string(frame)
            .expect("numbers and names can be written")
            .into();
        let mut past = self.past.lock();
        if past.len() == KEPT {
            past.pop_front();
        }
        past.push_back(Arc::clone(&text));
        // Under the lock, so that a page that opens now has this second exactly once. Fails if no
        // page is open.
        let _ = self.frames.send(text);
    }

    /// The seconds so far as a JSON array, and those to come.
    fn subscribe(&self) -> (String, broadcast::Receiver<Arc<str>>) {
        let past = self.past.lock();
        let all: Vec<&str> = past.iter().map(|frame| &**frame).collect();
        (format!("[{}]", all.join(",")), self.frames.subscribe())
    }
}

/// An open page.
#[derive(Debug)]
struct Watcher {
    live: Arc<Live>,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Watcher {
    /// `None`: too many are open.
    fn new(live: &Arc<Live>) -> Option<Self> {
        let place = Arc::clone(&live.places).try_acquire_owned().ok()?;
        if live.watching.fetch_add(1, Ordering::Relaxed) == 0 {
            // What was noted for the last page is old.
            *live.keys.lock() = TopRefused::new(Instant::now());
        }
        Some(Self {
            live: Arc::clone(live),
            _place: place,
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.live.watching.fetch_sub(1, Ordering::Relaxed);
    }
}
