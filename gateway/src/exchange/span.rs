//! What became of a policy, on its span. Never what it looked at: headers, claims and counter keys
//! are credentials or name people.

use tracing::Span;
use weir_limiter::{Decision, Mode};
use weir_policy::plan::RateLimitByKey;

use super::Stop;
use crate::failure::Failure;
use crate::metrics::mode_name;

/// The policy has run.
pub(super) fn end<T>(span: &Span, result: &Result<T, Stop>) {
    if span.is_disabled() {
        return;
    }
    match result {
        Ok(_) => {
            span.record("weir.policy.result", "passed");
        }
        Err(Stop::Answered) => {
            span.record("weir.policy.result", "answered");
        }
        Err(Stop::Failed(failure)) => fail(span, failure),
    }
}

/// A limit was decided. `mode` says by whom.
pub(super) fn decided(span: &Span, limit: &RateLimitByKey, decision: &Decision, mode: Mode) {
    if span.is_disabled() {
        return;
    }
    span.record("weir.limit.name", &*limit.name)
        .record("weir.limit.calls", decision.limit)
        .record("weir.limit.remaining", decision.remaining)
        .record("weir.limiter.mode", mode_name(mode));
    if decision.allowed {
        span.record("weir.policy.result", "passed");
    } else {
        let wait = u64::try_from(decision.retry_after.as_millis()).unwrap_or(u64::MAX);
        span.record("weir.policy.result", "refused")
            .record("weir.policy.reason", "RateLimitExceeded")
            .record("weir.limit.retry_after_ms", wait);
    }
}

/// A refusal is the caller's affair; what is the gateway's or a backend's fault is an error.
fn fail(span: &Span, failure: &Failure) {
    span.record("weir.policy.reason", &*failure.reason);
    if failure.status.is_server_error() {
        span.record("weir.policy.result", "failed")
            .record("otel.status_code", "ERROR")
            .record("error.type", &*failure.reason);
    } else {
        span.record("weir.policy.result", "refused");
    }
}
