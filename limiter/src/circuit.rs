//! When to stop asking somebody who does not answer, and when to ask again.
//!
//! Closed: everybody asks. After a few failures in a row it opens: nobody asks, so nobody waits for
//! a time-out. While it is open one task probes at intervals, one call at a time, and the first
//! answer closes it. Probing is not left to callers: they would pay for it with a time-out each,
//! and without callers it would never close.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How soon a circuit opens and how often it probes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CircuitConfig {
    /// Failures in a row that open it. One is not enough: a single lost packet must not change the
    /// mode.
    pub(crate) failures_to_open: NonZeroU32,
    /// The pause between probes: how long the outage is felt after its end, at most.
    pub(crate) probe_every: Duration,
}

impl Default for CircuitConfig {
    fn default() -> Self {
        Self {
            failures_to_open: NonZeroU32::new(5).expect("the constant is not zero"),
            probe_every: Duration::from_millis(250),
        }
    }
}

/// A change of state, told once each.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    /// It opened; why.
    Opened(&'a str),
    /// It closed after a probe was answered.
    Closed,
}

/// Asks once; true if there was an answer.
type Probe = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;
type OnChange = Box<dyn Fn(Change<'_>) + Send + Sync>;

/// The state of one peer. Dropping it ends its probing.
pub(crate) struct Circuit {
    state: Arc<State>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct State {
    config: CircuitConfig,
    open: AtomicBool,
    failures: AtomicU32,
    probe: Probe,
    on_change: OnChange,
}

impl Circuit {
    pub(crate) fn new(
        config: CircuitConfig,
        probe: impl Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static,
        on_change: impl Fn(Change<'_>) + Send + Sync + 'static,
    ) -> Self {
        let stop = CancellationToken::new();
        let state = Arc::new(State {
            config,
            open: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            probe: Box::new(probe),
            on_change: Box::new(on_change),
        });
        Self {
            state,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.open.load(Ordering::Relaxed)
    }

    /// An answer came.
    pub(crate) fn success(&self) {
        // Read first: on the healthy path nothing is written, so cores do not fight over the line.
        if self.state.failures.load(Ordering::Relaxed) != 0 {
            self.state.failures.store(0, Ordering::Relaxed);
        }
    }

    /// No answer came. Must be called within a Tokio runtime, because it may start probing.
    pub(crate) fn failure(&self, why: &dyn std::fmt::Display) {
        let failures = self
            .state
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if failures >= self.state.config.failures_to_open.get() {
            self.open(why);
        }
    }

    /// Opens it whatever came before. Must be called within a Tokio runtime.
    pub(crate) fn open(&self, why: &dyn std::fmt::Display) {
        if !self.state.open.swap(true, Ordering::AcqRel) {
            (self.state.on_change)(Change::Opened(&why.to_string()));
            tokio::spawn(State::probe_until_closed(
                Arc::clone(&self.state),
                self.stop.clone(),
            ));
        }
    }
}

impl State {
    async fn probe_until_closed(self: Arc<Self>, stop: CancellationToken) {
        let answered = async {
            loop {
                tokio::time::sleep(self.config.probe_every).await;
                if (self.probe)().await {
                    break;
                }
            }
        };
        if stop.run_until_cancelled(answered).await.is_some() {
            self.failures.store(0, Ordering::Relaxed);
            // The change is told before the state: who opens it again at once is told after that.
            (self.on_change)(Change::Closed);
            self.open.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Peer {
        circuit: Circuit,
        answers: Arc<AtomicBool>,
        probes: Arc<AtomicUsize>,
        changes: Arc<Mutex<Vec<String>>>,
    }

    fn peer() -> Peer {
        let answers = Arc::new(AtomicBool::new(false));
        let probes = Arc::new(AtomicUsize::new(0));
        let changes = Arc::new(Mutex::new(Vec::new()));
        let probe = {
            let (answers, probes) = (Arc::clone(&answers), Arc::clone(&probes));
            move || {
                probes.fetch_add(1, Ordering::SeqCst);
                let answer = answers.load(Ordering::SeqCst);
                Box::pin(async move { answer }) as BoxFuture<'static, bool>
            }
        };
        let told = Arc::clone(&changes);
        let circuit = Circuit::new(CircuitConfig::default(), probe, move |change| {
            told.lock().unwrap().push(match change {
                Change::Opened(why) => format!("opened: {why}"),
                Change::Closed => "closed".to_owned(),
            });
        });
        Peer {
            circuit,
            answers,
            probes,
            changes,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_five_failures_in_a_row_and_says_so_once() {
        let peer = peer();
        for _ in 0..4 {
            peer.circuit.failure(&"slow");
        }
        peer.circuit.success();
        for _ in 0..4 {
            peer.circuit.failure(&"slow");
        }
        assert!(!peer.circuit.is_open());
        peer.circuit.failure(&"dead");
        peer.circuit.failure(&"deader");
        assert!(peer.circuit.is_open());
        assert_eq!(*peer.changes.lock().unwrap(), ["opened: dead"]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_probes_one_call_at_a_time_and_closes_by_itself() {
        let peer = peer();
        peer.circuit.open(&"dead");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(peer.probes.load(Ordering::SeqCst), 4);
        assert!(peer.circuit.is_open());

        peer.answers.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(!peer.circuit.is_open());
        assert_eq!(*peer.changes.lock().unwrap(), ["opened: dead", "closed"]);

        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(
            peer.probes.load(Ordering::SeqCst),
            5,
            "a closed circuit is not probed"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_it_ends_its_probing() {
        let peer = peer();
        peer.circuit.open(&"dead");
        drop(peer.circuit);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(peer.probes.load(Ordering::SeqCst), 0);
    }
}
