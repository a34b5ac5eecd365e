//! Whether every provider's keys are there, summed up for `/readyz`.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use weir_telemetry::ReadinessHandle;

/// What is known of one provider's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeysState {
    /// Never loaded. Tokens of this provider cannot be judged. Holds the last failure, if there was
    /// one.
    Missing(Option<String>),
    /// The last fetch succeeded.
    Current,
    /// Loaded once, but the last fetch failed. Holds the failure.
    Stale(String),
}

/// All providers of one registry behind one readiness component.
#[derive(Debug)]
pub(crate) struct Health {
    handle: ReadinessHandle,
    providers: Mutex<BTreeMap<String, KeysState>>,
}

impl Health {
    /// Ready, as long as there is no provider to wait for.
    pub(crate) fn new(handle: ReadinessHandle) -> Self {
        handle.ready();
        Self {
            handle,
            providers: Mutex::default(),
        }
    }

    /// Takes a provider into account from now on.
    pub(crate) fn add(&self, url: &str, state: KeysState) {
        let mut providers = self.providers.lock();
        providers.insert(url.to_owned(), state);
        self.publish(&providers);
    }

    /// Forgets a provider.
    pub(crate) fn remove(&self, url: &str) {
        let mut providers = self.providers.lock();
        providers.remove(url);
        self.publish(&providers);
    }

    /// Records the state of one provider. One that is not taken into account (not yet, or no more)
    /// changes nothing.
    pub(crate) fn report(&self, url: &str, state: KeysState) {
        let mut providers = self.providers.lock();
        if let Some(known) = providers.get_mut(url) {
            *known = state;
            self.publish(&providers);
        }
    }

    /// Publishes the worst of all. Under the lock, so that of two reports the later one stays
    /// visible.
    fn publish(&self, providers: &BTreeMap<String, KeysState>) {
        let (mut missing, mut stale) = (Vec::new(), Vec::new());
        for (url, state) in providers {
            match state {
                KeysState::Missing(None) => missing.push(format!("{url}: not loaded yet")),
                KeysState::Missing(Some(why)) => missing.push(format!("{url}: {why}")),
                KeysState::Stale(why) => {
                    stale.push(format!("{url}: using the last good keys: {why}"));
                }
                KeysState::Current => {}
            }
        }
        if !missing.is_empty() {
            self.handle.not_ready(missing.join("; "));
        } else if !stale.is_empty() {
            self.handle.degraded(stale.join("; "));
        } else {
            self.handle.ready();
        }
    }
}
