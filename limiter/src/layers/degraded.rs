//! What holds while a store does not answer.
//!
//! Every question has a time limit. A question without an answer is decided by the configured
//! [`FailureMode`], and says so in its [`Mode`]. After a few in a row the circuit opens: then
//! nobody waits for the time-out any more, until a probe is answered. Logs, readiness and metrics
//! tell of the change once, not per question; and of questions without an answer that are too few
//! to open it (see `degraded/health.rs`).
//!
//! Only failures that may pass by themselves ([`StoreError::is_transient`]) open the circuit.
//! Others mean that somebody has to change something: [`Defects`] says what becomes of them.

mod health;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use weir_telemetry::ReadinessHandle;

use super::stack::GRACE;
use crate::check::{Check, CheckList, Decision, Mode, Outcome};
use crate::circuit::{Change, Circuit, CircuitConfig};
use crate::config::FailureMode;
use crate::error::{StoreError, with_causes};
use crate::inspect::Inspection;
use crate::layers::metrics::LayerMetrics;
use crate::store::{Admin, Decide, Inspect, Lease, LeaseAsk, Refund, Unused};
use crate::stores::memory::{MemoryConfig, MemoryStore};
use crate::throttle::Throttle;
use crate::window::Grant;
use health::Health;

/// The Retry-After of a refusal in mode [`Mode::Deny`]. Nobody knows when the store comes back; a
/// second is polite to clients and soon enough after the probe that finds it back.
pub const DENY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The key that probes peek at. Nothing is ever charged to it.
const PROBE_KEY: &[u8] = b"weir:probe";

/// How a store is watched, and what holds while it does not answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DegradedConfig {
    /// Who does not answer, for logs: `store`, `limiter`.
    pub(crate) name: &'static str,
    /// What holds meanwhile.
    pub(crate) mode: FailureMode,
    /// How long a check may take.
    pub(crate) timeout: Duration,
    /// Who learns of failures that somebody has to repair.
    pub(crate) defects: Defects,
    /// How much mode `local` may remember.
    pub(crate) memory: MemoryConfig,
}

/// What becomes of failures that do not pass by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defects {
    /// The caller gets the error.
    Report,
    /// The mode decides, and the log says so now and then: for callers that need an answer whatever
    /// happens.
    Absorb,
}

/// A store that always answers, unless somebody has to repair something first.
pub(crate) struct Degraded<S> {
    store: Arc<S>,
    config: DegradedConfig,
    local: Arc<MemoryStore>,
    circuit: Circuit,
    health: Health,
    metrics: LayerMetrics,
    complaints: Throttle,
}

impl<S: Decide> Degraded<S> {
    /// Watches `store`. `readiness` becomes ready now, and degraded while the store does not
    /// answer.
    pub(crate) fn new(
        store: S,
        config: DegradedConfig,
        readiness: ReadinessHandle,
        metrics: LayerMetrics,
    ) -> Self {
        let store = Arc::new(store);
        let probed = Arc::clone(&store);
        let probe = move || {
            let store = Arc::clone(&probed);
            Box::pin(async move { probe(&*store, config.timeout).await.is_ok() }) as _
        };
        let health = Health::new(config.name, config.mode, readiness);
        let (told, gauge) = (health.clone(), metrics.circuit_open.clone());
        let tell = move |change: Change<'_>| {
            gauge.set(matches!(change, Change::Opened(_)).into());
            match change {
                Change::Opened(why) => told.outage_begins(why),
                Change::Closed => told.outage_ends(),
            }
        };
        let circuit = Circuit::new(CircuitConfig::default(), probe, tell);
        Self {
            store,
            config,
            local: Arc::new(MemoryStore::new(&config.memory)),
            circuit,
            health,
            metrics,
            complaints: Throttle::default(),
        }
    }

    /// Asks the store once, charging nothing: so that a wrong address or password shows at the
    /// start. Without an answer the circuit opens at once.
    ///
    /// # Errors
    /// What somebody has to repair.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        match probe(&*self.store, self.config.timeout).await {
            Err(error) if error.is_transient() => {
                self.metrics.failed(&error);
                self.circuit.open(&with_causes(&error));
                Ok(())
            }
            answer => answer,
        }
    }

    /// What this process counts while the store does not answer.
    pub(crate) fn local(&self) -> &Arc<MemoryStore> {
        &self.local
    }

    /// Decides without the store, as the mode says.
    async fn decide_without_store(&self, lists: &[CheckList]) -> Vec<Outcome> {
        match self.config.mode {
            FailureMode::Allow => lists.iter().map(|list| allow(list)).collect(),
            FailureMode::Deny => lists.iter().map(|list| deny(list)).collect(),
            FailureMode::Local => {
                let local = self.local.check(lists).await;
                let mut outcomes = local.expect("the memory store never fails");
                for outcome in &mut outcomes {
                    outcome.mode = Mode::Local;
                }
                outcomes
            }
        }
    }

    /// Whether the mode decides `lists` instead of the store, which did not answer them. Says so.
    fn absorbs(&self, error: &StoreError, lists: usize) -> bool {
        let absorbs = error.is_transient() || self.config.defects == Defects::Absorb;
        if error.is_transient() && !self.circuit.is_open() {
            self.health.unanswered(lists as u64, with_causes(error));
        }
        if absorbs && !error.is_transient() && self.complaints.may_pass() {
            tracing::error!(
                mode = self.config.mode.as_str(),
                error = with_causes(error),
                "the {} cannot decide this; the mode did",
                self.config.name
            );
        }
        absorbs
    }

    async fn ask(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let started = Instant::now();
        let answer = within(self.config.timeout, self.store.check(lists)).await;
        self.metrics
            .store_seconds
            .observe(started.elapsed().as_secs_f64());
        match &answer {
            Ok(_) => self.circuit.success(),
            Err(error) => {
                self.metrics.failed(error);
                if error.is_transient() {
                    self.circuit.failure(&with_causes(error));
                }
            }
        }
        answer
    }
}

