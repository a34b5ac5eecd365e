//! What every gRPC service of a limiter has in common: it decides, counts what it decided, and
//! bounds and watches its calls.
//!
//! A service is a thin translation between its protocol and a [`Decider`], which all of them share.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Code, Response, Status};
use tracing::{Instrument, Span, field};
use weir_telemetry::propagation;

use super::metrics::ServiceMetrics;
use super::top::{Report, TopKeys};
use crate::check::{CheckList, Limit, Outcome};
use crate::error::{StoreError, with_causes};
use crate::inspect::Inspection;
use crate::rpc::{Method, code_name};
use crate::store::{Admin, Decide, Inspect, Refund};
use crate::throttle::Throttle;

/// A store as services ask it. Keys appear neither in its spans nor in its logs.
pub(crate) struct Decider<S> {
    store: Arc<S>,
    metrics: ServiceMetrics,
    /// One permit per call in flight.
    slots: Semaphore,
    /// The keys that stand out, if they are counted.
    top: Option<TopKeys>,
    complaints: Throttle,
}

impl<S: Decide> Decider<S> {
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
    pub(crate) async fn serve<T>(
        &self,
        method: Method,
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
        self.metrics.request(method.name, name);
        span.record("rpc.response.status_code", name);
        if is_our_fault(code) {
            span.record("otel.status_code", "ERROR")
                .record("error.type", name);
        }
        answer.map(Response::new)
    }

    /// Decides lists and counts the decisions.
    pub(crate) async fn decide(&self, lists: &[CheckList]) -> Result<Vec<Outcome>, Status> {
        let outcomes = self.stored(self.store.check(lists).await)?;
        self.count(lists, &outcomes);
        Ok(outcomes)
    }

    /// Decides one list and counts the decisions.
    pub(crate) async fn decide_one(&self, list: CheckList) -> Result<Outcome, Status> {
        let outcome = self.decide(&[list]).await?.pop();
        outcome.ok_or_else(|| Status::internal("the store gave no answer to one list"))
    }

    /// Peeks are not counted.
    fn count(&self, lists: &[CheckList], outcomes: &[Outcome]) {
        let top = self.top.as_ref().map(|top| (top, Instant::now()));
        for (list, outcome) in lists.iter().zip(outcomes) {
            for (check, decision) in list.iter().zip(&outcome.decisions) {
                if check.cost == 0 {
                    continue;
                }
                self.metrics.decided(&check.limit_name, decision.allowed);
                if let Some((top, now)) = top {
                    top.record(check, !decision.allowed, now);
                }
            }
        }
    }

    /// The keys that stand out.
    pub(crate) fn top(&self, keys: usize) -> Result<Report, Status> {
        let top = self.top.as_ref().ok_or_else(|| {
            Status::failed_precondition(
                "this limiter does not count keys: it was started with --top-keys 0",
            )
        })?;
        Ok(top.report(keys, Instant::now()))
    }

    /// The limits under which it is worth saying where a key stands: those asked for, the one that
    /// admitted if it was one, those that refused, and the one it was last checked under.
    pub(crate) fn limits_of(
        &self,
        key: &[u8],
        inspection: &Inspection,
        mut limits: Vec<Limit>,
    ) -> Vec<Limit> {
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

    fn stored<T>(&self, answer: Result<T, StoreError>) -> Result<T, Status> {
        answer.map_err(|error| self.status(&error))
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
                    tracing::error!(error = with_causes(error), "the store cannot be used");
                }
                Status::internal("the store cannot be used; the limiter's log says why")
            }
        }
    }
}

impl<S: Decide + Admin> Decider<S> {
    /// Forgets a key; says whether anything was counted under it.
    pub(crate) async fn reset(&self, key: Bytes) -> Result<bool, Status> {
        self.stored(self.store.reset(key).await)
    }

    /// Takes admissions back; says how many.
    pub(crate) async fn refund(&self, refund: Refund) -> Result<u64, Status> {
        self.stored(self.store.refund(refund).await)
    }
}

impl<S: Decide + Inspect> Decider<S> {
    /// Everything known of a key.
    pub(crate) async fn inspect(&self, key: Bytes) -> Result<Inspection, Status> {
        self.stored(self.store.inspect(key).await)
    }
}

/// A server span in the caller's trace. Without an exporter there is none, and this costs nothing.
fn span(method: Method, metadata: &MetadataMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = method.full_name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method.full_name,
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
