//! `weir.limiter.v1.Limiter` over any [`Store`].

use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use tracing::{Instrument, Span, field};
use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_server::Limiter;
use weir_telemetry::propagation;

use super::metrics::{Charged, ServiceMetrics};
use super::top::TopKeys;
use super::validate;
use crate::check::{CheckList, Limit, Outcome};
use crate::inspect::{Inspect, Inspection};
use crate::layers::degraded::describe;
use crate::rpc::{code_name, full_name};
use crate::store::StoreError;
use crate::throttle::Throttle;
use crate::wire::{
    decision_to_wire, inspection_to_wire, mode_to_wire, outcome_to_wire, report_to_wire,
};

/// The largest request the service reads: the most checks of a batch with the longest keys and
/// names, and some.
pub(crate) const MAX_REQUEST_BYTES: usize = 2 * 1_024 * 1_024;

/// The service. Keys appear neither in its spans nor in its logs.
pub(crate) struct LimiterService<S> {
    store: Arc<S>,
    metrics: ServiceMetrics,
    /// One permit per call in flight.
    slots: Semaphore,
    /// The keys that stand out, if they are counted.
    top: Option<TopKeys>,
    complaints: Throttle,
}

impl<S: Inspect> LimiterService<S> {
    /// `top_keys` are the keys to count, to tell which stand out; 0 counts none.
    pub(crate) fn new(
        store: Arc<S>,
        calls_in_flight: usize,
        top_keys: usize,
        metrics: ServiceMetrics,
    ) -> Self {
        let slots = Semaphore::new(calls_in_flight.min(Semaphore::MAX_PERMITS));
        let top = (top_keys > 0).then(|| TopKeys::new(top_keys));
        Self {
            store,
            metrics,
            slots,
            top,
            complaints: Throttle::default(),
        }
    }

    /// What every call has in common: its place among those in flight, its span and its count.
    async fn serve<T>(
        &self,
        method: &'static str,
        metadata: &MetadataMap,
        // Pinned, because it is large and would be moved several times.
        work: Pin<&mut (impl Future<Output = Result<T, Status>> + Send)>,
    ) -> Result<Response<T>, Status> {
        let span = span(method, metadata);
        let answer = match self.slots.try_acquire() {
            Ok(_slot) => work.instrument(span.clone()).await,
            // Not RESOURCE_EXHAUSTED: nothing was evaluated, and another limiter may have room.
            Err(_) => Err(Status::unavailable(
                "too many calls in flight: try another limiter, or later",
            )),
        };
        let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
        let name = code_name(code);
        self.metrics.request(method, name);
        span.record("rpc.response.status_code", name);
        if is_our_fault(code) {
            span.record("otel.status_code", "ERROR")
                .record("error.type", name);
        }
        answer.map(Response::new)
    }

    async fn decide(&self, lists: Vec<CheckList>) -> Result<Vec<Outcome>, Status> {
        let charged: Vec<Vec<Charged>> = lists
            .iter()
            .map(|list| list.iter().map(Charged::from).collect())
            .collect();
        let outcomes = self
            .store
            .check(lists)
            .await
            .map_err(|error| self.status(&error))?;
        for (charged, outcome) in charged.iter().zip(&outcomes) {
            self.metrics.decided(charged, outcome);
        }
        if let Some(top) = &self.top {
            let now = Instant::now();
            for (charged, outcome) in charged.iter().zip(&outcomes) {
                for (charged, decision) in charged.iter().zip(&outcome.decisions) {
                    if let Charged::Yes(subject) = charged {
                        top.record(subject, !decision.allowed, now);
                    }
                }
            }
        }
        Ok(outcomes)
    }

    async fn decide_one(&self, list: CheckList) -> Result<Outcome, Status> {
        let outcome = self.decide(vec![list]).await?.pop();
        outcome.ok_or_else(|| Status::internal("the store gave no answer to one list"))
    }

    /// The limits under which it is worth saying where a key stands: those asked for, the one that
    /// admitted if it was one, those that refused, and the one it was last checked under.
    fn limits_of(&self, key: &[u8], inspection: &Inspection, mut limits: Vec<Limit>) -> Vec<Limit> {
        let snapshot = &inspection.snapshot;
        let stored = snapshot
            .largest()
            .filter(|largest| snapshot.shortest_period() == Some(largest.period));
        let seen = self
            .top
            .as_ref()
            .and_then(|top| top.limit_of(key, Instant::now()));
        let known = inspection.refusals.iter().map(|refusal| refusal.limit);
        for limit in known.chain(seen).chain(stored.and_then(Limit::of_terms)) {
            if !limits.contains(&limit) {
                limits.push(limit);
            }
        }
        limits
    }

