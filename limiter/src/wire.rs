//! Between this crate's types and those of `weir.limiter.v1`.

use std::time::Duration;

use weir_proto::limiter::v1;

use crate::check::{Check, Decision, Limit, Mode, Outcome};
use crate::error::StoreError;
use crate::inspect::{Inspection, KnownRefusal};
use crate::store::{Admitted, Refund};
use crate::window::Terms;

/// Whole milliseconds, rounded up: who waits as long as it says has waited long enough.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

pub(crate) fn check_to_wire(check: &Check) -> v1::Check {
    v1::Check {
        limit_name: check.limit_name.as_ref().to_owned(),
        key: check.key.clone(),
        calls: check.limit.calls.get(),
        renewal_period_ms: millis(check.limit.renewal_period),
        cost: Some(check.cost),
    }
}

pub(crate) fn refund_to_wire(refund: &Refund) -> v1::RefundRequest {
    let admitted_within_ms = match refund.admitted {
        Admitted::Last => None,
        Admitted::Within(age) => Some(millis(age)),
    };
    v1::RefundRequest {
        key: refund.key.clone(),
        cost: Some(refund.cost),
        admitted_within_ms,
    }
}

pub(crate) fn decision_to_wire(decision: &Decision) -> v1::Decision {
    v1::Decision {
        allowed: decision.allowed,
        limit: decision.limit,
        remaining: decision.remaining,
        retry_after_ms: millis(decision.retry_after),
        reset_after_ms: millis(decision.reset_after),
        recheck_after_ms: decision.recheck_after.map_or(0, millis),
    }
}

pub(crate) fn mode_to_wire(mode: Mode) -> v1::Mode {
    match mode {
        Mode::Exact => v1::Mode::Exact,
        Mode::Local => v1::Mode::Local,
        Mode::Allow => v1::Mode::Allow,
        Mode::Deny => v1::Mode::Deny,
    }
}

pub(crate) fn outcome_to_wire(outcome: &Outcome) -> v1::CheckResponse {
    v1::CheckResponse {
        allowed: outcome.allowed(),
        decisions: outcome.decisions.iter().map(decision_to_wire).collect(),
        mode: mode_to_wire(outcome.mode).into(),
    }
}

pub(crate) fn limit_to_wire(limit: &Limit) -> v1::Limit {
    v1::Limit {
        calls: limit.calls.get(),
        renewal_period_ms: millis(limit.renewal_period),
    }
}

/// Everything known of a key, with its standing under each of `limits`.
pub(crate) fn inspection_to_wire(inspection: &Inspection, limits: &[Limit]) -> v1::InspectResponse {
    let snapshot = &inspection.snapshot;
    let mut response = v1::InspectResponse {
        standings: limits
            .iter()
            .map(|limit| standing_to_wire(inspection, limit))
            .collect(),
        refusals: inspection.refusals.iter().map(refusal_to_wire).collect(),
        mode: mode_to_wire(inspection.mode).into(),
        ..v1::InspectResponse::default()
    };
    if let (Some(largest), Some(shortest)) = (snapshot.largest(), snapshot.shortest_period()) {
        let whole = snapshot.standing(largest);
        let (first, last) = snapshot.ages().unwrap_or_default();
        response.used = whole.used;
        // An age is what has passed for certain; a wait is how long to wait at the most.
        (response.first_age_ms, response.last_age_ms) = (first / 1000, last / 1000);
        (response.next_slot_ms, response.empty_after_ms) =
            (wait(whole.next_slot), wait(whole.reset_after));
        response.largest_calls = largest.calls;
        (response.shortest_period_ms, response.longest_period_ms) =
            (wait(shortest), wait(largest.period));
        response.slotted = snapshot.is_slotted();
    }
    response
}

fn standing_to_wire(inspection: &Inspection, limit: &Limit) -> v1::Standing {
    let standing = inspection.snapshot.standing(Terms::from(*limit));
    v1::Standing {
        limit: Some(limit_to_wire(limit)),
        used: standing.used,
        remaining: standing.remaining,
        retry_after_ms: wait(standing.retry_after),
        next_slot_ms: wait(standing.next_slot),
        reset_after_ms: wait(standing.reset_after),
    }
}

