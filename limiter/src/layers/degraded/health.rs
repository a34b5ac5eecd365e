//! What readiness and the log say of somebody who does not answer.
//!
//! An outage is told when it begins and when it ends. A question here and there that found no
//! answer is no outage, but the mode decided it, so it is told too: at once in the log, then at
//! most once in ten seconds with how many there were, and in readiness until none has been for that
//! long.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use weir_telemetry::ReadinessHandle;

use crate::config::FailureMode;
use crate::throttle::Throttle;

/// How long a question that the mode decided is visible: probes come every few seconds.
const VISIBLE: Duration = Duration::from_secs(10);

/// Clones share everything.
#[derive(Clone)]
pub(super) struct Health(Arc<Reporter>);

struct Reporter {
    /// Who is asked, for logs.
    name: &'static str,
    mode: FailureMode,
    readiness: ReadinessHandle,
    state: Mutex<State>,
    warnings: Throttle,
}

#[derive(Default)]
struct State {
    /// Why nobody asks at present.
    outage: Option<String>,
    unanswered: Option<Unanswered>,
    /// Lists the mode decided since the log last said so.
    untold: u64,
    /// Whether the task that forgets the last unanswered question runs.
    is_watched: bool,
}

/// Questions that were asked and not answered.
struct Unanswered {
    why: String,
    visible_until: Instant,
}

impl Health {
    /// Ready from now on.
    pub(super) fn new(name: &'static str, mode: FailureMode, readiness: ReadinessHandle) -> Self {
        readiness.ready();
        let (state, warnings) = (Mutex::default(), Throttle::default());
        Self(Arc::new(Reporter {
            name,
            mode,
            readiness,
            state,
            warnings,
        }))
    }

    /// Nobody asks any more.
    pub(super) fn outage_begins(&self, why: &str) {
        let Reporter { name, mode, .. } = &*self.0;
        tracing::warn!(
            mode = mode.as_str(),
            why,
            "the {name} does not answer; the mode holds"
        );
        let mut state = self.0.state.lock();
        state.outage = Some(why.to_owned());
        self.0.publish(&state);
    }

    /// There was an answer again.
    pub(super) fn outage_ends(&self) {
        tracing::info!("the {} answers again", self.0.name);
        let mut state = self.0.state.lock();
        (state.outage, state.unanswered) = (None, None);
        self.0.publish(&state);
    }

    /// The mode decided `lists` because a question was not answered. Must be called within a Tokio
    /// runtime.
    pub(super) fn unanswered(&self, lists: u64, why: String) {
        let Reporter { name, mode, .. } = &*self.0;
        let mut state = self.0.state.lock();
        state.untold += lists;
        if self.0.warnings.may_pass() {
            let decided = std::mem::take(&mut state.untold);
            tracing::warn!(
                mode = mode.as_str(),
                decided,
                why,
                "the {name} did not answer; the mode decided"
            );
        }
        state.unanswered = Some(Unanswered {
            why,
            visible_until: Instant::now() + VISIBLE,
        });
        self.0.publish(&state);
        if !std::mem::replace(&mut state.is_watched, true) {
            tokio::spawn(Reporter::forget_in_time(Arc::clone(&self.0)));
        }
    }
}

impl Reporter {
    fn publish(&self, state: &State) {
        let mode = self.mode.as_str();
        match (&state.outage, &state.unanswered) {
            (Some(why), _) => self.readiness.degraded(format!("mode {mode} holds: {why}")),
            (None, Some(Unanswered { why, .. })) => {
                self.readiness
                    .degraded(format!("mode {mode} decided what was not answered: {why}"));
            }
            (None, None) => self.readiness.ready(),
        }
    }

    /// Forgets the last unanswered question when it has been visible long enough, and tells the log
    /// of those it was not told of.
    async fn forget_in_time(self: Arc<Self>) {
        let mut until = Instant::now() + VISIBLE;
        loop {
            sleep_until(until).await;
            let mut state = self.state.lock();
            match &state.unanswered {
                Some(last) if last.visible_until > until => until = last.visible_until,
                _ => {
                    let decided = std::mem::take(&mut state.untold);
                    if decided > 0 {
                        let (name, mode) = (self.name, self.mode.as_str());
                        tracing::warn!(
                            mode,
                            decided,
                            "the {name} did not answer; the mode decided"
                        );
                    }
                    (state.unanswered, state.is_watched) = (None, false);
                    self.publish(&state);
                    return;
                }
            }
        }
    }
}