impl<S> Degraded<S> {
    /// Waits for what is no check: see the rule of `layers/stack.rs`.
    async fn await_store<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        within(self.config.timeout + GRACE, work).await
    }
}

impl<S: Decide> Decide for Degraded<S> {
    async fn check(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = if self.circuit.is_open() {
            self.decide_without_store(lists).await
        } else {
            match self.ask(lists).await {
                Err(error) if self.absorbs(&error, lists.len()) => {
                    self.decide_without_store(lists).await
                }
                answer => answer?,
            }
        };
        for outcome in &outcomes {
            self.metrics.answered(outcome.mode, 1);
        }
        Ok(outcomes)
    }
}

impl<S: Admin> Admin for Degraded<S> {
    /// Not degraded: an operator who resets a key wants to know that it is gone, or that it may not
    /// be.
    async fn reset(&self, key: Bytes) -> Result<bool, StoreError> {
        let local = self.local.reset(key.clone()).await?;
        let stored = self.await_store(self.store.reset(key)).await?;
        Ok(local || stored)
    }

    /// While the circuit is open in mode `local`, from what this replica counted by itself.
    /// Otherwise, like a reset, never pretended.
    async fn refund(&self, refund: Refund) -> Result<u64, StoreError> {
        if self.circuit.is_open() && self.config.mode == FailureMode::Local {
            return self.local.refund(refund).await;
        }
        self.await_store(self.store.refund(refund)).await
    }
}

impl<S: Lease> Lease for Degraded<S> {
    /// None while the circuit is open: what is admitted then is not the store's.
    async fn lease(&self, ask: LeaseAsk) -> Result<Grant, StoreError> {
        if self.circuit.is_open() {
            return Ok(Grant::default());
        }
        self.await_store(self.store.lease(ask)).await
    }

    async fn give_back(&self, unused: Unused) -> Result<u64, StoreError> {
        self.await_store(self.store.give_back(unused)).await
    }
}

impl<S: Inspect> Inspect for Degraded<S> {
    /// While the store does not answer and mode `local` holds, what this replica counted by itself.
    async fn inspect(&self, key: Bytes) -> Result<Inspection, StoreError> {
        let answer = self.await_store(self.store.inspect(key.clone())).await;
        match answer {
            Err(error) if error.is_transient() && self.config.mode == FailureMode::Local => {
                let inspection = self.local.inspect(key).await?;
                Ok(Inspection {
                    mode: Mode::Local,
                    ..inspection
                })
            }
            answer => answer,
        }
    }
}

impl<S> std::fmt::Debug for Degraded<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Degraded")
            .field("config", &self.config)
            .field("open", &self.circuit.is_open())
            .finish_non_exhaustive()
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(StoreError::Timeout(limit)))
}

/// Peeks at a key of its own: the whole path is walked and nothing is charged.
async fn probe<S: Decide>(store: &S, limit: Duration) -> Result<(), StoreError> {
    within(limit, store.check(&[vec![probe_check()]]))
        .await
        .map(drop)
}

/// The peek that [`Degraded`] and the client's endpoints probe with.
pub(crate) fn probe_check() -> Check {
    use std::num::NonZeroU64;
    let limit = crate::check::Limit {
        calls: NonZeroU64::MIN,
        renewal_period: Duration::from_secs(1),
    };
    Check {
        limit_name: "".into(),
        key: Bytes::from_static(PROBE_KEY),
        limit,
        cost: 0,
    }
}

/// Every check is admitted; nothing is known of the counters.
fn allow(list: &[Check]) -> Outcome {
    let mut decisions = Vec::with_capacity(list.len());
    for check in list {
        decisions.push(Decision {
            allowed: true,
            limit: check.limit.calls.get(),
            remaining: check.limit.calls.get().saturating_sub(check.cost),
            retry_after: Duration::ZERO,
            reset_after: Duration::ZERO,
            recheck_after: None,
        });
    }
    Outcome {
        decisions,
        mode: Mode::Allow,
    }
}

/// The first check is refused, which ends the list.
fn deny(list: &[Check]) -> Outcome {
    let refusal = list.first().map(|check| Decision {
        allowed: false,
        limit: check.limit.calls.get(),
        remaining: 0,
        retry_after: DENY_RETRY_AFTER,
        reset_after: DENY_RETRY_AFTER,
        recheck_after: None,
    });
    Outcome {
        decisions: refusal.into_iter().collect(),
        mode: Mode::Deny,
    }
}

#[cfg(test)]
mod tests;
