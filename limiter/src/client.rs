//! The gateway's side: a limiter that always answers.
//!
//! The client is the same layers as the limiter, around other limiters instead of a store: a
//! refusal cache, so that a flood does not even leave the gateway; degraded modes, so that a dead
//! limiter decides nothing by silence; and failover between several limiters in between, which may
//! come and go. Whoever decided is in the outcome's [`Mode`](crate::Mode).

mod address;
mod connection;
mod endpoint;
mod fit;
mod grpc_store;
mod members;
pub(crate) mod operator;
mod resolve;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weir_telemetry::Ops;

use crate::bounds::{MAX_CHECKS_PER_LIST, MAX_COST};
use crate::check::{Check, CheckList, Mode, Outcome};
use crate::config::FailureMode;
use crate::error::StoreError;
use crate::layers::batch::{BatchConfig, Batched};
use crate::layers::degraded::{Defects, Degraded, DegradedConfig};
use crate::layers::refusal::RefusalCache;
use crate::layers::stack::{GRACE, Stack};
use crate::store::{Admin, Admitted, Decide, Refund};
use crate::stores::memory::MemoryConfig;

use endpoint::EndpointMetrics;
use grpc_store::GrpcStore;

pub use address::EndpointError;
pub use resolve::{Resolve, SystemResolver};

/// A limiter answers in a millisecond or two, and within its own store's time-out if that hangs;
/// this is above both.
const TIMEOUT: Duration = Duration::from_millis(250);

/// Begins the names of what a client counts.
const METRICS: &str = "limiter_client";

/// Refused keys remembered, as in the limiter.
const REFUSALS: usize = 65_536;

/// Where the limiters are, and what holds while none answers.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `http://host:port` of each limiter; a name stands for all its addresses, and is looked up
    /// again and again. They share one store, so it does not matter which one answers.
    pub endpoints: Vec<String>,
    /// How names are looked up.
    pub resolver: Arc<dyn Resolve>,
    /// What holds while none answers.
    pub on_failure: FailureMode,
    /// How long one check may take, trying another limiter included.
    pub timeout: Duration,
    /// How many refusals are remembered.
    pub refusals: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            endpoints: vec!["http://127.0.0.1:8081".to_owned()],
            resolver: Arc::new(SystemResolver),
            on_failure: FailureMode::Local,
            timeout: TIMEOUT,
            refusals: REFUSALS,
        }
    }
}

/// Why there is no client, or why a reset failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No limiter is configured.
    #[error("no limiter is configured: give at least one http://host:port")]
    NoEndpoints,
    /// A limiter's address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// No limiter confirmed the reset.
    #[error("no limiter confirmed the reset; the key may be reset all the same")]
    Reset(#[source] StoreError),
    /// No limiter confirmed the refund.
    #[error("no limiter confirmed the refund; it may be done all the same, so do not repeat it")]
    Refund(#[source] StoreError),
}

/// Asks limiters. Clones share everything.
#[derive(Debug, Clone)]
pub struct Client {
    limiters: Arc<RefusalCache<Degraded<Batched<GrpcStore>>>>,
    /// The most time a refund takes on its way.
    longest_refund: Duration,
}

impl Client {
    /// A client that connects when it is first asked. Registers its metrics under
    /// `weir_limiter_client_` and the readiness part `limiter`. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// If there is no endpoint, or one is not of the form `http://host:port`.
    pub fn new(config: ClientConfig, ops: &Ops) -> Result<Self, ClientError> {
        if config.endpoints.is_empty() {
            return Err(ClientError::NoEndpoints);
        }
        let metrics = EndpointMetrics::default();
        let limiters = GrpcStore::new(
            &config.endpoints,
            config.timeout,
            config.resolver,
            metrics.clone(),
        )?;
        ops.registry(|registry| metrics.register(registry.sub_registry_with_prefix(METRICS)));
        let watch = DegradedConfig {
            name: "limiter",
            mode: config.on_failure,
            timeout: config.timeout,
            defects: Defects::Absorb,
            memory: MemoryConfig::default(),
        };
        let stack = Stack::of(limiters, ops, METRICS)
            .batched(BatchConfig::within(config.timeout))
            .degraded(watch, ops.readiness("limiter"))
            .remembering(config.refusals, None);
        Ok(Self {
            limiters: Arc::new(stack.into_store()),
            longest_refund: config.timeout + GRACE,
        })
    }

    /// Decides an ordered list of checks. Never fails: without a limiter, the configured mode
    /// decides.
    ///
    /// Keys of more than 1,024 bytes are asked for by their hash, so that a long key is limited as
    /// exactly as a short one. An empty list is admitted.
    pub async fn check(&self, mut checks: CheckList) -> Outcome {
        checks.iter_mut().for_each(fit::fit);
        if checks.len() <= MAX_CHECKS_PER_LIST {
            return self.ask(checks).await;
        }
        // Longer than a limiter takes in one call. Only the atomicity over the whole list is lost.
        let mut all = Outcome {
            decisions: Vec::with_capacity(checks.len()),
            mode: Mode::Exact,
        };
        for part in checks.chunks(MAX_CHECKS_PER_LIST) {
            let outcome = self.ask(part.to_vec()).await;
            if outcome.mode != Mode::Exact {
                all.mode = outcome.mode;
            }
            all.decisions.extend(outcome.decisions);
            if !all.allowed() {
                break;
            }
        }
        all
    }

    /// Whether one more call would be admitted; charges nothing. Never fails, like
    /// [`Client::check`].
    pub async fn peek(&self, check: Check) -> Outcome {
        self.check(vec![Check { cost: 0, ..check }]).await
    }

    /// Forgets everything counted under `key`: in the store, and in the refusal caches of every
    /// limiter that can be reached and of this client. Says whether anything was counted.
    ///
    /// # Errors
    /// If no limiter confirmed it.
    pub async fn reset(&self, key: Bytes) -> Result<bool, ClientError> {
        let key = fit::fit_key(key);
        self.limiters.reset(key).await.map_err(ClientError::Reset)
    }

    /// Takes `cost` admissions of `key` back that should not count after all; says how many were.
    /// Not for what a degraded mode admitted. With [`Admitted::Within`] give the time since before
    /// the check was asked; what the refund may take on its way is added here.
    ///
    /// This client and every limiter that can be reached forget the refusals of the key. Other
    /// clients hold to the waits they were told.
    ///
    /// # Errors
    /// If no limiter confirmed it. Do not repeat it then: twice is too much.
    pub async fn refund(
        &self,
        key: Bytes,
        cost: u64,
        admitted: Admitted,
    ) -> Result<u64, ClientError> {
        let admitted = match admitted {
            Admitted::Last => Admitted::Last,
            Admitted::Within(age) => Admitted::Within(age + self.longest_refund),
        };
        let refund = Refund {
            key: fit::fit_key(key),
            cost: cost.min(MAX_COST),
            admitted,
        };
        self.limiters
            .refund(refund)
            .await
            .map_err(ClientError::Refund)
    }

    async fn ask(&self, list: CheckList) -> Outcome {
        if list.is_empty() {
            return Outcome {
                decisions: Vec::new(),
                mode: Mode::Exact,
            };
        }
        let answer = self.limiters.check(&[list]).await;
        let outcome = answer.ok().and_then(|mut outcomes| outcomes.pop());
        outcome.expect(
            "Defects::Absorb leaves no error, and every layer answers one list with one outcome",
        )
    }
}
