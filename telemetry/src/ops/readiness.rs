//! Named parts of a role and whether each can do its work.
//!
//! `degraded` is for a part that works in a lesser way, such as a limiter that counts in memory
//! because its store is gone: taking the replica out of service would make things worse, so it
//! stays ready, but says so.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

/// The state of a part, with the reason if it is not simply ready.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Ready,
    Degraded(String),
    NotReady(String),
}

impl State {
    const NAMES: [&'static str; 3] = ["ready", "degraded", "not_ready"];

    fn name(&self) -> &'static str {
        match self {
            Self::Ready => Self::NAMES[0],
            Self::Degraded(_) => Self::NAMES[1],
            Self::NotReady(_) => Self::NAMES[2],
        }
    }

    fn why(&self) -> Option<&str> {
        match self {
            Self::Ready => None,
            Self::Degraded(why) | Self::NotReady(why) => Some(why),
        }
    }
}

type Labels = [(&'static str, &'static str); 2];

/// All parts of one role, in the order in which they were named.
#[derive(Debug)]
pub(crate) struct Components {
    /// A handful of entries, read by probes and written on changes; a list is enough.
    states: Mutex<Vec<(&'static str, State)>>,
    gauges: Family<Labels, Gauge>,
}

impl Components {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let gauges = Family::default();
        registry.register(
            "component_state",
            "1 for the state that each part is in",
            gauges.clone(),
        );
        Self {
            states: Mutex::default(),
            gauges,
        }
    }

    pub(crate) fn handle(this: &Arc<Self>, component: &'static str) -> ReadinessHandle {
        let mut states = this.states.lock();
        let slot = states
            .iter()
            .position(|(name, _)| *name == component)
            .unwrap_or_else(|| {
                let starting = State::NotReady("starting".to_owned());
                this.publish(component, &starting);
                states.push((component, starting));
                states.len() - 1
            });
        ReadinessHandle {
            components: Arc::clone(this),
            slot,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self
            .states
            .lock()
            .iter()
            .any(|(_, state)| matches!(state, State::NotReady(_)))
    }

    /// Whether all is ready, and the body of `/readyz`, both of the same moment.
    pub(crate) fn report(&self) -> (bool, Value) {
        let states = self.states.lock();
        let ready = !states
            .iter()
            .any(|(_, state)| matches!(state, State::NotReady(_)));
        let components: Vec<Value> = states
            .iter()
            .map(|(name, state)| match state.why() {
                None => json!({ "name": name, "state": state.name() }),
                Some(why) => json!({ "name": name, "state": state.name(), "why": why }),
            })
            .collect();
        (ready, json!({ "ready": ready, "components": components }))
    }

    fn set(&self, slot: usize, state: State) {
        let mut states = self.states.lock();
        if let Some((name, current)) = states.get_mut(slot)
            && *current != state
        {
            self.publish(name, &state);
            *current = state;
        }
    }

    fn publish(&self, component: &'static str, state: &State) {
        for name in State::NAMES {
            let labels = [("component", component), ("state", name)];
            self.gauges
                .get_or_create(&labels)
                .set(i64::from(name == state.name()));
        }
    }
}

/// Says whether one part is ready. Cheap to clone and to call; calling it again with the same state
/// does nothing.
#[derive(Debug, Clone)]
pub struct ReadinessHandle {
    components: Arc<Components>,
    slot: usize,
}

impl ReadinessHandle {
    /// The part can do its work.
    pub fn ready(&self) {
        self.components.set(self.slot, State::Ready);
    }

    /// The part works, in a lesser way: `/readyz` stays 200 and says why.
    pub fn degraded(&self, why: impl Into<String>) {
        self.components.set(self.slot, State::Degraded(why.into()));
    }

    /// The part cannot work: `/readyz` is 503 and says why.
    pub fn not_ready(&self, why: impl Into<String>) {
        self.components.set(self.slot, State::NotReady(why.into()));
    }
}