    /// A failed store's status. `UNAVAILABLE` and `RESOURCE_EXHAUSTED` say that asking again may
    /// help, `INTERNAL` that an operator has to look.
    fn status(&self, error: &StoreError) -> Status {
        match error {
            StoreError::Timeout(_) | StoreError::Unavailable(_) | StoreError::Refused(_) => {
                Status::unavailable(error.to_string())
            }
            StoreError::Full => Status::resource_exhausted(error.to_string()),
            StoreError::Protocol(_) | StoreError::Config(_) => {
                // The details are for the operator, not for the caller.
                if self.complaints.may_pass() {
                    tracing::error!(error = describe(error), "the store cannot be used");
                }
                Status::internal("the store cannot be used; the limiter's log says why")
            }
        }
    }
}

#[tonic::async_trait]
impl<S: Inspect> Limiter for LimiterService<S> {
    async fn check(
        &self,
        request: Request<v1::CheckRequest>,
    ) -> Result<Response<v1::CheckResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            Ok(outcome_to_wire(
                &self.decide_one(validate::list(message)?).await?,
            ))
        };
        self.serve("Check", &metadata, pin!(work)).await
    }

    async fn check_batch(
        &self,
        request: Request<v1::CheckBatchRequest>,
    ) -> Result<Response<v1::CheckBatchResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let outcomes = self.decide(validate::batch(message)?).await?;
            Ok(v1::CheckBatchResponse {
                responses: outcomes.iter().map(outcome_to_wire).collect(),
            })
        };
        self.serve("CheckBatch", &metadata, pin!(work)).await
    }

    async fn peek(
        &self,
        request: Request<v1::PeekRequest>,
    ) -> Result<Response<v1::PeekResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let outcome = self.decide_one(vec![validate::peek(message)?]).await?;
            let decision = outcome.decisions.first().map(decision_to_wire);
            Ok(v1::PeekResponse {
                decision,
                mode: mode_to_wire(outcome.mode).into(),
            })
        };
        self.serve("Peek", &metadata, pin!(work)).await
    }

    async fn reset(
        &self,
        request: Request<v1::ResetRequest>,
    ) -> Result<Response<v1::ResetResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let key = validate::reset(message)?;
            let existed = self
                .store
                .reset(key)
                .await
                .map_err(|error| self.status(&error))?;
            tracing::info!(existed, "a key was reset");
            Ok(v1::ResetResponse { existed })
        };
        self.serve("Reset", &metadata, pin!(work)).await
    }

    async fn inspect(
        &self,
        request: Request<v1::InspectRequest>,
    ) -> Result<Response<v1::InspectResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let (key, limits) = validate::inspect(message)?;
            let inspection = self
                .store
                .inspect(key.clone())
                .await
                .map_err(|error| self.status(&error))?;
            let limits = self.limits_of(&key, &inspection, limits);
            Ok(inspection_to_wire(&inspection, &limits))
        };
        self.serve("Inspect", &metadata, pin!(work)).await
    }

    async fn top(
        &self,
        request: Request<v1::TopRequest>,
    ) -> Result<Response<v1::TopResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let keys = validate::top(message)?;
            let top = self.top.as_ref().ok_or_else(|| {
                Status::failed_precondition(
                    "this limiter does not count keys: it was started with --top-keys 0",
                )
            })?;
            Ok(report_to_wire(&top.report(keys, Instant::now())))
        };
        self.serve("Top", &metadata, pin!(work)).await
    }

    async fn refund(
        &self,
        request: Request<v1::RefundRequest>,
    ) -> Result<Response<v1::RefundResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let work = async {
            let refund = validate::refund(message)?;
            let refunded = self
                .store
                .refund(refund)
                .await
                .map_err(|error| self.status(&error))?;
            Ok(v1::RefundResponse { refunded })
        };
        self.serve("Refund", &metadata, pin!(work)).await
    }
}

/// A server span in the caller's trace. Without an exporter there is none, and this costs nothing.
fn span(method: &'static str, metadata: &MetadataMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = full_name(method),
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = full_name(method),
        rpc.response.status_code = field::Empty,
        error.type = field::Empty,
    );
    propagation::set_parent(&span, metadata.as_ref());
    span
}

fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Internal | Code::Unavailable | Code::ResourceExhausted | Code::Unknown
    )
}

#[cfg(test)]
mod tests;