fn refusal_to_wire(refusal: &KnownRefusal) -> v1::KnownRefusal {
    let limit = Some(limit_to_wire(&refusal.limit));
    v1::KnownRefusal {
        limit,
        cost: refusal.cost,
        retry_after_ms: millis(refusal.retry_after),
    }
}

/// Microseconds as whole milliseconds, rounded up.
fn wait(micros: u64) -> u64 {
    micros.div_ceil(1000)
}

/// What a limiter answered to a list of `asked` checks.
///
/// # Errors
/// If it cannot be the answer to that list: a limiter of another version, or no limiter.
pub(crate) fn outcome_from_wire(
    response: v1::CheckResponse,
    asked: usize,
) -> Result<Outcome, StoreError> {
    let mode = match response.mode() {
        v1::Mode::Exact => Mode::Exact,
        v1::Mode::Local => Mode::Local,
        v1::Mode::Allow => Mode::Allow,
        v1::Mode::Deny => Mode::Deny,
        v1::Mode::Unspecified => {
            return Err(StoreError::Protocol(
                "an answer without a known mode".to_owned(),
            ));
        }
    };
    let decisions: Vec<Decision> = response
        .decisions
        .into_iter()
        .map(decision_from_wire)
        .collect();
    let outcome = Outcome { decisions, mode };
    let evaluated = outcome.decisions.len();
    // Fewer decisions than checks only after a refusal: a missing one must never count as an
    // admission.
    let complete = evaluated == asked || (evaluated < asked && evaluated > 0 && !outcome.allowed());
    if complete && outcome.allowed() == response.allowed {
        Ok(outcome)
    } else {
        Err(StoreError::Protocol(format!(
            "{evaluated} decisions to {asked} checks, allowed: {}",
            response.allowed
        )))
    }
}

fn decision_from_wire(decision: v1::Decision) -> Decision {
    Decision {
        allowed: decision.allowed,
        limit: decision.limit,
        remaining: decision.remaining,
        retry_after: Duration::from_millis(decision.retry_after_ms),
        reset_after: Duration::from_millis(decision.reset_after_ms),
        recheck_after: (decision.recheck_after_ms > 0)
            .then(|| Duration::from_millis(decision.recheck_after_ms)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn decision(allowed: bool) -> v1::Decision {
        v1::Decision {
            allowed,
            limit: 15,
            remaining: 0,
            retry_after_ms: 23_000,
            reset_after_ms: 60_000,
            recheck_after_ms: 59,
        }
    }

    fn response(allowed: bool, decisions: &[bool]) -> v1::CheckResponse {
        let decisions = decisions.iter().copied().map(decision).collect();
        v1::CheckResponse {
            allowed,
            decisions,
            mode: v1::Mode::Exact.into(),
        }
    }

    #[test]
    fn durations_round_up_to_milliseconds() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_micros(1_000)), 1);
        assert_eq!(millis(Duration::from_micros(1_001)), 2);
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }

    #[test]
    fn an_outcome_survives_the_wire() {
        let outcome = outcome_from_wire(response(false, &[true, false]), 3).unwrap();
        assert_eq!(
            (outcome.allowed(), outcome.mode, outcome.decisions.len()),
            (false, Mode::Exact, 2)
        );
        assert_eq!(outcome_to_wire(&outcome), response(false, &[true, false]));
    }

    #[test]
    fn a_missing_decision_is_never_an_admission() {
        for (response, asked) in [
            (response(true, &[]), 1),
            (response(true, &[true]), 2),
            (response(false, &[]), 1),
            (response(true, &[false]), 1),
            (response(false, &[true]), 1),
            (response(true, &[true, true]), 1),
            (
                v1::CheckResponse {
                    mode: 0,
                    ..response(true, &[true])
                },
                1,
            ),
            (
                v1::CheckResponse {
                    mode: 99,
                    ..response(true, &[true])
                },
                1,
            ),
        ] {
            let error = outcome_from_wire(response.clone(), asked).unwrap_err();
            assert!(matches!(error, StoreError::Protocol(_)), "{response:?}");
        }
    }
}
